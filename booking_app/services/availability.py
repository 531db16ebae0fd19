"""When a service can be booked: load once, ask the one rule, withhold what cannot be trusted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from booking_app.db.availability_queries import Offering, heat, load_offering
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid, NotFound, Reason
from booking_app.domain.freshness import distrust, worth_waiting
from booking_app.services.context import Context
from booking_app.services.offers import Offers, offers
from booking_app.services.views import SlotQuery, SlotsAnswer, Withheld

WaitVerified = Callable[[Collection[int], float], Awaitable[None]]
"""(calendar ids, seconds) -> returns when all of them were announced as `verified`, or the seconds are over."""


async def slots(ctx: Context, query: SlotQuery) -> SlotsAnswer:
    """The open slots, from one query and without asking any provider.

    Marks the calendars behind them as hot, so that they are read often while somebody looks. Raises `NotFound`
    for an unknown service, `Invalid` for a person who does not offer it."""
    answer, _ = await read(ctx, query)
    return answer


async def fresh_slots(ctx: Context, query: SlotQuery, wait_verified: WaitVerified) -> SlotsAnswer:
    """`slots`, but a calendar older than the soft bound gets up to `bounds.fresh_wait` seconds to be read first, unless
    its last read failed or was slow. `wait_verified` is given by the layer that has the hub."""
    answer, offering = await read(ctx, query)
    now = to_instant(ctx.now())
    waited_for = [
        calendar.calendar_id
        for candidate in offering.candidates
        for calendar in candidate.calendars
        if worth_waiting(calendar) and distrust((calendar,), now, ctx.bounds.soft) is not None
    ]
    if not waited_for:
        return answer
    await wait_verified(waited_for, ctx.bounds.fresh_wait)
    answer, _ = await read(ctx, query)
    return answer


async def read(ctx: Context, query: SlotQuery) -> tuple[SlotsAnswer, Offering]:
    """`slots`, with the facts that it was computed from."""
    now = to_instant(ctx.now())
    async with reads(ctx.sessions).connect() as db:
        offering = await load_offering(db, query.service, query.span, now, staff=query.staff)
    if offering is None:
        raise NotFound("There is no such service.")
    check_staff(offering, query.staff)
    cold = [
        calendar.calendar_id
        for candidate in offering.candidates
        for calendar in candidate.calendars
        if calendar.hot_until < now + 20
    ]
    if cold:
        async with ctx.sessions.begin() as write:
            if due := await heat(write, cold, now):
                await announce(write, "due", due)
    return _answer(query, offering, offers(offering, query.span, now, ctx.bounds.hard, ctx.bounds.soft)), offering


def check_staff(offering: Offering, staff: str | None) -> None:
    """Raises `Invalid` if the person with that slug is wished for and not among the candidates."""
    if staff is not None and all(each.slug != staff for each in offering.candidates):
        raise Invalid("staff", "This person does not offer the service.")


def _answer(query: SlotQuery, offering: Offering, found: Offers) -> SlotsAnswer:
    slugs = {each.bookable_id: each.slug for each in offering.candidates}
    named: dict[tuple[int, ...], tuple[str, ...]] = {
        ids: tuple(slugs[each] for each in ids) for ids in {ids for _, ids in found.open}
    }
    return SlotsAnswer(
        service=query.service,
        span=query.span,
        duration=offering.rules.duration * 60,
        starts=tuple([start for start, _ in found.open]),
        staff=tuple([named[ids] for _, ids in found.open]),
        verified_at=found.verified_at,
        stands_until=found.stands_until,
        withheld=tuple(
            Withheld(staff=each.slug, name=each.name, reason=reason, message=_withheld(each.name, reason))
            for each, reason in found.withheld
        ),
    )


def _withheld(name: str, reason: Reason) -> str:
    if reason is Reason.CALENDAR_STALE:
        return f"We are still checking {name}'s calendar. Please look again in a moment, or choose somebody else."
    return f"{name} is temporarily not bookable online: the calendar cannot be read. The team is told if it lasts."
