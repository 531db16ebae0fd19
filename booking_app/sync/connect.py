"""Connecting calendar accounts: try, connect, choose, replace a password in place, disconnect.

Connecting only looks. Nothing is read for availability, no mail is sent and no event is written before the person has
chosen what blocks and where appointments go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Literal
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import provider_queries, push_work
from booking_app.db.alerts import close_alerts
from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars, lock_connection
from booking_app.db.tables import BusyBlock, Calendar, Connection
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid
from booking_app.services.context import Context
from booking_app.services.provider_apps import is_vendor
from booking_app.services.views_sync import PresetView
from booking_app.sync import health
from booking_app.sync.accounts import Accounts, about
from booking_app.sync.errors import AccessLost, ProviderError, Transient
from booking_app.sync.limits import BLOCKING, TOO_MANY_ACCOUNTS, TOO_MANY_BLOCKING
from booking_app.sync.linked import has_room, mine, mine_locked, revive, start_over, store_list
from booking_app.sync.model import Credentials, RemoteCalendar
from booking_app.sync.presets import PRESETS, credentials_of, server_of

TRY_LIMIT = 20.0
"""Seconds that somebody waits while an account is tried: reading a calendar may take a server longer, saying which
there are does not."""
_SILENT = "The calendar server does not answer. Check the address, or try again later."


def presets() -> tuple[PresetView, ...]:
    """The kinds of account that can be connected, in the order in which they are shown."""
    return tuple(each.view for each in PRESETS.values())


async def connect(
    ctx: Context,
    accounts: Accounts,
    *,
    bookable_id: int,
    preset: str,
    address: str,
    username: str,
    secret: str,
) -> str:
    """Try the account, store it encrypted with its calendars listed, and return its uid.

    Raises `Invalid` naming `preset`, `address`, `username` or `secret`, also for an account that is connected already.
    Nothing is stored when it fails."""
    kind = PRESETS.get(preset)
    if kind is None:
        raise Invalid("preset", "Choose one of the kinds of account.")
    credentials = credentials_of(kind, address.strip(), username.strip(), secret)
    async with ctx.sessions() as db:
        await _check_room(db, bookable_id)
    found = await _try(accounts, bookable_id, kind.provider, credentials)
    connection = Connection(
        uid=uuid4(),
        bookable_id=bookable_id,
        provider=kind.provider,
        preset=preset,
        label=kind.view.name if preset != "other" else server_of(credentials.address),
        address=credentials.address,
        host=server_of(credentials.address).lower(),
        username=credentials.username,
        last_success_at=ctx.now(),
    )
    connection.secret = ctx.sealer.seal(secret, about(connection))
    async with ctx.sessions.begin() as db:
        # Who connects the same account at the same time waits here.
        await lock_bookables(db, [bookable_id], to_instant(ctx.now()))
        await _check_room(db, bookable_id)
        await _check_new(db, connection)
        db.add(connection)
        await db.flush()
        await store_list(ctx, db, connection, found)
        await announce(db, "sync", [connection.id or 0])
    return str(connection.uid)


async def test_connection(ctx: Context, accounts: Accounts, *, bookable_id: int, connection_uid: str) -> str:
    """Ask the account for its calendars now; new ones are added to the list. A sentence about the outcome."""
    async with ctx.sessions() as db:
        connection = await mine(db, bookable_id, connection_uid)
    try:
        provider = await accounts.of(connection)
        with accounts.trying(bookable_id):
            async with asyncio.timeout(TRY_LIMIT):
                found = await provider.list_calendars()
    except TimeoutError:
        return f"It did not work: {_SILENT}"
    except ProviderError as error:
        return f"It did not work: {error}"
    async with ctx.sessions.begin() as db:
        connection = await mine_locked(db, bookable_id, connection_uid)
        await store_list(ctx, db, connection, found)
        await announce(db, "sync", [connection.id or 0])
    many = "1 calendar" if len(found) == 1 else f"{len(found)} calendars"
    return f"It works: {many} found."


async def choose(ctx: Context, *, bookable_id: int, blocks: Collection[str], target: str | None) -> None:
    """Set which calendars (uids, over all accounts of the person) block, and which one receives appointments.

    Coming appointments move to a new target. Raises `Invalid` naming `blocks` or `target`."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        connected = select(col(Connection.id)).where(
            col(Connection.bookable_id) == bookable_id, col(Connection.state) != ConnectionState.DISCONNECTED.value
        )
        found = await lock_calendars(db, col(Calendar.connection_id).in_(connected))
        accounts = [await lock_connection(db, each) for each in sorted({each.connection_id for each in found})]
        await lock_bookables(db, [bookable_id], to_instant(now))
        calendars = {str(each.uid): each for each in found}
        if not set(blocks) <= set(calendars):
            raise Invalid("blocks", "One of these calendars is not there any more.")
        if target is not None and (target not in calendars or not calendars[target].can_write):
            raise Invalid("target", "Choose a calendar that can be written to.")
        if len(set(blocks)) > max(BLOCKING, sum(each.blocks for each in found)):
            raise Invalid("blocks", TOO_MANY_BLOCKING)
        moved = target is not None and not calendars[target].target
        changed = []
        for uid, calendar in calendars.items():
            before = (calendar.blocks, calendar.target)
            calendar.blocks, calendar.target = uid in blocks, uid == target
            if before == (calendar.blocks, calendar.target):
                continue
            changed.append(calendar)
            if before[0] != calendar.blocks or not any(before):
                await start_over(ctx, db, calendar)
        await db.flush()
        for account in accounts:
            if account is not None:
                await health.reconsider(db, account, now)
        if moved:
            await push_work.enqueue_future_events(db, bookable_id, now)
        elif target is None:
            # What could not be written need not be any more.
            await push_work.wake_writes(db, bookable_id, now)
        if changed:
            await announce(db, "availability", [bookable_id])
            await announce(db, "due", [each.id or 0 for each in changed])
            await announce(db, "sync", [each.connection_id for each in changed])


async def replace_password(
    ctx: Context, accounts: Accounts, *, bookable_id: int, connection_uid: str, secret: str
) -> None:
    """Try a new password and put it in place of the old one; every choice stays, what waited is written now.

    Raises `Invalid("secret")` if the account refuses it."""
    async with ctx.sessions() as db:
        connection = await mine(db, bookable_id, connection_uid)
    if is_vendor(connection.provider):
        raise Invalid("secret", "This account has no password here. Connect it again instead.")
    credentials = Credentials(address=connection.address, username=connection.username, secret=secret)
    found = await _try(accounts, bookable_id, connection.provider, credentials)
    async with ctx.sessions.begin() as db:
        connection = await mine_locked(db, bookable_id, connection_uid)
        connection.secret = ctx.sealer.seal(secret, about(connection))
        await revive(ctx, db, connection, found)


async def disconnect(
    ctx: Context, *, bookable_id: int, connection_uid: str, future_events: Literal["keep", "remove"]
) -> Literal["kept", "removed"]:
    """Forget the account. Its calendars stop blocking at once; coming events of ours stay as they are (`keep`) or are
    removed from it first (`remove`), after which the stored password or consent goes too, which is revoked at its
    provider. What happens to them: an account that
    does not accept its password keeps them."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        connection = await mine_locked(db, bookable_id, connection_uid)
        await lock_bookables(db, [bookable_id], to_instant(now))
        number = connection.id or 0
        its = col(Calendar.connection_id) == number
        over = [f"connection:{number}", f"ending:{number}"]
        for calendar_id in await db.scalars(select(col(Calendar.id)).where(its)):
            over += [f"calendar:{calendar_id}", f"stale:{calendar_id}"]
        await close_alerts(db, over, now)
        waiting = 0
        removes = future_events == "remove" and connection.state != ConnectionState.NEEDS_SIGN_IN.value
        if removes:
            connection.state, connection.reason = ConnectionState.DISCONNECTED.value, ""
            await db.execute(update(Calendar).where(its).values(blocks=False, target=False))
            await db.flush()
            waiting = await push_work.enqueue_mirrored_events(db, number, bookable_id, now)
        if waiting:
            await db.execute(
                delete(BusyBlock).where(col(BusyBlock.calendar_id).in_(select(col(Calendar.id)).where(its)))
            )
        else:
            await provider_queries.let_go(db, [number], now)
            await db.delete(connection)
        await db.flush()
        await push_work.wake_writes(db, bookable_id, now)
        await announce(db, "availability", [bookable_id])
        await announce(db, "sync", [number])
    return "removed" if removes else "kept"


async def purge_disconnected(ctx: Context) -> int:
    """Delete disconnected accounts from which the last event was removed; how many. For the scheduler."""
    async with ctx.sessions.begin() as db:
        ready = await push_work.emptied_connections(db)
        if ready:
            await lock_calendars(db, col(Calendar.connection_id).in_(ready))
            await provider_queries.let_go(db, ready, ctx.now())
            await db.execute(delete(Connection).where(col(Connection.id).in_(ready)))
    return len(ready)


async def _try(
    accounts: Accounts, bookable_id: int, provider: str, credentials: Credentials
) -> tuple[RemoteCalendar, ...]:
    try:
        opened = accounts.open_provider(provider, credentials)
        try:
            with accounts.trying(bookable_id):
                async with asyncio.timeout(TRY_LIMIT):
                    found = await opened.list_calendars()
        finally:
            await opened.close()
    except TimeoutError as error:
        raise Invalid("address", _SILENT) from error
    except AccessLost as error:
        raise Invalid("secret", "The server does not accept this user name and password.") from error
    except Transient as error:
        raise Invalid("address", str(error)) from error
    except ProviderError as error:
        raise Invalid("address", str(error)) from error
    if not found:
        raise Invalid("address", "The account has no calendar that can hold events.")
    return found


async def _check_room(db: AsyncSession, bookable_id: int) -> None:
    if not await has_room(db, bookable_id):
        raise Invalid("address", TOO_MANY_ACCOUNTS)


async def _check_new(db: AsyncSession, connection: Connection) -> None:
    known = select(Connection).where(
        col(Connection.bookable_id) == connection.bookable_id,
        col(Connection.state) != ConnectionState.DISCONNECTED.value,
    )
    for each in await db.scalars(known):
        same_place = each.address.rstrip("/").lower() == connection.address.rstrip("/").lower()
        if same_place and each.username.lower() == connection.username.lower():
            raise Invalid("username", "This account is connected already.")
