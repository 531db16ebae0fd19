"""Named queries of events that had to be left in a calendar whose account let nobody in when they moved away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.outbox import enqueue
from booking_app.db.tables import Mirror, Outbox
from booking_app.domain.appointment import Effect


def left_key(appointment_id: int, bookable_id: int, calendar_id: int) -> str:
    """The outbox key of the effect `left`."""
    return f"{appointment_id}:{bookable_id}:{calendar_id}"


async def leave_event(db: AsyncSession, mirror: Mirror, now: datetime) -> None:
    """An event that moves to another calendar has to stay in this one for now: take it away when that can be done."""
    key = left_key(mirror.appointment_id, mirror.bookable_id, mirror.calendar_id)
    await enqueue(db, Effect.LEFT, key, due=now, payload={"key": mirror.key})


async def wanted_back(db: AsyncSession, key: str, now: datetime) -> bool:
    """The event is to stand there again: nobody takes it away any more. False if somebody is just doing so."""
    row = await db.scalar(
        select(Outbox).where(col(Outbox.effect) == Effect.LEFT.value, col(Outbox.key) == key).with_for_update()
    )
    if row is None:
        return True
    if row.lease_until is not None and row.lease_until >= now:
        return False
    await db.delete(row)
    return True
