"""Named queries about when the lists of calendars of connected accounts are looked at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.tables import Connection
from booking_app.domain.appointment import ConnectionState

_CLOSED = (ConnectionState.DISCONNECTED.value, ConnectionState.NEEDS_SIGN_IN.value)


async def claim_lists(db: AsyncSession, *, now: datetime, before: datetime, limit: int) -> list[int]:
    """Accounts that let us in and whose list was last asked for before `before`, the longest ago first. It counts as
    asked for now, so nobody else asks, and one that does not answer has to wait its turn."""
    waiting = (
        select(col(Connection.id))
        .where(
            col(Connection.state).not_in(_CLOSED),
            or_(col(Connection.listed_at).is_(None), col(Connection.listed_at) < before),
        )
        .order_by(col(Connection.listed_at).nulls_first(), col(Connection.id))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("waiting")
    )
    claimed = (
        update(Connection)
        .where(col(Connection.id).in_(select(waiting.c.id)))
        .values(listed_at=now)
        .returning(col(Connection.id))
    )
    return [each or 0 for each in await db.scalars(claimed)]


async def hurry_lists(db: AsyncSession, bookable_id: int, *, since: datetime) -> None:
    """Have the lists of a person's accounts looked at next, but for those that were since `since`."""
    old = select(col(Connection.id)).where(
        col(Connection.bookable_id) == bookable_id, func.coalesce(col(Connection.listed_at) < since, False)
    )
    # One that is locked is being read or changed: it waits for the next time.
    free = old.order_by(col(Connection.id)).with_for_update(key_share=True, skip_locked=True).scalar_subquery()
    await db.execute(update(Connection).where(col(Connection.id).in_(free)).values(listed_at=None))
