"""One-time links: an invitation to the team, and the first admin's. Valid once, stored hashed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.db.tables import Account, Bookable, OneTimeLink
from booking_app.domain.appointment import Effect, Role
from booking_app.domain.errors import Forbidden, Invalid, NotFound
from booking_app.domain.text import shows
from booking_app.services.accounts import (
    SignedIn,
    checked_email,
    hashed,
    start_session,
    store_account,
    token_hash,
)
from booking_app.services.context import Context
from booking_app.services.links import open_link
from booking_app.services.passwords import checked_password

INVITATION = "invitation"
FIRST_ADMIN = "first_admin"
VALID_DAYS = 7
_FIRST_ADMIN_LOCK = 7_310_001
"""Advisory lock: of two people who follow a first admin's link at once, one becomes the admin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What an open link offers. `email` and `name` are empty for the first admin, who writes their own."""

    purpose: str
    email: str
    name: str
    role: Role


async def invite(
    ctx: Context, by: SignedIn, *, email: str, role: Role, bookable_id: int | None = None, name: str = ""
) -> str:
    """Invite somebody, by mail; the link is also returned, to be handed over in another way. Replaces an
    invitation to the same address. Raises `Forbidden` unless `by` is an admin, `Invalid("email" | "bookable")`."""
    if by.role is not Role.ADMIN:
        raise Forbidden("Only an admin can invite people.")
    address = checked_email(email)
    token = secrets.token_urlsafe(32)
    link = accept_link(ctx, token)
    async with ctx.sessions.begin() as db:
        in_use = select(func.count()).select_from(Account).where(col(Account.email) == address, col(Account.active))
        if await db.scalar(in_use):
            raise Invalid("email", "There is an account with this address already.")
        if bookable_id is not None:
            bookable = await db.get(Bookable, bookable_id)
            if bookable is None or bookable.removed_at is not None:
                raise Invalid("bookable", "Choose a person of the team.")
            name = name or bookable.name
        await db.execute(
            delete(OneTimeLink).where(col(OneTimeLink.purpose) == INVITATION, col(OneTimeLink.email) == address)
        )
        stored = token_hash(token)
        db.add(
            OneTimeLink(
                token_hash=stored,
                purpose=INVITATION,
                email=address,
                name=" ".join(name.split()) if shows(name) else "",
                role=role,
                bookable_id=bookable_id,
                expires_at=ctx.now() + timedelta(days=VALID_DAYS),
            )
        )
        key = f"invitation:{stored.hex()}"
        payload = {
            "kind": INVITATION,
            "email": address,
            "name": name,
            "by": by.name,
            "link": stored.hex(),
            "sealed": ctx.sealer.seal(token, key).hex(),
        }
        await enqueue(db, Effect.MAIL, key, due=ctx.now(), payload=payload)
        await announce(db, "outbox")
    return link


async def withdraw(ctx: Context, by: SignedIn, *, email: str) -> None:
    """Make an open invitation's link worthless at once; a mail with it that was not sent yet is not sent.

    Raises `Forbidden` unless `by` is an admin, `NotFound` if it was accepted or ended meanwhile."""
    if by.role is not Role.ADMIN:
        raise Forbidden("Only an admin can withdraw an invitation.")
    async with ctx.sessions.begin() as db:
        link = await _open_invitation(ctx, db, email)
        await db.delete(link)


async def renew(ctx: Context, by: SignedIn, *, email: str) -> str:
    """A new link and a new mail in the place of an open invitation, whose link is worthless from now on. Raises as
    `withdraw`."""
    if by.role is not Role.ADMIN:
        raise Forbidden("Only an admin can invite people.")
    async with ctx.sessions.begin() as db:
        old = await _open_invitation(ctx, db, email)
    return await invite(ctx, by, email=old.email, role=Role(old.role), bookable_id=old.bookable_id, name=old.name)


async def first_admin_link(ctx: Context) -> str | None:
    """A new link that makes its first user an admin, replacing any older one; None once there is an admin."""
    token = secrets.token_urlsafe(32)
    async with ctx.sessions.begin() as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_ADMIN_LOCK})
        await db.execute(delete(OneTimeLink).where(col(OneTimeLink.purpose) == FIRST_ADMIN))
        if await _admin_exists(db):
            return None
        db.add(
            OneTimeLink(
                token_hash=token_hash(token),
                purpose=FIRST_ADMIN,
                role=Role.ADMIN,
                expires_at=ctx.now() + timedelta(days=VALID_DAYS),
            )
        )
    return accept_link(ctx, token)


async def offer(ctx: Context, token: str) -> Offer:
    """What a link offers. Raises `NotFound`, the same for an unknown, a used and an expired one."""
    async with ctx.sessions() as db:
        link = await open_link(ctx, db, token, INVITATION, FIRST_ADMIN)
    return Offer(purpose=link.purpose, email=link.email, name=link.name, role=Role(link.role))


async def accept(
    ctx: Context, token: str, *, name: str, password: str, email: str = "", days: int = 30
) -> tuple[SignedIn, str]:
    """Use a link: the new account, signed in, and the cookie's value. `email` counts for the first admin only.

    Raises `NotFound` for a link that is not open, `Invalid` for a name, address or password that will not do;
    then the link stays open."""
    found = await offer(ctx, token)
    address = found.email or checked_email(email)
    password_hash = await hashed(ctx, checked_password(password, address))
    async with ctx.sessions.begin() as db:
        link = await open_link(ctx, db, token, INVITATION, FIRST_ADMIN, lock=True)
        if link.purpose == FIRST_ADMIN:
            await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_ADMIN_LOCK})
            if await _admin_exists(db):
                raise NotFound("This link is not valid any more.")
        account = await store_account(
            db,
            email=address,
            name=name,
            password_hash=password_hash,
            role=Role(link.role),
            bookable_id=link.bookable_id,
        )
        link.used_at = ctx.now()
        session = await start_session(ctx, db, account.account_id, days=days)
    return account, session


def accept_link(ctx: Context, token: str) -> str:
    """The page where a link is accepted."""
    return f"{ctx.public_url}/welcome/{token}"


async def _open_invitation(ctx: Context, db: AsyncSession, email: str) -> OneTimeLink:
    link = await db.scalar(
        select(OneTimeLink)
        .where(
            col(OneTimeLink.purpose) == INVITATION,
            col(OneTimeLink.email) == email,
            col(OneTimeLink.used_at).is_(None),
            col(OneTimeLink.expires_at) > ctx.now(),
        )
        .with_for_update()
    )
    if link is None:
        raise NotFound("This invitation is not open any more.")
    return link


async def _admin_exists(db: AsyncSession) -> bool:
    return bool(
        await db.scalar(
            select(func.count()).select_from(Account).where(col(Account.role) == Role.ADMIN, col(Account.active))
        )
    )
