"""Holds: a slot is kept while somebody fills in the form. No mail, no calendar event."""

from __future__ import annotations

from uuid import uuid4

from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.availability_queries import Offering, load_offering
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.hold_queries import (
    extend_hold,
    overdue_holds,
    remove_hold,
    standing_hold,
    store_hold,
)
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound, Reason, Refused
from booking_app.services.acceptance import Group, Live, clearest, groups, in_turn, objections, under_lock
from booking_app.services.alternatives import refused
from booking_app.services.availability import check_staff
from booking_app.services.booking import week_load
from booking_app.services.checks import checked_start
from booking_app.services.context import Context
from booking_app.services.offers import SENTENCES
from booking_app.services.views import Hold

_LONGEST = 3
"""How many times as long as it was first kept a slot may be kept by typing: a quarter of an hour for five minutes."""


async def hold(ctx: Context, service: str, start: int, staff: str | None = None) -> Hold:
    """Keep the slot for `bounds.hold_minutes`. Raises as `book` does; makes no live read."""
    now = to_instant(ctx.now())
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
        outcome = await _keep(ctx, service, start, group)
        if isinstance(outcome, Hold):
            return outcome
        against += outcome
    raise await refused(ctx, clearest(against), service=service, start=start, now=to_instant(ctx.now()), staff=staff)


async def _keep(ctx: Context, service: str, start: int, group: Group) -> Hold | list[Reason]:
    people = [each.bookable_id for each in group]
    uid = uuid4()
    async with ctx.sessions() as db:
        offering = await under_lock(ctx, db, service, people, start, live=Live())
        if not isinstance(offering, Offering):
            return offering
        now = to_instant(ctx.now())
        expires = now + ctx.bounds.hold_minutes * 60
        rules = offering.rules
        span = (start, start + rules.duration * 60)
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
        ):
            return [Reason.TAKEN]
        await announce(db, "availability", people)
        await db.commit()
    return Hold(
        token=str(uid), start=span[0], end=span[1], staff=tuple(each.slug for each in group), expires_at=expires
    )


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
