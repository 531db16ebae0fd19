"""A new password by mail, for whoever has forgotten theirs or is kept from signing in by strangers.

What is answered and how long it takes does not depend on whether there is such an account: the same rows are written,
and only the worker that sends the mail looks for the reader.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.columns import known
from booking_app.db.outbox import enqueue
from booking_app.db.tables import Account, OneTimeLink
from booking_app.domain.appointment import Effect
from booking_app.domain.errors import NotFound
from booking_app.services import devices, rates
from booking_app.services.accounts import (
    SignedIn,
    end_sessions,
    hashed,
    normal_email,
    start_session,
    token_hash,
    view,
)
from booking_app.services.context import Context
from booking_app.services.links import open_link
from booking_app.services.passwords import checked_password
from booking_app.services.rates import Rate

RESET = "reset"
VALID = timedelta(hours=1)
FOR_ACCOUNT = Rate(most=3, period=timedelta(hours=1))
"""Mails to one account. While a stranger uses them all up, one that works is always in its owner's box."""
FROM_ADDRESS = Rate(most=10, period=timedelta(hours=1))


async def ask(ctx: Context, email: str, *, address: str) -> bool:
    """Have a link mailed if this is the address of an account. False if the caller's `address` asks too often; what
    else came of it is not told."""
    reader = known(normal_email(email)[:254])
    if not await rates.take_all(ctx, [(ctx.sealer.mark(address, "reset address"), FROM_ADDRESS)]):
        return False
    token = secrets.token_urlsafe(32)
    stored = token_hash(token)
    key = f"{RESET}:{stored.hex()}"
    async with ctx.sessions.begin() as db:
        if not await rates.take(ctx, db, ctx.sealer.mark(reader, "reset account"), FOR_ACCOUNT):
            return True
        db.add(OneTimeLink(token_hash=stored, purpose=RESET, email=reader, expires_at=ctx.now() + VALID))
        payload = {"kind": RESET, "link": stored.hex(), "sealed": ctx.sealer.seal(token, key).hex()}
        await enqueue(db, Effect.MAIL, key, due=ctx.now(), payload=payload)
        await announce(db, "outbox")
    return True


async def offer(ctx: Context, token: str) -> str:
    """The address of the account that the link opens. Raises `NotFound`, the same for an unknown, a used and an
    expired one."""
    async with ctx.sessions() as db:
        return (await open_link(ctx, db, token, RESET)).email


async def use(ctx: Context, token: str, password: str, *, days: int = 30) -> tuple[SignedIn, str]:
    """Set the password, end every session, and sign in here: who it is, and the cookie's value. All links of the
    account are worthless afterwards, and no browser of it is known.

    Raises `NotFound` for a link that is not open, `Invalid("password")`; then it stays open. `Busy` as `hashed`."""
    password_hash = await hashed(ctx, checked_password(password, await offer(ctx, token)))
    async with ctx.sessions.begin() as db:
        link = await open_link(ctx, db, token, RESET, lock=True)
        account = await db.scalar(
            select(Account).where(col(Account.email) == link.email, col(Account.active)).with_for_update()
        )
        if account is None:
            raise NotFound("This link is not valid any more.")
        account.password_hash = password_hash
        person = view(account)
        others = col(OneTimeLink.purpose) == RESET, col(OneTimeLink.email) == person.email
        await db.execute(delete(OneTimeLink).where(*others))
        await end_sessions(db, person.account_id)
        await devices.forget(db, person.account_id)
        return person, await start_session(ctx, db, person.account_id, days=days)


def reset_link(ctx: Context, token: str) -> str:
    """The page where a new password is chosen."""
    return f"{ctx.public_url}/reset/{token}"
