"""A new key takes over while the old one still opens; afterwards the old one can go."""

from __future__ import annotations

from dataclasses import replace

from booking_app.db.tables import Account
from booking_app.domain.appointment import Role
from booking_app.services import booking, manage
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.invitations import invite
from booking_app.sync.accounts import about
from booking_app.sync.rotation import rotate
from booking_app.sync.vault import Vault, new_key
from tests.factories import at, make_request
from tests.office import PASSWORD, cells, make_office

TEN = at("2027-03-02 10:00")


async def test_everything_sealed_opens_with_the_new_key_alone(ctx: Context) -> None:
    old, new = new_key(), new_key()
    office = await make_office(replace(ctx, sealer=Vault([old])))
    receipt = await booking.book(office.ctx, make_request(TEN), idempotency_key="once")
    async with office.ctx.sessions.begin() as db:
        boss = Account(email="boss@example.com", name="Boss", role="admin")
        db.add(boss)
        await db.flush()
        who = SignedIn(account_id=boss.id or 0, name="Boss", email=boss.email, role=Role.ADMIN, bookable_id=None)
    await invite(office.ctx, who, email="new@example.com", role=Role.STAFF)

    done = await rotate(office.ctx.sessions, Vault([new, old]))
    assert done.unreadable == ()
    assert done.renewed == 4
    assert (await rotate(office.ctx.sessions, Vault([new, old]))).renewed == 0

    only = replace(office.ctx, sealer=Vault([new]))
    connection = await office.connection()
    assert only.sealer.open(connection.secret, about(connection)) == PASSWORD
    again = await booking.book(only, make_request(TEN), idempotency_key="once")
    assert again.repeated
    assert again.token == receipt.token
    assert (await manage.view(only, receipt.token)).start == TEN
    ((key, sealed),) = await cells(only, "SELECT key, payload->>'sealed' FROM outbox WHERE payload ? 'sealed'")
    assert only.sealer.open(bytes.fromhex(sealed), key)


async def test_what_no_key_opens_is_named_and_left(ctx: Context) -> None:
    office = await make_office(replace(ctx, sealer=Vault([new_key()])))
    before = (await office.connection()).secret
    done = await rotate(office.ctx.sessions, Vault([new_key()]))
    assert done.renewed == 0
    assert len(done.unreadable) == 1
    assert (await office.connection()).secret == before
