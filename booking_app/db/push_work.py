"""Asking that events of ours are written, or tried again at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.db.push_queries import calendar_key
from booking_app.db.tables import Appointment, Calendar, Connection, Mirror, Occupancy, Outbox
from booking_app.domain.appointment import AppointmentState, ConnectionState, Effect


async def enqueue_future_events(db: AsyncSession, bookable_id: int, now: datetime) -> int:
    """Ask that every coming appointment of the person stands where it belongs; how many there are."""
    query = (
        select(col(Appointment.id))
        .join(Occupancy, col(Occupancy.appointment_id) == col(Appointment.id))
        .where(
            col(Occupancy.bookable_id) == bookable_id,
            col(Appointment.state) == AppointmentState.CONFIRMED.value,
            func.upper(col(Appointment.during)) > now,
        )
        .order_by(func.lower(col(Appointment.during)))
    )
    return await _enqueue_all(db, [each or 0 for each in await db.scalars(query)], bookable_id, now)


async def enqueue_mirrored_events(db: AsyncSession, connection_id: int, bookable_id: int, now: datetime) -> int:
    """The same for the coming events that stand in one account's calendars."""
    query = (
        select(col(Mirror.appointment_id))
        .join(Calendar, col(Calendar.id) == col(Mirror.calendar_id))
        .join(Appointment, col(Appointment.id) == col(Mirror.appointment_id))
        .where(col(Calendar.connection_id) == connection_id, func.upper(col(Appointment.during)) > now)
    )
    return await _enqueue_all(db, list(await db.scalars(query)), bookable_id, now)


async def _enqueue_all(db: AsyncSession, appointments: Sequence[int], bookable_id: int, now: datetime) -> int:
    for appointment_id in appointments:
        await enqueue(db, Effect.CALENDAR, calendar_key(appointment_id, bookable_id), due=now)
    if appointments:
        await announce(db, "outbox")
    return len(appointments)


async def wake_writes(db: AsyncSession, bookable_id: int, now: datetime) -> None:
    """Try the person's waiting calendar writes at once."""
    await _wake(db, func.split_part(col(Outbox.key), ":", 2) == str(bookable_id), now)


async def wake_parked_writes(db: AsyncSession, appointment_id: int, now: datetime) -> None:
    """Go on with the calendar writes of an appointment that waited for a person to decide."""
    mine = func.split_part(col(Outbox.key), ":", 1) == str(appointment_id)
    await _wake(db, and_(mine, col(Outbox.parked)), now)


async def _wake(db: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    free = (
        select(col(Outbox.id))
        .where(col(Outbox.effect).in_((Effect.CALENDAR, Effect.LEFT)), col(Outbox.lease_until).is_(None), which)
        .with_for_update(skip_locked=True)
    )
    await db.execute(update(Outbox).where(col(Outbox.id).in_(free)).values(due_at=now, parked=False, attempts=0))
    await announce(db, "outbox")


async def emptied_connections(db: AsyncSession) -> list[int]:
    """Disconnected accounts in which no event of ours is left to remove."""
    left = (
        select(col(Mirror.id))
        .join(Calendar, col(Calendar.id) == col(Mirror.calendar_id))
        .join(Outbox, col(Outbox.key) == func.concat(col(Mirror.appointment_id), ":", col(Mirror.bookable_id)))
        .where(col(Calendar.connection_id) == col(Connection.id), col(Outbox.effect) == Effect.CALENDAR.value)
    )
    query = select(col(Connection.id)).where(
        col(Connection.state) == ConnectionState.DISCONNECTED.value, ~left.exists()
    )
    return [each or 0 for each in await db.scalars(query)]
