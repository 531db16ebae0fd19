"""Storing what a person granted: a new account, or one that is linked anew with every choice kept."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.tables import Calendar, Connection, ConsentAttempt, Grant, ProviderApp
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound
from booking_app.services.context import Context
from booking_app.services.link_words import LinkError, NotLinked
from booking_app.services.provider_apps import Registered
from booking_app.sync import grants
from booking_app.sync.accounts import about
from booking_app.sync.linked import has_room, mine_locked, revive, start_over, store_list
from booking_app.sync.model import Mode, RemoteCalendar
from booking_app.sync.oauth import Tokens


async def store(
    ctx: Context,
    app: Registered,
    attempt: ConsentAttempt,
    tokens: Tokens,
    found: Sequence[RemoteCalendar],
) -> str:
    """Store the account with its tokens and the list of its calendars; its uid.

    Raises `NotLinked` for an account that the person has linked already, for one more than they may have, and for
    another one than is to be linked anew."""
    now, provider = ctx.now(), app.vendor.name
    async with ctx.sessions.begin() as db:
        if attempt.connection_uid is None:
            connection = await _new(ctx, db, app, attempt, tokens)
        else:
            try:
                connection = await mine_locked(db, attempt.bookable_id, str(attempt.connection_uid))
            except NotFound:
                raise NotLinked(LinkError.STATE) from None
            if connection.subject not in tokens.subjects:
                raise NotLinked(LinkError.OTHER_ACCOUNT)
            connection.subject = tokens.subject
        if connection.mode != attempt.mode:
            # The same events are shown in another way: nothing that is held can be compared with it.
            for calendar in await db.scalars(select(Calendar).where(col(Calendar.connection_id) == connection.id)):
                await start_over(ctx, db, calendar)
        connection.mode, connection.username = attempt.mode, tokens.email or connection.username
        # Names this consent: what was begun with an earlier one is known by it.
        connection.secret = ctx.sealer.seal(secrets.token_urlsafe(16), about(connection))
        await db.flush()
        grant = await db.get(Grant, connection.id, with_for_update=True)
        if grant is None:
            grant = Grant(connection_id=connection.id or 0, refresh=b"", granted_at=now)
            db.add(grant)
        grant.granted_at, grant.scopes = now, " ".join(app.vendor.scopes[Mode(attempt.mode)])
        grants.keep(ctx, grant, tokens, grants.about(connection))
        grant.ends_at = grants.expected_end(app, tokens, now)
        await db.flush()
        if attempt.connection_uid is None:
            connection.last_success_at = now
            await store_list(ctx, db, connection, found)
            await announce(db, "sync", [connection.id or 0])
        else:
            await revive(ctx, db, connection, found)
        uid = str(connection.uid)
    async with ctx.sessions.begin() as db:
        came_back = update(ProviderApp).where(col(ProviderApp.provider) == provider).values(consented_at=now)
        await db.execute(came_back)
    return uid


async def _new(ctx: Context, db: AsyncSession, app: Registered, attempt: ConsentAttempt, tokens: Tokens) -> Connection:
    # Who links the same account at the same time waits here.
    await lock_bookables(db, [attempt.bookable_id], to_instant(ctx.now()))
    if not await has_room(db, attempt.bookable_id):
        raise NotLinked(LinkError.FULL)
    known = select(col(Connection.id)).where(
        col(Connection.bookable_id) == attempt.bookable_id,
        col(Connection.provider) == app.vendor.name,
        col(Connection.subject).in_(tokens.subjects),
        col(Connection.state) != ConnectionState.DISCONNECTED.value,
    )
    if await db.scalar(known) is not None:
        raise NotLinked(LinkError.TAKEN)
    connection = Connection(
        uid=uuid4(),
        bookable_id=attempt.bookable_id,
        provider=app.vendor.name,
        preset=app.vendor.name,
        label=app.vendor.title,
        address=app.vendor.api,
        username=tokens.email,
        subject=tokens.subject,
        mode=attempt.mode,
    )
    db.add(connection)
    return connection
