"""The one rule applied to everybody who offers a service. Pure: what is shown and what is accepted come from here."""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.db.availability_queries import Candidate, Offering
from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.errors import Reason
from booking_app.domain.freshness import covered, distrust, oldest, trusted_until
from booking_app.domain.rules import Schedule, SlotRules, Span
from booking_app.domain.slots import Offer, offers_all, offers_any, refusal

SENTENCES = {
    Reason.TAKEN: "This time has just been taken.",
    Reason.CLOSED: "This time is outside opening hours.",
    Reason.OFF_GRID: "Appointments do not start at this time.",
    Reason.TOO_SOON: "This time is too soon to be booked.",
    Reason.TOO_FAR: "This time is further ahead than can be booked.",
    Reason.DAY_FULL: "No more appointments are taken on this day.",
    Reason.CALENDAR_BUSY: "Something else has just come up at this time.",
    Reason.CALENDAR_STALE: "We could not confirm this time with the calendar just now. Please try again in a moment.",
    Reason.CALENDAR_UNREADABLE: "Temporarily not bookable: the calendar cannot be read. The team is told if it lasts.",
    Reason.NOT_OFFERED: "Nobody offers this service at the moment.",
    Reason.CUT_OFF: "It is too late to change this appointment online. Please phone us.",
    Reason.HOLD_EXPIRED: "The time was no longer kept for you.",
    Reason.TOO_MANY: "There are many appointments with this mail address already. Please contact us directly.",
    Reason.MOVED_OFTEN: "This appointment was moved many times within an hour. Please try again later, or contact us.",
    Reason.NOT_KEPT: "Too many times are being kept just now. This one can still be booked while it is free.",
    Reason.ALREADY_CANCELLED: "This appointment is already cancelled.",
}


def sentence(reason: Reason, start: int, now: int) -> str:
    """Why an appointment cannot start at the instant `start`, as the customer reads it."""
    return "This time has already passed." if reason is Reason.TOO_SOON and start < now else SENTENCES[reason]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offers:
    """`open`: the starts and who is free then, by id. `withheld`: who is left out and why. `verified_at`: as of when
    the oldest calendar used is right, None if none was used. `stands_until`: the last instant at which nobody more is
    withheld, if no calendar is read until then; None if that does not come by itself."""

    open: list[Offer]
    withheld: tuple[tuple[Candidate, Reason], ...]
    verified_at: int | None
    stands_until: int | None


def offers(offering: Offering, span: Span, now: int, bound: float, when_failing: float) -> Offers:
    """What can be booked in the half-open `span`; whoever's calendar was not verified in the last `bound` seconds (in
    the last `when_failing`, if it could not be read since), or cannot be read at all, is withheld."""
    trusted: list[Candidate] = []
    withheld: list[tuple[Candidate, Reason]] = []
    for candidate in offering.candidates:
        reason = distrust(candidate.calendars, now, bound, when_failing)
        if reason is None:
            trusted.append(candidate)
        else:
            withheld.append((candidate, reason))
    together = offering.assignment is AssignmentMode.ALL
    found: list[Offer] = []
    if trusted and not (together and withheld):
        # Each person's span ends where their calendars' busy blocks do.
        spans = [reach(each, offering.rules, span) for each in trusted]
        schedules = [each.schedule for each in trusted]
        if together:
            common = max(start for start, _ in spans), min(end for _, end in spans)
            found = offers_all(offering.rules, schedules, common, now)
        elif all(each == spans[0] for each in spans):
            found = offers_any(offering.rules, schedules, spans[0], now)
        else:
            found = _any_of(offering.rules, schedules, spans, now)
    used = [calendar for each in trusted for calendar in each.calendars]
    return Offers(
        open=found,
        withheld=tuple(withheld),
        verified_at=oldest(used),
        stands_until=trusted_until(used, bound, when_failing),
    )


def _any_of(rules: SlotRules, schedules: list[Schedule], spans: list[Span], now: int) -> list[Offer]:
    free: dict[int, tuple[int, ...]] = {}
    for schedule, span in zip(schedules, spans, strict=True):
        for start, ids in offers_any(rules, [schedule], span, now):
            free[start] = free.get(start, ()) + ids
    return sorted(free.items())


def reach(candidate: Candidate, rules: SlotRules, span: Span) -> Span:
    """The part of `span` for whose starts the candidate's calendars are known."""
    lead, tail = rules.buffer_before * 60, (rules.duration + rules.buffer_after) * 60
    return covered(candidate.calendars, span, lead, tail)


def why_not(offering: Offering, candidate: Candidate, start: int, now: int) -> Reason | None:
    """None if the candidate can take an appointment at `start`, going by what is loaded; freshness is not judged."""
    first, end = reach(candidate, offering.rules, (start, start + 1))
    if (first, end) != (start, start + 1):
        # Calendars are known from a while ago on: what lies before is over, not far ahead.
        return Reason.TOO_SOON if start < now + offering.rules.notice * 60 else Reason.TOO_FAR
    return refusal(offering.rules, candidate.schedule, start, now)
