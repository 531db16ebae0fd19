"""May these people take an appointment at this time? Asked before a write and again under the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.appointments_queries import lock_step
from booking_app.db.availability_queries import Candidate, Offering, offering_of, offering_step
from booking_app.db.hold_queries import StandingHold
from booking_app.db.pipeline import together
from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.assignment import choose
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Reason
from booking_app.domain.freshness import distrust
from booking_app.domain.rules import Span
from booking_app.services.context import Context, LiveRead
from booking_app.services.offers import why_not

Group = tuple[Candidate, ...]
"""People who take one appointment together."""


@dataclass(kw_only=True, slots=True)
class Live:
    """What live reads found so far in one request, by bookable id. `follows`: of whom there is none yet, there will be
    one before anything is written; else it is what is stored that counts, as for what is offered."""

    reads: dict[int, LiveRead] = field(default_factory=dict)
    follows: bool = False

    async def read(self, ctx: Context, people: Sequence[Candidate], span: Span) -> None:
        """Read the calendars of those not yet read; who has none cannot be busy in one."""
        missing = [each.bookable_id for each in people if each.calendars and each.bookable_id not in self.reads]
        if missing:
            found = await ctx.reread(missing, span)
            self.reads.update({each: found.get(each, LiveRead(ok=True)) for each in missing})

    def unlooked(self, people: Sequence[Candidate]) -> list[int]:
        """Whose calendars could not be looked at."""
        return [each.bookable_id for each in people if each.calendars and not self._looked(each.bookable_id)]

    def _looked(self, bookable_id: int) -> bool:
        read = self.reads.get(bookable_id)
        return read is not None and read.ok

    @property
    def busy(self) -> Mapping[int, Sequence[Span]]:
        return {each: read.busy for each, read in self.reads.items()}

    @property
    def failed(self) -> list[int]:
        return [each for each, read in self.reads.items() if not read.ok]


def objection(
    ctx: Context,
    offering: Offering,
    candidate: Candidate,
    start: int,
    now: int,
    *,
    live: Live,
    judged_at: int | None = None,
) -> Reason | None:
    """Why the candidate cannot take an appointment at `start`; None if they can.

    The same rule that offers, with what the live read found. Where the live read failed, the stored copy counts only
    within the soft bound. `judged_at` is when notice and horizon were met, for a slot that was held since."""
    read = live.reads.get(candidate.bookable_id)
    readable = live.follows if read is None else read.ok
    bound = ctx.bounds.hard if read is None or read.ok else ctx.bounds.soft
    reason = distrust(candidate.calendars, now, bound, None if readable else ctx.bounds.soft)
    if reason is not None:
        return reason
    if read is not None and read.busy:
        schedule = replace(candidate.schedule, busy=[*candidate.schedule.busy, *read.busy])
        candidate = replace(candidate, schedule=schedule)
    return why_not(offering, candidate, start, now if judged_at is None else judged_at)


def groups(offering: Offering) -> list[Group]:
    """Who could take it: everybody together, or each alone."""
    if offering.assignment is AssignmentMode.ALL:
        return [offering.candidates] if offering.candidates else []
    return [(each,) for each in offering.candidates]


def in_turn(groups: Sequence[Group], load: Mapping[int, int], kept: StandingHold | None) -> Iterator[Group]:
    """Those whom a hold chose first, then whoever has the fewest appointments that week."""
    waiting = {group[0].bookable_id: group for group in groups}
    if kept and kept.bookables[0] in waiting:
        yield waiting.pop(kept.bookables[0])
    while waiting:
        yield waiting.pop(choose(list(waiting), load))


def objections(
    ctx: Context, offering: Offering, group: Group, start: int, now: int, live: Live, kept: StandingHold | None
) -> list[Reason]:
    """Why these people cannot take it together; empty if they can."""
    # Notice and horizon were met when the slot was held: filling in the form does not lose it.
    held = kept is not None and kept.service_id == offering.service_id and kept.span[0] == start
    judged_at = kept.since if kept is not None and held else None
    found = (objection(ctx, offering, each, start, now, live=live, judged_at=judged_at) for each in group)
    return [reason for reason in found if reason is not None]


async def under_lock(
    ctx: Context,
    db: AsyncSession,
    service: str,
    people: Sequence[int],
    start: int,
    *,
    live: Live,
    kept: StandingHold | None = None,
    without: Sequence[int] = (),
) -> Offering | list[Reason]:
    """Lock these bookables until the transaction ends and ask the one rule about them: the service with just them as
    candidates if they can take it together, else why not. The appointments `without` make room."""
    loaded_at = to_instant(ctx.now())
    load = offering_step(service, (start, start + 1), loaded_at, bookables=people, without=without)
    _, rows = await together(db, lock_step(people, loaded_at), load)
    offering = offering_of(rows)
    if offering is None or len(offering.candidates) < len(people):
        return [Reason.NOT_OFFERED]
    # Not as of when it was asked: the wait for the lock may have taken what is known beyond its age.
    now = to_instant(ctx.now())
    return objections(ctx, offering, offering.candidates, start, now, live, kept) or offering


def appointment_reach(offering: Offering, start: int) -> Span:
    """The instants that matter for an appointment at `start`: itself and its buffers."""
    rules = offering.rules
    return start - rules.buffer_before * 60, start + (rules.duration + rules.buffer_after) * 60


CLEAREST = (
    Reason.NOT_KEPT,
    Reason.TAKEN,
    Reason.CALENDAR_BUSY,
    Reason.DAY_FULL,
    Reason.CALENDAR_STALE,
    Reason.CALENDAR_UNREADABLE,
    Reason.TOO_SOON,
    Reason.TOO_FAR,
    Reason.OFF_GRID,
    Reason.CLOSED,
    Reason.NOT_OFFERED,
)


def clearest(reasons: Sequence[Reason]) -> Reason:
    """The one reason to name when several people cannot take it: what could be different in a moment comes first."""
    return next((each for each in CLEAREST if each in reasons), Reason.NOT_OFFERED)
