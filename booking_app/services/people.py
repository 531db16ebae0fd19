"""Accounts and the people they belong to, as an admin sees them, and what everybody's own top bar says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, true
from sqlmodel import col

from booking_app.db.tables import Account, Alert, Bookable, Connection, OneTimeLink
from booking_app.domain.appointment import BookableKind, ConnectionState, Role
from booking_app.domain.errors import Forbidden, NotFound
from booking_app.services import accounts
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.invitations import INVITATION
from booking_app.services.views import PersonView

NEEDS_SOMEBODY = (ConnectionState.NEEDS_SIGN_IN, ConnectionState.STOPPED)
"""What does not mend itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """The caller's colour (empty: not a person of the team) and how many connections wait for somebody: of these, how
    many are the caller's `own`, and at how many somebody else has to sign in again."""

    colour: str
    zone: str
    need_attention: int
    own: int = 0
    sign_in: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A line of the team: a person, an account, or both. Ids are None and texts empty where one is missing."""

    slug: str
    bookable_id: int | None
    name: str
    colour: str
    account_id: int | None
    email: str
    role: str
    invited_until: datetime | None
    """Until when an invitation that nobody has accepted yet is open."""


async def bar(ctx: Context, me: SignedIn) -> Bar:
    """Admins are told of everybody's calendars, staff of their own: of those that need somebody or raised an alert."""
    alarmed = exists().where(col(Alert.connection_id) == col(Connection.id), col(Alert.closed_at).is_(None))
    mine = col(Connection.bookable_id) == me.bookable_id
    lost = col(Connection.state) == ConnectionState.NEEDS_SIGN_IN.value
    waiting = (
        select(func.count(), func.count().filter(mine), func.count().filter(lost, mine.is_not(true())))
        .select_from(Connection)
        .join(Bookable, col(Bookable.id) == col(Connection.bookable_id))
        .where(col(Connection.state).in_(NEEDS_SOMEBODY) | alarmed, col(Bookable.removed_at).is_(None))
    )
    if me.role is not Role.ADMIN:
        waiting = waiting.where(mine)
    async with ctx.sessions() as db:
        person = await db.get(Bookable, me.bookable_id) if me.bookable_id is not None else None
        count, own, sign_in = (await db.execute(waiting)).one()
    return Bar(
        colour=person.colour if person is not None else "",
        zone=person.zone if person is not None else "",
        need_attention=count,
        own=own,
        sign_in=sign_in,
    )


async def person(ctx: Context, bookable_id: int) -> PersonView:
    """Somebody of the team as customers see them. Raises `NotFound`."""
    async with ctx.sessions() as db:
        found = await db.get(Bookable, bookable_id)
    if found is None or found.removed_at is not None:
        raise NotFound("This person is not on the team any more.")
    return PersonView(slug=found.slug, name=found.name, zone=found.zone, colour=found.colour)


async def members(ctx: Context, by: SignedIn) -> tuple[Member, ...]:
    """Everybody on the team by name, then accounts without a person, then open invitations. `Forbidden` for staff."""
    _admin_only(by)
    async with ctx.sessions() as db:
        people = (
            await db.scalars(
                select(Bookable)
                .where(col(Bookable.kind) == BookableKind.PERSON, col(Bookable.removed_at).is_(None))
                .order_by(col(Bookable.name))
            )
        ).all()
        active = (await db.scalars(select(Account).where(col(Account.active)).order_by(col(Account.name)))).all()
        invitations = (
            await db.scalars(
                select(OneTimeLink).where(
                    col(OneTimeLink.purpose) == INVITATION,
                    col(OneTimeLink.used_at).is_(None),
                    col(OneTimeLink.expires_at) > ctx.now(),
                )
            )
        ).all()
    by_person = {account.bookable_id: account for account in active if account.bookable_id is not None}
    invited = {link.bookable_id: link for link in invitations if link.bookable_id is not None}
    lines = [_person(each, by_person.get(each.id or 0), invited.get(each.id or 0)) for each in people]
    shown = {line.account_id for line in lines}
    lines += [_account(each) for each in active if each.id not in shown]
    known = {each.id for each in people}
    lines += [_invitation(each) for each in invitations if each.bookable_id not in known]
    return tuple(lines)


async def end_account_sessions(ctx: Context, by: SignedIn, account_id: int) -> None:
    """Sign somebody out on every browser. `Forbidden` for staff, `NotFound` for an unknown account."""
    _admin_only(by)
    async with ctx.sessions() as db:
        if await db.get(Account, account_id) is None:
            raise NotFound("There is no such account.")
    await accounts.sign_out_everywhere(ctx, account_id)


async def close_account(ctx: Context, by: SignedIn, account_id: int) -> None:
    """Take an account out of use; its sessions end at once. Raises `Forbidden` for staff and for one's own account."""
    _admin_only(by)
    if by.account_id == account_id:
        raise Forbidden("You cannot remove your own account. Ask another admin.")
    await accounts.deactivate(ctx, account_id)


def _admin_only(by: SignedIn) -> None:
    if by.role is not Role.ADMIN:
        raise Forbidden("Only an admin can see and change the team.")


def _person(person: Bookable, account: Account | None, invitation: OneTimeLink | None) -> Member:
    return Member(
        slug=person.slug,
        bookable_id=person.id,
        name=person.name,
        colour=person.colour,
        account_id=account.id if account else None,
        email=account.email if account else (invitation.email if invitation else person.email),
        role=account.role if account else (invitation.role if invitation else ""),
        invited_until=invitation.expires_at if invitation and not account else None,
    )


def _account(account: Account) -> Member:
    return Member(
        slug="",
        bookable_id=None,
        name=account.name,
        colour="",
        account_id=account.id,
        email=account.email,
        role=account.role,
        invited_until=None,
    )


def _invitation(link: OneTimeLink) -> Member:
    return Member(
        slug="",
        bookable_id=None,
        name=link.name or link.email,
        colour="",
        account_id=None,
        email=link.email,
        role=link.role,
        invited_until=link.expires_at,
    )
