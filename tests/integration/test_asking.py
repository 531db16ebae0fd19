"""Asking the owner of an account that lets nobody in to sign in again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from booking_app.db.outbox import claim
from booking_app.db.tables import Account
from booking_app.domain.appointment import ConnectionState, Role
from booking_app.domain.effects import Work
from booking_app.domain.errors import Forbidden, NotFound
from booking_app.services import asking, people
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.mailing import compose
from tests.conftest import Clock
from tests.office import Office, make_office


async def lost(ctx: Context, *, owner: bool = True) -> Office:
    """An office whose account lets nobody in any more; with an admin, and the account of its owner."""
    office = await make_office(ctx)
    office.server.passwords["anna"] = "another one"
    for _ in range(3):
        await office.read()
    assert (await office.connection()).state == ConnectionState.NEEDS_SIGN_IN.value
    async with office.ctx.sessions.begin() as db:
        db.add(Account(email="boss@example.com", name="Boss", role="admin"))
        if owner:
            db.add(Account(email="anna@example.com", name="Anna", bookable_id=office.person))
    return office


async def mails(office: Office) -> list[Work]:
    """What is to be written, taken out of the outbox."""
    now = office.ctx.now()
    async with office.ctx.sessions.begin() as db:
        return await claim(db, "mail", now=now, lease_until=now + timedelta(days=1), limit=10)


async def test_the_owner_alone_is_written_to_and_at_most_once_an_hour(ctx: Context, clock: Clock) -> None:
    office = await lost(ctx)
    assert await asking.ask_owner(office.ctx, connection_uid=office.connection_uid) == "Anna"
    (mail,) = await mails(office)
    message = await compose(office.ctx, mail, "team@example.com")
    assert message is not None
    assert message["To"] == "anna@example.com"
    assert "/settings/calendars" in message.as_string()
    clock.advance(minutes=59)
    with pytest.raises(Forbidden, match=r"^Anna was asked 59 min ago\."):
        await asking.ask_owner(office.ctx, connection_uid=office.connection_uid)
    assert list(await asking.asked(office.ctx)) == [office.connection_uid]
    clock.advance(minutes=1)
    assert await asking.asked(office.ctx) == {}
    await asking.ask_owner(office.ctx, connection_uid=office.connection_uid)
    assert len(await mails(office)) == 1


async def test_nobody_is_asked_for_an_account_that_works_or_in_vain(ctx: Context) -> None:
    office = await make_office(ctx)
    for uid in (office.connection_uid, "no uid", "6d1f0c9e-0000-4000-8000-000000000000"):
        with pytest.raises(NotFound):
            await asking.ask_owner(office.ctx, connection_uid=uid)
    assert await mails(office) == []


async def test_an_owner_who_cannot_sign_in_is_to_be_invited_first(ctx: Context) -> None:
    office = await lost(ctx, owner=False)
    with pytest.raises(Forbidden, match="Invite them"):
        await asking.ask_owner(office.ctx, connection_uid=office.connection_uid)
    assert await asking.asked(office.ctx) == {}


async def test_the_bar_tells_apart_whose_turn_it_is(ctx: Context) -> None:
    office = await lost(ctx)
    mine = SignedIn(account_id=1, name="Anna", email="a@x.nl", role=Role.ADMIN, bookable_id=office.person)
    other = SignedIn(account_id=2, name="Boss", email="b@x.nl", role=Role.ADMIN, bookable_id=None)
    bars = [await people.bar(office.ctx, each) for each in (mine, other)]
    assert [(each.need_attention, each.own, each.sign_in) for each in bars] == [(1, 1, 0), (1, 0, 1)]
