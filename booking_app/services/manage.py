"""What a customer does with a booking through its private link, and staff by its id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.appointments_queries import (
    booking_by_id,
    booking_by_token,
    cancel_appointment,
    lock_appointment,
    lock_bookables,
    move_appointment,
)
from booking_app.db.availability_queries import Offering, load_offering
from booking_app.db.engine import Reader, reads
from booking_app.domain.appointment import AppointmentState, change_refusal, invitation_uid
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound, Reason, Refused
from booking_app.services.acceptance import Live, appointment_reach, clearest, under_lock
from booking_app.services.accounts import token_hash
from booking_app.services.alternatives import refused
from booking_app.services.booking import manage_url
from booking_app.services.checks import checked_start
from booking_app.services.context import Context
from booking_app.services.effects import enqueue_change
from booking_app.services.offers import SENTENCES
from booking_app.services.rates import Rate, take
from booking_app.services.views import BookingView, Customer, PersonView

MOVES = Rate(most=12, period=timedelta(hours=1))
"""Of one booking by its private link. Each is told to everybody who takes part."""


async def view(ctx: Context, token: str) -> BookingView:
    """The booking behind a manage link. Raises `NotFound`."""
    async with reads(ctx.sessions).connect() as db:
        booking = await _by_token(db, token)
    return _view(ctx, booking, token)


async def cancel(ctx: Context, token: str) -> BookingView:
    """The customer cancels. Raises `NotFound`, `Refused(CUT_OFF | ALREADY_CANCELLED)`."""
    now = to_instant(ctx.now())
    async with ctx.sessions.begin() as db:
        booking = await _locked(db, await _by_token(db, token), now)
        _check_changeable(booking, now)
        await _cancel(ctx, db, booking, by="customer", now=now)
        booking = await _by_token(db, token)
    return _view(ctx, booking, token)


async def cancel_booking(ctx: Context, booking_id: UUID, *, by: str) -> None:
    """Cancel without a cut-off, on behalf of `by` (`owner`, `admin`); the customer is told. Twice is no error.

    The caller has checked that `by` may. Raises `NotFound`."""
    now = to_instant(ctx.now())
    async with ctx.sessions.begin() as db:
        booking = await booking_by_id(db, booking_id)
        if booking is None:
            raise NotFound("There is no such booking.")
        booking = await _locked(db, booking, now)
        if booking.appointment_state == AppointmentState.CONFIRMED:
            await _cancel(ctx, db, booking, by=by, now=now)


async def reschedule(ctx: Context, token: str, start: int) -> BookingView:
    """Move to the instant `start`, with the same people. Raises `NotFound`, `Invalid`, `Refused` with
    alternatives; when refused the old time stands untouched. A move to where it already is changes nothing, and one too
    many within the hour is refused (`MOVED_OFTEN`)."""
    now = to_instant(ctx.now())
    checked_start(start)
    async with reads(ctx.sessions).connect() as db:
        booking = await _by_token(db, token)
        _check_changeable(booking, now)
        if booking.start == start:
            return _view(ctx, booking, token)
        offering = await load_offering(
            db, booking.service, (start, start + 1), now, bookables=booking.bookables, without=[booking.appointment_id]
        )
    live = Live()
    if offering is not None:
        await live.read(ctx, offering.candidates, appointment_reach(offering, start))
    against = await _move(ctx, token, start, live)
    if against:
        raise await refused(
            ctx,
            clearest(against),
            service=booking.service,
            start=start,
            now=to_instant(ctx.now()),
            busy=live.busy,
            distrusted=live.failed,
            people=booking.bookables,
            without=[booking.appointment_id],
        )
    return await view(ctx, token)


async def _move(ctx: Context, token: str, start: int, live: Live) -> list[Reason]:
    """The write of a move; why not, if nothing was changed."""
    async with ctx.sessions() as db:
        booking = await _locked(db, await _by_token(db, token), to_instant(ctx.now()))
        _check_changeable(booking, to_instant(ctx.now()))
        if booking.start == start:
            return []
        people, own = booking.bookables, [booking.appointment_id]
        offering = await under_lock(ctx, db, booking.service, people, start, live=live, without=own)
        if not isinstance(offering, Offering):
            return offering
        if not await take(ctx, db, ctx.sealer.mark(str(booking.booking_id), "moves"), MOVES):
            raise Refused(Reason.MOVED_OFTEN, SENTENCES[Reason.MOVED_OFTEN])
        rules = offering.rules
        span, buffers = (start, start + rules.duration * 60), (rules.buffer_before * 60, rules.buffer_after * 60)
        sequence = await move_appointment(
            db,
            booking.appointment_id,
            span,
            buffers,
            unlooked=live.unlooked(offering.candidates),
            now=to_instant(ctx.now()),
        )
        await enqueue_change(
            db,
            "changed",
            appointment_id=booking.appointment_id,
            bookings=[booking.booking_id],
            bookables=people,
            sequence=sequence,
            previous_start=booking.start,
            due=ctx.now(),
        )
        await db.commit()
    return []


async def _cancel(ctx: Context, db: AsyncSession, booking: Row[Any], *, by: str, now: int) -> None:
    sequence = await cancel_appointment(db, booking.appointment_id, by=by, now=now)
    await enqueue_change(
        db,
        "cancelled",
        appointment_id=booking.appointment_id,
        bookings=[booking.booking_id],
        bookables=booking.bookables,
        sequence=sequence,
        previous_start=booking.start,
        due=ctx.now(),
    )


async def _by_token(db: Reader, token: str) -> Row[Any]:
    booking = await booking_by_token(db, token_hash(token))
    if booking is None:
        raise NotFound("There is no such booking.")
    return booking


async def _locked(db: AsyncSession, booking: Row[Any], now: int) -> Row[Any]:
    """The booking as it stands once its people and its appointment are held by this transaction."""
    await lock_bookables(db, booking.bookables, now)
    await lock_appointment(db, booking.appointment_id)
    found = await booking_by_id(db, booking.booking_id)
    if found is None:
        raise NotFound("There is no such booking.")
    return found


def _check_changeable(booking: Row[Any], now: int) -> None:
    reason = change_refusal(AppointmentState(booking.appointment_state), booking.start, booking.cut_off, now)
    if reason is not None:
        raise Refused(reason, SENTENCES[reason])


def _view(ctx: Context, booking: Row[Any], token: str) -> BookingView:
    state = AppointmentState(booking.appointment_state)
    reason = change_refusal(state, booking.start, booking.cut_off, to_instant(ctx.now()))
    return BookingView(
        id=str(booking.booking_id),
        token=token,
        manage_url=manage_url(ctx, token),
        service=booking.service,
        service_name=booking.service_name,
        location=booking.location,
        preparation=booking.preparation,
        start=booking.start,
        end=booking.end,
        zone=booking.zone,
        staff=tuple(PersonView(slug=each[0], name=each[1], zone=each[2], colour=each[3]) for each in booking.staff),
        customer=Customer(name=booking.name, email=booking.email, phone=booking.phone, notes=booking.notes),
        state=booking.state,
        cancelled_by=booking.cancelled_by,
        uid=invitation_uid(booking.uid),
        sequence=booking.sequence,
        bookables=tuple(booking.bookables or ()),
        can_change=reason is None,
        change_refusal="" if reason is None else SENTENCES[reason],
        changeable_until=booking.start - booking.cut_off * 60,
    )
