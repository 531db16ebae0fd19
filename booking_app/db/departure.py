"""The calendar accounts of somebody who leaves the team."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars, lock_connection
from booking_app.db.provider_queries import let_go
from booking_app.db.push_work import wake_writes
from booking_app.db.tables import Alert, Bookable, Calendar, Connection


async def lock_accounts(db: AsyncSession, slug: str) -> None:
    """Hold the person's calendars and accounts, which come before the person in the order of locks."""
    whose = select(col(Bookable.id)).where(col(Bookable.slug) == slug).scalar_subquery()
    await lock_calendars(db, col(Calendar.bookable_id) == whose)
    for connection_id in await db.scalars(
        select(col(Connection.id)).where(col(Connection.bookable_id) == whose).order_by(col(Connection.id))
    ):
        await lock_connection(db, connection_id or 0)


async def forget_accounts(db: AsyncSession, bookable_id: int, now: datetime) -> None:
    """Delete the person's accounts with all that is known of their calendars. Events of ours that stand in them stay;
    writes that waited for them, and alerts about them, are over."""
    about = (col(Alert.bookable_id) == bookable_id, col(Alert.closed_at).is_(None))
    await db.execute(update(Alert).where(*about).values(closed_at=now))
    theirs = select(col(Connection.id)).where(col(Connection.bookable_id) == bookable_id)
    await let_go(db, [each or 0 for each in await db.scalars(theirs)], now)
    connections = await db.scalars(
        delete(Connection).where(col(Connection.bookable_id) == bookable_id).returning(col(Connection.id))
    )
    await wake_writes(db, bookable_id, now)
    await announce(db, "sync", [each or 0 for each in connections])
