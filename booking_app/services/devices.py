"""The browsers in which somebody has signed in before: they are not slowed by what strangers try.

A browser keeps a cookie that no script reads; stored is its SHA-256, with an end. It opens nothing: the password is
still asked for, and wrong ones are counted for the browser.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.columns import known
from booking_app.db.tables import Account, Device
from booking_app.services.accounts import cookie_value, token_hash
from booking_app.services.context import Context

COOKIE = "booking_device"
DAYS = 400
"""The longest that browsers keep a cookie (RFC 6265bis, section 5.5)."""
MOST = 20
"""Browsers of one account; the one that signed in longest ago is forgotten."""


def cookie_name(public_url: str) -> str:
    """The cookie's name, by the same rule as that of the session."""
    return f"__Host-{COOKIE}" if public_url.startswith("https:") else COOKIE


def device_cookie(header: str | None, public_url: str) -> str | None:
    """The device's value in a Cookie header."""
    return cookie_value(header, cookie_name(public_url))


async def is_known(ctx: Context, device: str | None, email: str) -> bool:
    """Whether the account with this address signed in here before."""
    if not device:
        return False
    query = (
        select(col(Device.account_id))
        .join(Account, col(Account.id) == col(Device.account_id))
        .where(
            col(Device.token_hash) == token_hash(device),
            col(Device.expires_at) > ctx.now(),
            col(Account.email) == known(email),
        )
    )
    async with ctx.sessions() as db:
        return await db.scalar(query) is not None


async def remember(ctx: Context, device: str | None, account_id: int) -> str:
    """Know this browser from now on: the cookie's new value. Other accounts that signed in here stay known."""
    token = secrets.token_urlsafe(32)
    stored = token_hash(token)
    expires = ctx.now() + timedelta(days=DAYS)
    row = insert(Device).values(token_hash=stored, account_id=account_id, expires_at=expires)
    newest = (
        select(col(Device.token_hash))
        .where(col(Device.account_id) == account_id)
        .order_by(col(Device.expires_at).desc(), col(Device.token_hash))
        .limit(MOST)
    )
    async with ctx.sessions.begin() as db:
        if device:
            # A value that somebody else may have planted is worth nothing afterwards.
            old = col(Device.token_hash) == token_hash(device)
            await db.execute(update(Device).where(old).values(token_hash=stored))
        await db.execute(
            row.on_conflict_do_update(index_elements=["token_hash", "account_id"], set_={"expires_at": expires})
        )
        await db.execute(
            delete(Device).where(col(Device.account_id) == account_id, col(Device.token_hash).not_in(newest))
        )
    return token


async def forget(db: AsyncSession, account_id: int) -> None:
    """Know no browser of the account any more, in the caller's transaction."""
    await db.execute(delete(Device).where(col(Device.account_id) == account_id))
