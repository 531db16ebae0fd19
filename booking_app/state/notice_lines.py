"""What needs somebody, in words, with the answers to what is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from booking_app.domain.conflicts import Answer
from booking_app.services.views_sync import AlertView
from booking_app.state.views_admin import Choosable, Notice


def notices(alerts: Iterable[AlertView]) -> tuple[Notice, ...]:
    """The open alerts, with what can be decided. What concerns a whole provider stands on top."""
    shown = [
        Notice(
            id=each.id,
            message=each.message,
            since=each.since,
            moved=each.moved or 0,
            provider=each.provider,
            choices=choosable(each.moved or 0, each.choices),
        )
        for each in alerts
    ]
    return tuple(sorted(shown, key=lambda each: not each.provider))


_ANSWERS = {
    Answer.PUT_BACK: "Put it back",
    Answer.FOLLOW: "Move the appointment there",
    Answer.KEEP: "Leave it so",
    Answer.CANCEL: "Cancel the appointment",
}


FINAL = frozenset({Answer.FOLLOW, Answer.CANCEL})
"""Answers by which the customer is written to."""


def choosable(appointment: int, answers: Iterable[Answer]) -> tuple[Choosable, ...]:
    """The answers as they are offered."""
    return tuple(
        Choosable(
            appointment=appointment,
            answer=answer.value,
            words=_ANSWERS[answer],
            asked=f"{appointment}:{answer.value}",
            final=answer in FINAL,
        )
        for answer in answers
    )


DECIDED = {
    Answer.PUT_BACK: "The event is being put back where the appointment stands.",
    Answer.FOLLOW: "The appointment is now where the event stands. The customer is told.",
    Answer.KEEP: "It stays as it is, and the customer is not told.",
    Answer.CANCEL: "The appointment is cancelled. The customer is told.",
}


def undecided(notices: Sequence[Notice]) -> str:
    """What the first sentence of the page adds when appointments wait for a decision."""
    count = sum(each.moved > 0 for each in notices)
    if not count:
        return ""
    return " One appointment needs a decision." if count == 1 else f" {count} appointments need a decision."
