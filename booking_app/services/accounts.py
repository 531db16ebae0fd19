"""Who signs in, on which browser, and how somebody gets an account.

Secrets that travel (cookie values, one-time links) are 32 random bytes and are stored as SHA-256 only. Passwords are
stored as Argon2id; what an unknown address costs to check is the same as what a known one does.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.columns import known
from booking_app.db.tables import Account, Session
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Forbidden, Invalid
from booking_app.domain.text import shows
from booking_app.services.context import Context
from booking_app.services.passwords import checked_password

_ADDRESS = re.compile(r"[^@\s<>(),;:\"\[\]\\\x00-\x1f\x7f]+@[^@\s<>(),;:\"\[\]\\\x00-\x1f\x7f]+")
_hasher = PasswordHasher()
_nobody = _hasher.hash(secrets.token_urlsafe(16))
"""Checked against when the address is unknown, so that the answer takes as long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """The account behind a valid session. `bookable_id`: the person it is on the team, if any."""

    account_id: int
    name: str
    email: str
    role: Role
    bookable_id: int | None


COOKIE = "booking_session"
"""The session cookie's name where the program is reached by http."""


def cookie_name(public_url: str) -> str:
    """The session cookie's name. With https it is one that no other host of the same domain can set (RFC 6265bis,
    "The __Host- Prefix")."""
    return f"__Host-{COOKIE}" if public_url.startswith("https:") else COOKIE


def session_cookie(header: str | None, public_url: str) -> str | None:
    """The session's value in a Cookie header, as RFC 6265, section 4.2.1, writes it. None if there is none, or more
    than one: somebody else has set the other, and pages and links must not take different ones for the person's."""
    return cookie_value(header, cookie_name(public_url))


def cookie_value(header: str | None, wanted: str) -> str | None:
    """The same of any cookie that holds a secret of ours."""
    parts = [part.partition("=") for part in (header or "").split(";")]
    found = {value.strip() for name, _, value in parts if name.strip() == wanted}
    value = found.pop() if len(found) == 1 else ""
    return value if 0 < len(value) <= 128 else None


def token_hash(token: str) -> bytes:
    """What is stored of a secret that is too random to be guessed: a cookie's value, the token of a link (SHA-256)."""
    return hashlib.sha256(token.encode()).digest()


def normal_email(email: str) -> str:
    """The form in which addresses are stored and compared."""
    return email.strip().lower()


def checked_email(email: str) -> str:
    """The address in its normal form; else `Invalid("email")`."""
    address = normal_email(email)
    if not _ADDRESS.fullmatch(address) or len(address) > 254:
        raise Invalid("email", "Write an e-mail address, like name@example.com.")
    return address


async def hashed(ctx: Context, password: str) -> str:
    """The Argon2id hash of a password. Raises `Busy` when too many are waiting."""
    return await ctx.hashing.run(_hasher.hash, password)


def view(account: Account) -> SignedIn:
    """What the program may know of a signed-in account."""
    if account.id is None:
        raise LookupError("the account has not been stored")
    return SignedIn(
        account_id=account.id,
        name=account.name,
        email=account.email,
        role=Role(account.role),
        bookable_id=account.bookable_id,
    )


async def sign_in(ctx: Context, email: str, password: str, *, days: int = 30) -> tuple[SignedIn, str]:
    """Start a session that lasts `days`: who it is, and the cookie's value.

    Raises `Forbidden`, the same for an unknown address, a wrong password and a deactivated account; `Busy` when too
    many sign in at once."""
    async with ctx.sessions() as db:
        account = await db.scalar(select(Account).where(col(Account.email) == known(normal_email(email))))
    stored = account.password_hash if account is not None and account.active else ""
    fits, outdated = await ctx.hashing.run(_check, stored, password)
    if account is None or not fits:
        raise Forbidden("The address or the password is wrong.")
    renewed = await hashed(ctx, password) if outdated else None
    async with ctx.sessions.begin() as db:
        if renewed is not None:
            # Only if the password was not changed meanwhile.
            await db.execute(
                update(Account)
                .where(col(Account.id) == account.id, col(Account.password_hash) == stored)
                .values(password_hash=renewed)
            )
        # The account may have been deactivated while the password was checked.
        if not await db.scalar(
            select(col(Account.active)).where(col(Account.id) == account.id).with_for_update(key_share=True)
        ):
            raise Forbidden("The address or the password is wrong.")
        token = await start_session(ctx, db, view(account).account_id, days=days)
    return view(account), token


async def start_session(ctx: Context, db: AsyncSession, account_id: int, *, days: int) -> str:
    """A new session in the caller's transaction; the cookie's value. Sessions that have ended are cleared away."""
    token = secrets.token_urlsafe(32)
    now = ctx.now()
    await db.execute(delete(Session).where(col(Session.expires_at) <= now))
    db.add(
        Session(
            token_hash=token_hash(token), account_id=account_id, created_at=now, expires_at=now + timedelta(days=days)
        )
    )
    return token


async def who(ctx: Context, cookie: str | None) -> SignedIn | None:
    """The account behind a cookie's value; None if there is none, it has ended or the account is inactive."""
    if not cookie:
        return None
    async with ctx.sessions() as db:
        return await _who(db, token_hash(cookie), ctx.now())


async def _who(db: AsyncSession, stored: bytes, now: datetime) -> SignedIn | None:
    account = await db.scalar(
        select(Account)
        .join(Session, col(Session.account_id) == col(Account.id))
        .where(col(Session.token_hash) == stored, col(Session.expires_at) > now, col(Account.active))
    )
    return None if account is None else view(account)


async def sign_out(ctx: Context, cookie: str) -> None:
    """End this one session; nothing if it has ended already."""
    async with ctx.sessions.begin() as db:
        await db.execute(delete(Session).where(col(Session.token_hash) == token_hash(cookie)))


async def sign_out_everywhere(ctx: Context, account_id: int) -> None:
    """End every session of the account."""
    async with ctx.sessions.begin() as db:
        await end_sessions(db, account_id)


async def end_sessions(db: AsyncSession, account_id: int) -> None:
    """End every session of an account in the caller's transaction."""
    await db.execute(delete(Session).where(col(Session.account_id) == account_id))


async def change_password(ctx: Context, account_id: int, old: str, new: str, *, days: int = 30) -> str:
    """Set a new password, end every session and start one for this browser: its cookie's value.

    Raises `Invalid("old")` or `Invalid("password")`, `Forbidden` for an inactive account."""
    async with ctx.sessions() as db:
        account = await db.get(Account, account_id)
    if account is None or not account.active:
        raise Forbidden("Sign in again.")
    fits, _ = await ctx.hashing.run(_check, account.password_hash, old)
    if not fits:
        raise Invalid("old", "This is not your present password.")
    password_hash = await hashed(ctx, checked_password(new, account.email))
    async with ctx.sessions.begin() as db:
        await db.execute(update(Account).where(col(Account.id) == account_id).values(password_hash=password_hash))
        await end_sessions(db, account_id)
        return await start_session(ctx, db, account_id, days=days)


async def create_account(
    ctx: Context, *, email: str, name: str, password: str, role: Role, bookable_id: int | None = None
) -> SignedIn:
    """An account with a password chosen by whoever sets the program up. Raises `Invalid`."""
    password_hash = await hashed(ctx, checked_password(password, email))
    async with ctx.sessions.begin() as db:
        return await store_account(
            db, email=email, name=name, password_hash=password_hash, role=role, bookable_id=bookable_id
        )


async def store_account(
    db: AsyncSession, *, email: str, name: str, password_hash: str, role: Role, bookable_id: int | None
) -> SignedIn:
    """Store an account in the caller's transaction. Raises `Invalid` for a bad address or name, or one in use.

    The account of somebody who was removed is taken into use again, as it is given here."""
    email, name = checked_email(email), " ".join(name.split())
    if not shows(name) or len(name) > 100:
        raise Invalid("name", "Write your name, at most 100 characters.")
    account = await db.scalar(select(Account).where(col(Account.email) == email).with_for_update())
    if account is None:
        account = Account(email=email, name=name)
        db.add(account)
    elif account.active:
        raise Invalid("email", "There is an account with this address already.")
    account.name, account.role, account.password_hash = name, role, password_hash
    account.bookable_id, account.active = bookable_id, True
    await db.flush()
    return view(account)


async def deactivate(ctx: Context, account_id: int) -> None:
    """Take the account out of use and end its sessions at once."""
    async with ctx.sessions.begin() as db:
        await db.execute(update(Account).where(col(Account.id) == account_id).values(active=False))
        await end_sessions(db, account_id)


def _check(stored: str, password: str) -> tuple[bool, bool]:
    """(whether the password fits the hash, whether the hash was made with other parameters than today's)."""
    try:
        _hasher.verify(stored or _nobody, password)
    except (VerificationError, InvalidHashError):
        return False, False
    return bool(stored), bool(stored) and _hasher.check_needs_rehash(stored)
