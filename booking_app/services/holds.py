"""Holds: a slot is kept while somebody fills in the form. No mail, no calendar event."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.availability_queries import Offering, load_offering
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.hold_queries import (
    extend_hold,
    holds_beyond,
    holds_by,
    holds_of_tab,
    kept_time,
    lock_marks,
    overdue_holds,
    remove_hold,
    standing_hold,
    store_hold,
)
from booking_app.domain.assignment import week_of
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound, Reason, Refused
from booking_app.domain.holding import may_keep
from booking_app.domain.rules import Span
from booking_app.services.acceptance import Group, Live, clearest, groups, in_turn, objections, under_lock
from booking_app.services.alternatives import refused
from booking_app.services.availability import check_staff
from booking_app.services.booking import week_load
from booking_app.services.checks import checked_start
from booking_app.services.context import Context
from booking_app.services.offers import SENTENCES
from booking_app.services.views import Hold
from booking_app.services.visitors import Visitor

MOST = 8
"""Holds of one address that stand at a time. People of one office share an address, and few fill in a form in the same
minutes. Whoever comes beyond it can still book, without the slot being kept meanwhile."""

_LONGEST = 3
"""How many times as long as it was first kept a slot may be kept by typing: a quarter of an hour for five minutes."""


async def hold(ctx: Context, service: str, start: int, staff: str | None = None, *, by: Visitor | None = None) -> Hold:
    """Keep the slot for `bounds.hold_minutes`, in the place of any other that the tab of `by` keeps.

    Raises as `book` does; makes no live read. `Refused(NOT_KEPT)`: the slot is free, but the visitor's address keeps
    the most that it may, or so much of the person's time is kept that it is left to whoever books first."""
    now = to_instant(ctx.now())
    if by is not None:
        await _release_other(ctx, by, now)
    span = (checked_start(start), start + 1)
    async with reads(ctx.sessions).connect() as db:
        offering = await load_offering(db, service, span, now, staff=staff)
        if offering is None:
            raise NotFound("There is no such service.")
        check_staff(offering, staff)
        load = await week_load(db, offering, start, now)
    against: list[Reason] = []
    possible = []
    for group in groups(offering):
        reasons = objections(ctx, offering, group, start, now, Live(), None)
        against += reasons
        if not reasons:
            possible.append(group)
    for group in in_turn(possible, load, None):
        outcome = await _keep(ctx, service, start, group, by)
        if isinstance(outcome, Hold):
            return outcome
        against += outcome
    if clearest(against) is Reason.NOT_KEPT:
        raise Refused(Reason.NOT_KEPT, SENTENCES[Reason.NOT_KEPT])
    raise await refused(ctx, clearest(against), service=service, start=start, now=to_instant(ctx.now()), staff=staff)


async def _release_other(ctx: Context, by: Visitor, now: int) -> None:
    """Give back what the visitor's tab keeps, also if the page has forgotten it."""
    mark = by.mark(ctx)
    if mark is None:
        return
    async with reads(ctx.sessions).connect() as db:
        others = await holds_of_tab(db, mark, now)
    for token in others:
        await release(ctx, str(token))


async def _keep(ctx: Context, service: str, start: int, group: Group, by: Visitor | None) -> Hold | list[Reason]:
    people = [each.bookable_id for each in group]
    uid = uuid4()
    source, mark = (by.source(ctx), by.mark(ctx)) if by is not None else (None, None)
    async with ctx.sessions() as db:
        await lock_marks(db, [each for each in (source, mark) if each is not None])
        offering = await under_lock(ctx, db, service, people, start, live=Live())
        if not isinstance(offering, Offering):
            return offering
        now = to_instant(ctx.now())
        expires = now + ctx.bounds.hold_minutes * 60
        rules = offering.rules
        span = (start, start + rules.duration * 60)
        if not await _room(db, offering, span, now, source, mark):
            return [Reason.NOT_KEPT]
        if not await store_hold(
            db,
            uid=uid,
            service_id=offering.service_id,
            span=span,
            bookables=people,
            before=rules.buffer_before * 60,
            after=rules.buffer_after * 60,
            expires=expires,
            now=now,
            source=source,
            visitor=mark,
        ):
            return [Reason.TAKEN]
        await announce(db, "availability", people)
        await db.commit()
    return Hold(
        token=str(uid), start=span[0], end=span[1], staff=tuple(each.slug for each in group), expires_at=expires
    )


async def _room(
    db: AsyncSession, offering: Offering, span: Span, now: int, source: bytes | None, mark: bytes | None
) -> bool:
    """Whether one more hold may stand, counted under the locks of the visitor and of everybody who would come."""
    if source is not None:
        of_source, of_tab = await holds_by(db, source, mark, now)
        if of_source >= MOST or (mark is not None and of_tab):
            return False
    people = [each.bookable_id for each in offering.candidates]
    weeks = [week_of(span[0], each.schedule.hours.zone) for each in offering.candidates]
    around = (min(start for start, _ in weeks), max(end for _, end in weeks))
    kept = await kept_time(db, people, around, now)
    if not any(spans for spans, _ in kept.values()):
        return True
    loaded = await load_offering(db, offering.slug, around, now, bookables=people)
    rules = offering.rules
    length = (rules.buffer_before + rules.duration + rules.buffer_after) * 60
    for each in loaded.candidates if loaded else ():
        spans, longest = kept[each.bookable_id]
        booked = [(own.start, own.end) for own in each.schedule.occupied if (own.start, own.end) not in spans]
        taken = [*each.schedule.busy, *booked]
        hours, lengths = each.schedule.hours, {length, longest}
        if not may_keep(span, hours=hours, taken=taken, kept=spans, lengths=lengths, now=now):
            return False
    return True


async def extend(ctx: Context, token: str) -> Hold:
    """Keep it for another `bounds.hold_minutes` from now, in all at most three times as long. Raises
    `Refused(HOLD_EXPIRED)` when it no longer stands."""
    now = to_instant(ctx.now())
    length = ctx.bounds.hold_minutes * 60
    async with ctx.sessions.begin() as db:
        found = await standing_hold(db, token, now)
        if found:
            await lock_bookables(db, found.bookables, now)
            found = await standing_hold(db, token, now)
        if found is None:
            raise Refused(Reason.HOLD_EXPIRED, SENTENCES[Reason.HOLD_EXPIRED])
        expires = min(now + length, found.since + _LONGEST * length)
        await extend_hold(db, found.appointment_id, expires, now)
    return Hold(token=token, start=found.span[0], end=found.span[1], staff=found.staff, expires_at=expires)


async def release(ctx: Context, token: str) -> None:
    """Free the slot at once; an unknown, used or expired token is no error."""
    now = to_instant(ctx.now())
    async with ctx.sessions.begin() as db:
        found = await standing_hold(db, token, now)
        if found:
            await lock_bookables(db, found.bookables, now)
            if await remove_hold(db, found.appointment_id):
                await announce(db, "availability", found.bookables)


async def sweep_holds(ctx: Context) -> int:
    """Remove expired holds; how many there were. For the scheduler."""
    now = to_instant(ctx.now())
    removed = 0
    async with reads(ctx.sessions).connect() as db:
        overdue = await overdue_holds(db, now)
    for appointment_id, bookables in overdue:
        # One at a time, each under the lock that bookings take: nobody waits for a long sweep.
        async with ctx.sessions.begin() as db:
            await lock_bookables(db, bookables, now)
            if await remove_hold(db, appointment_id, expired_by=now):
                removed += 1
                await announce(db, "availability", bookables)
    return removed


async def shorten_holds(ctx: Context) -> None:
    """Let no hold stand longer than one that is made now: for a clock that was set back."""
    now = to_instant(ctx.now())
    longest = now + ctx.bounds.hold_minutes * 60
    async with reads(ctx.sessions).connect() as db:
        found = await holds_beyond(db, longest)
    for appointment_id, bookables in found:
        async with ctx.sessions.begin() as db:
            await lock_bookables(db, bookables, now)
            await extend_hold(db, appointment_id, longest, now)
