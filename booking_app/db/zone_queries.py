"""What the change of a zone's rules touches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.engine import Reader
from booking_app.db.tables import Appointment, Calendar, Occupancy
from booking_app.domain.clock import to_instant


async def coming_starts(db: Reader, bookable_id: int, now: datetime, *, booked_until: datetime) -> list[int]:
    """The starts, as instants, of a person's confirmed appointments that lie ahead and were booked until then."""
    starts = func.lower(col(Appointment.during))
    query = (
        select(starts)
        .join(Occupancy, col(Occupancy.appointment_id) == col(Appointment.id))
        .where(
            col(Occupancy.bookable_id) == bookable_id,
            col(Occupancy.active),
            col(Appointment.state) == "confirmed",
            col(Appointment.created_at) <= booked_until,
            starts > now,
        )
        .order_by(starts)
    )
    return [to_instant(each) for each in await db.scalars(query)]


async def expand_again(db: AsyncSession, now: datetime) -> None:
    """Have all events of all calendars placed anew, though none of them changed; until then none covers anything."""
    await db.execute(update(Calendar).where(col(Calendar.blocks)).values(window_end=None, due_at=now))
