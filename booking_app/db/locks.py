"""The one order in which rows are locked, so that two who need the same rows wait for each other but never in a ring:

    0. visitors (advisory)      `hold_queries.lock_marks`: who counts what one of them has
    1. calendars (by id)        who stores a read, notes a write, changes choices or accounts
    2. connections, then their grants (a renewal locks the grant alone)
    3. bookables (by id)        `appointments_queries.lock_bookables`: who changes what occupies a person
    4. the appointment          `appointments_queries.lock_appointment`
    5. its mirror, then the objects and blocks of its calendar
    6. push channels (a webhook comes to its calendars from there, and skips those that are locked)
    7. rows of the outbox; who wakes many of them skips those that are locked

Whoever needs an earlier one takes it first or leaves it to a transaction of its own. Calendars and connections are
locked FOR NO KEY UPDATE: inserting what refers to them waits for nobody.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.tables import Calendar, Connection


async def lock_calendar(db: AsyncSession, calendar_id: int) -> Calendar | None:
    """The calendar as it stands, held until the transaction ends; None if it is no more."""
    found = await lock_calendars(db, col(Calendar.id) == calendar_id)
    return found[0] if found else None


async def lock_calendars(db: AsyncSession, which: ColumnElement[bool]) -> list[Calendar]:
    """All calendars of which `which` is true, held until the transaction ends."""
    query = select(Calendar).where(which).order_by(col(Calendar.id)).with_for_update(key_share=True)
    return list(await db.scalars(query.execution_options(populate_existing=True)))


async def lock_connection(db: AsyncSession, connection_id: int) -> Connection | None:
    """The account as it stands, held until the transaction ends; after its calendars."""
    query = select(Connection).where(col(Connection.id) == connection_id).with_for_update(key_share=True)
    found: Connection | None = await db.scalar(query.execution_options(populate_existing=True))
    return found
