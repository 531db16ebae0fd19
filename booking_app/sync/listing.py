"""Which calendars there are: each account is asked now and then, so that what is new can be chosen, what is gone is not
shown any more, and a changed name, zone or permission counts."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlmodel import col

from booking_app.db import list_queries
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars, lock_connection
from booking_app.db.tables import Calendar, Connection
from booking_app.domain.appointment import ConnectionState
from booking_app.services.context import Context
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import ProviderError
from booking_app.sync.linked import store_list

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
"""Between two looks at a list: one request an account, or a few."""
LOOKED_AT = timedelta(minutes=1)
"""The same while the owner has the page about them open."""
_AT_A_TIME = 16
_LIMIT = 20.0
"""Seconds that an account may take."""


async def look(ctx: Context, accounts: Accounts) -> int:
    """Look at the lists that are due, some at a time; how many differed. For the scheduler."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        claimed = await list_queries.claim_lists(db, now=now, before=now - EVERY, limit=_AT_A_TIME)
    return sum(await asyncio.gather(*(_look_at(ctx, accounts, each) for each in claimed)))


async def hurry(ctx: Context, bookable_id: int) -> None:
    """Somebody looks at their calendars: their lists are looked at soon."""
    async with ctx.sessions.begin() as db:
        await list_queries.hurry_lists(db, bookable_id, since=ctx.now() - LOOKED_AT)


async def _look_at(ctx: Context, accounts: Accounts, connection_id: int) -> bool:
    async with ctx.sessions() as db:
        asked = await db.get(Connection, connection_id)
    if asked is None:
        return False
    try:
        provider = await accounts.of(asked)
        async with asyncio.timeout(_LIMIT):
            found = await provider.list_calendars()
    except (ProviderError, TimeoutError) as error:
        # Whether an account works is told by its reads.
        log.info("list.failed", extra={"connection": connection_id, "error": type(error).__name__})
        return False
    async with ctx.sessions.begin() as db:
        await lock_calendars(db, col(Calendar.connection_id) == connection_id)
        connection = await lock_connection(db, connection_id)
        if connection is None or connection.state == ConnectionState.DISCONNECTED.value:
            return False
        if (connection.secret, connection.mode) != (asked.secret, asked.mode):
            return False  # It was connected anew meanwhile.
        await store_list(ctx, db, connection, found)
        calendars = [each for each in db.dirty if isinstance(each, Calendar)]
        changed = bool(db.new or db.deleted) or any(db.is_modified(each) for each in calendars)
        if changed:
            await announce(db, "sync", [connection_id])
    return changed
