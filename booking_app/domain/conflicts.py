"""What about an appointment waits for a person's decision, and what they can answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from booking_app.domain.rules import Span

DAY = 86400


class ConflictKind(StrEnum):
    """`MOVED`: the event was moved in the calendar to where the appointment cannot be. `RESHAPED`: to where it can be,
    but nobody would mean it without a word. `REPEATS`: it was made to repeat. `AWAY`: it was put into a calendar of the
    account that is not read. `OVERLAP`: something else stands at the time of an appointment that was accepted while the
    calendar could not be looked at."""

    MOVED = "moved"
    RESHAPED = "reshaped"
    REPEATS = "repeats"
    AWAY = "away"
    OVERLAP = "overlap"

    @property
    def about_event(self) -> bool:
        """Whether the event in the calendar is not as the appointment is: then it is left alone until decided."""
        return self is not ConflictKind.OVERLAP


class Answer(StrEnum):
    """`PUT_BACK`: write the event as the appointment is. `FOLLOW`: move the appointment to where the event stands, and
    tell the customer. `KEEP`: leave both as they are. `CANCEL`: end the appointment, and tell the customer."""

    PUT_BACK = "put_back"
    FOLLOW = "follow"
    KEEP = "keep"
    CANCEL = "cancel"


ANSWERS: Mapping[ConflictKind, tuple[Answer, ...]] = {
    ConflictKind.MOVED: (Answer.PUT_BACK, Answer.CANCEL),
    ConflictKind.RESHAPED: (Answer.PUT_BACK, Answer.FOLLOW, Answer.CANCEL),
    ConflictKind.REPEATS: (Answer.PUT_BACK, Answer.KEEP, Answer.CANCEL),
    ConflictKind.AWAY: (Answer.PUT_BACK, Answer.KEEP, Answer.CANCEL),
    ConflictKind.OVERLAP: (Answer.KEEP, Answer.CANCEL),
}
"""What can be answered, the one that changes least first."""


class Shape(StrEnum):
    """How our event stands in a calendar, beside its time. `PLAIN`: as we write it."""

    PLAIN = "plain"
    ALL_DAY = "all_day"
    REPEATS = "repeats"
    UNCLEAR = "unclear"
    """Its time zone or its end cannot be read."""


def doubtful(shape: Shape, before: Span, after: Span, now: int) -> tuple[ConflictKind, str] | None:
    """The question that follows when an owner changed the event of an appointment from the span `before` to `after`
    into `shape`, with the rest of a sentence about the event; None if the appointment may simply follow."""
    if shape is Shape.REPEATS:
        return ConflictKind.REPEATS, "was made to repeat in the calendar"
    if shape is Shape.UNCLEAR:
        return ConflictKind.MOVED, "was given a time in the calendar that cannot be read"
    if shape is Shape.ALL_DAY:
        return ConflictKind.RESHAPED, "was made a whole day in the calendar"
    if after[1] - after[0] > DAY:
        return ConflictKind.RESHAPED, "was made longer than a day in the calendar"
    if after[0] < now and after[0] != before[0]:
        return ConflictKind.RESHAPED, "was moved in the calendar to a time that is over"
    return None
