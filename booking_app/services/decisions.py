"""What a person decides about an appointment whose event was changed in a calendar, or which meets something else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.appointments_queries import (
    cancel_appointment,
    confirmed_bookings,
    lock_appointment,
    lock_bookables,
    people_of,
    reachable,
)
from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.db.owner_queries import event_follows
from booking_app.db.push_work import wake_parked_writes
from booking_app.domain.appointment import AppointmentState, Effect
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.conflicts import ANSWERS, Answer, ConflictKind
from booking_app.domain.errors import Invalid, NotFound
from booking_app.services.conflicts import settled
from booking_app.services.context import Context
from booking_app.services.effects import enqueue_change
from booking_app.services.owner import follow


async def decide(ctx: Context, answer: Answer, *, appointment_id: int, bookable_id: int | None = None) -> bool:
    """Do what was answered, by one of the people (`bookable_id`) or an admin (None). False if the appointment could not
    follow, because the time is not free: then that is the question.

    Raises `NotFound` when nothing is left to decide, or for an appointment of others, and `Invalid` for an answer that
    this question does not have."""
    now = to_instant(ctx.now())
    async with ctx.sessions.begin() as db:
        people = await people_of(db, appointment_id)
        await lock_bookables(db, people, now)
        appointment = await lock_appointment(db, appointment_id)
        theirs = bookable_id is None or bookable_id in people
        if appointment is None or appointment.conflict_kind is None or not theirs:
            raise NotFound("This is settled already.")
        if appointment.state != AppointmentState.CONFIRMED.value:
            raise NotFound("This is settled already.")
        if answer not in ANSWERS[ConflictKind(appointment.conflict_kind)]:
            raise Invalid("answer", "This cannot be answered so. Choose one of the answers on the page.")
        match answer:
            case Answer.PUT_BACK:
                await _put_back(db, appointment, people, now)
            case Answer.KEEP:
                await settled(db, appointment_id, now)
                await wake_parked_writes(db, appointment_id, from_instant(now))
            case Answer.CANCEL:
                await _cancel(db, appointment, people, now, by="admin" if bookable_id is None else "owner")
            case Answer.FOLLOW:
                return await _follow(db, appointment, people, now)
    return True


async def _put_back(db: AsyncSession, appointment: Row[Any], people: list[int], now: int) -> None:
    for each in await reachable(db, appointment.id, people):
        if each.calendar:
            await enqueue(db, Effect.CALENDAR, f"{appointment.id}:{each.id}", due=from_instant(now))
    await settled(db, appointment.id, now)
    await wake_parked_writes(db, appointment.id, from_instant(now))
    await announce(db, "outbox")


async def _cancel(db: AsyncSession, appointment: Row[Any], people: list[int], now: int, *, by: str) -> None:
    bookings = await confirmed_bookings(db, appointment.id)
    sequence = await cancel_appointment(db, appointment.id, by=by, now=now)
    await enqueue_change(
        db,
        "cancelled",
        appointment_id=appointment.id,
        bookings=bookings,
        bookables=people,
        sequence=sequence,
        previous_start=appointment.start,
        due=from_instant(now),
    )
    await settled(db, appointment.id, now)


async def _follow(db: AsyncSession, appointment: Row[Any], people: list[int], now: int) -> bool:
    span, owner = (appointment.conflict_start, appointment.conflict_end), appointment.conflict_by
    if not await follow(db, appointment, people, bookable_id=owner, span=span, now=now):
        return False
    await event_follows(db, appointment.id, owner, span)
    return True
