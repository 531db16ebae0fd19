"""What connecting by password and by consent share: whose account it is, the list of its calendars, and how it comes
back to life with every choice kept."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import channel_queries, push_work
from booking_app.db.alerts import close_alerts
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars, lock_connection
from booking_app.db.tables import BusyBlock, Calendar, CalendarObject, Connection, Grant, Mirror
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import NotFound
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.sync.limits import ACCOUNTS, listed, shown_name
from booking_app.sync.model import Mode, RemoteCalendar
from booking_app.sync.oauth import may_write


async def mine(db: AsyncSession, bookable_id: int, connection_uid: str) -> Connection:
    try:
        uid = UUID(connection_uid)
    except ValueError as error:
        raise NotFound("There is no such account.") from error
    query = select(Connection).where(
        col(Connection.uid) == uid,
        col(Connection.bookable_id) == bookable_id,
        col(Connection.state) != ConnectionState.DISCONNECTED.value,
    )
    connection: Connection | None = await db.scalar(query)
    if connection is None:
        raise NotFound("There is no such account.")
    return connection


async def mine_locked(db: AsyncSession, bookable_id: int, connection_uid: str) -> Connection:
    """The account with its calendars, held until the transaction ends."""
    connection = await mine(db, bookable_id, connection_uid)
    await lock_calendars(db, col(Calendar.connection_id) == connection.id)
    locked = await lock_connection(db, connection.id or 0)
    if locked is None or locked.state == ConnectionState.DISCONNECTED.value:
        raise NotFound("There is no such account.")
    return locked


async def store_list(ctx: Context, db: AsyncSession, connection: Connection, found: Sequence[RemoteCalendar]) -> None:
    """Bring the list of calendars up to date; choices stay, what is gone and unused is left out, and what is more than
    can be listed."""
    connection.listed_at = ctx.now()
    writes = await _lets_us_write(ctx, db, connection)
    query = select(Calendar).where(col(Calendar.connection_id) == connection.id)
    known = {each.remote_id: each for each in await db.scalars(query)}
    kept = listed(found, {each.remote_id for each in known.values() if each.blocks or each.target})
    connection.unlisted = len(found) - len(kept)
    for remote in kept:
        calendar = known.pop(remote.remote_id, None)
        if calendar is None:
            calendar = Calendar(
                connection_id=connection.id or 0,
                bookable_id=connection.bookable_id,
                remote_id=remote.remote_id,
                name=shown_name(remote.name),
                due_at=ctx.now(),
            )
            db.add(calendar)
        # Where the list does not say in which zone a calendar is, a read may.
        zone, addresses = remote.zone or calendar.zone, sorted(remote.addresses)
        if (calendar.zone, calendar.addresses) != (zone, addresses):
            # Whole days lie elsewhere now, or other invitations count, though no event changed: all are read again.
            calendar.window_end, calendar.due_at = None, ctx.now()
        calendar.name, calendar.colour = shown_name(remote.name), remote.colour
        calendar.zone, calendar.addresses = zone, addresses
        calendar.can_write = remote.can_write and writes
    for calendar in known.values():
        if not calendar.blocks and not calendar.target:
            await db.delete(calendar)


async def has_room(db: AsyncSession, bookable_id: int) -> bool:
    """Whether the person may connect one more account."""
    connected = select(func.count()).where(
        col(Connection.bookable_id) == bookable_id, col(Connection.state) != ConnectionState.DISCONNECTED.value
    )
    return (await db.scalar(connected) or 0) < ACCOUNTS


async def revive(ctx: Context, db: AsyncSession, connection: Connection, found: Sequence[RemoteCalendar]) -> None:
    """The account lets us in again: every choice stays, its calendars are read and what waited is written now."""
    now = ctx.now()
    connection.state, connection.reason, connection.failing_since = ConnectionState.OK.value, "", None
    await store_list(ctx, db, connection, found)
    its = col(Calendar.connection_id) == connection.id
    await db.execute(update(Calendar).where(its).values(due_at=now, lease_until=None, failures=0, trouble=""))
    await close_alerts(db, [f"connection:{connection.id}", f"ending:{connection.id}"], now)
    await push_work.wake_writes(db, connection.bookable_id, now)
    await channel_queries.retry(db, connection.id or 0, now)
    await announce(db, "due", list(await db.scalars(select(col(Calendar.id)).where(its))))
    await announce(db, "sync", [connection.id or 0])
    await announce(db, "availability", [connection.bookable_id])


async def start_over(ctx: Context, db: AsyncSession, calendar: Calendar) -> None:
    """Hold nothing of a calendar but that our own events stood there, else nobody would miss one that was deleted
    meanwhile: its next read is a complete one, and until then it is not trusted."""
    await db.execute(delete(BusyBlock).where(col(BusyBlock.calendar_id) == calendar.id))
    await db.execute(delete(CalendarObject).where(col(CalendarObject.calendar_id) == calendar.id))
    ours = select(col(Mirror.calendar_id), col(Mirror.key), literal(""), col(Mirror.uid))
    ours = ours.where(col(Mirror.calendar_id) == calendar.id, col(Mirror.key).is_not(None))
    await db.execute(insert(CalendarObject).from_select(["calendar_id", "key", "etag", "uid"], ours))
    calendar.cursor = None
    calendar.window_start = calendar.window_end = calendar.verified_at = calendar.full_at = None
    calendar.failures, calendar.trouble, calendar.stopped, calendar.stopped_by = 0, "", False, ""
    calendar.chosen_at = calendar.due_at = ctx.now()


async def _lets_us_write(ctx: Context, db: AsyncSession, connection: Connection) -> bool:
    """Whether the account as such can be written to; each calendar may refuse besides."""
    if not provider_apps.is_vendor(connection.provider):
        return True
    grant = await db.get(Grant, connection.id)
    vendor = provider_apps.vendor_of(ctx, connection.provider)
    return grant is not None and may_write(vendor, Mode(connection.mode), grant.scopes.split())
