"""What is no longer needed goes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text
from sqlmodel import col

from booking_app import pauses
from booking_app.db.tables import Connection
from booking_app.services.context import Context
from booking_app.sync.accounts import Accounts
from booking_app.sync.connect import purge_disconnected

_OLD = (
    ("DELETE FROM delay_sample WHERE at < :limit", timedelta(days=8)),
    ("DELETE FROM idempotency_key WHERE created_at < :limit", timedelta(days=2)),
    ("DELETE FROM consent_attempt WHERE expires_at < :limit", timedelta(0)),
    ("DELETE FROM session WHERE expires_at < :limit", timedelta(0)),
    ("DELETE FROM device WHERE expires_at < :limit", timedelta(0)),
    ("DELETE FROM bucket WHERE ends_at < :limit", timedelta(0)),
    ("DELETE FROM one_time_link WHERE expires_at < :limit", timedelta(days=7)),
    ("DELETE FROM known_mailbox WHERE confirmed_at < :limit", timedelta(days=400)),
    ("UPDATE booking SET source = NULL WHERE source IS NOT NULL AND created_at < :limit", timedelta(days=30)),
    ("DELETE FROM busy_block WHERE ends_at < :limit", timedelta(days=2)),
    ("DELETE FROM alert WHERE closed_at < :limit", timedelta(days=90)),
)


async def clean_up(ctx: Context) -> None:
    """Delete what is past its time, a statement a transaction, so that nothing waits for it long; and let go of what
    is no longer reachable in memory."""
    now = ctx.now()
    for statement, keep in _OLD:
        async with ctx.sessions.begin() as db:
            await db.execute(text(statement), {"limit": now - keep})
    pauses.look()


async def forget_disconnected(ctx: Context, accounts: Accounts) -> None:
    """Delete accounts from which the last event was removed, and forget the passwords of all that are deleted,
    whichever process did it."""
    await purge_disconnected(ctx)
    async with ctx.sessions() as db:
        connected = [each or 0 for each in await db.scalars(select(col(Connection.id)))]
    await accounts.keep_only(connected)
