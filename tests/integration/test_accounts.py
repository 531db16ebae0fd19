"""Accounts, sessions and one-time links on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlmodel import col

from booking_app.db.tables import Account, Bookable, OneTimeLink, Outbox, Session
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Forbidden, Invalid, NotFound
from booking_app.services import accounts, invitations
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from tests.conftest import Clock

PASSWORD = "a calm green river"


async def make_account(ctx: Context, **overrides: object) -> SignedIn:
    values = {"email": "anna@example.com", "name": "Anna", "password": PASSWORD, "role": Role.STAFF, **overrides}
    return await accounts.create_account(ctx, **values)  # type: ignore[arg-type]


def token_of(link: str) -> str:
    return link.rsplit("/", 1)[1]


async def test_a_session_tells_who_it_is_until_it_expires(ctx: Context, clock: Clock) -> None:
    made = await make_account(ctx)
    person, cookie = await accounts.sign_in(ctx, " Anna@Example.com ", PASSWORD, days=30)
    assert person == made == await accounts.who(ctx, cookie)
    clock.advance(days=30, seconds=-1)
    assert await accounts.who(ctx, cookie) == made
    clock.advance(seconds=1)
    assert await accounts.who(ctx, cookie) is None


async def test_only_hashes_are_stored(ctx: Context) -> None:
    await make_account(ctx)
    _, cookie = await accounts.sign_in(ctx, "anna@example.com", PASSWORD)
    async with ctx.sessions() as db:
        session = (await db.scalars(select(Session))).one()
        account = (await db.scalars(select(Account))).one()
    assert session.token_hash == accounts.token_hash(cookie)
    assert cookie.encode() not in session.token_hash
    assert account.password_hash.startswith("$argon2id$")
    assert PASSWORD not in account.password_hash


@pytest.mark.parametrize(("email", "password"), [("anna@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
async def test_unknown_address_and_wrong_password_get_one_answer(ctx: Context, email: str, password: str) -> None:
    await make_account(ctx)
    with pytest.raises(Forbidden, match=r"^The address or the password is wrong\.$"):
        await accounts.sign_in(ctx, email, password)


async def test_an_unknown_address_costs_a_full_password_check(ctx: Context) -> None:
    await make_account(ctx)

    async def seconds(email: str) -> float:
        took = []
        for _ in range(3):
            started = asyncio.get_running_loop().time()
            with pytest.raises(Forbidden):
                await accounts.sign_in(ctx, email, "wrong password")
            took.append(asyncio.get_running_loop().time() - started)
        return min(took)

    known, unknown = await seconds("anna@example.com"), await seconds("nobody@example.com")
    assert unknown > known / 3


async def test_a_password_hashed_with_older_parameters_is_hashed_again(ctx: Context) -> None:
    made = await make_account(ctx)
    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024).hash(PASSWORD)
    async with ctx.sessions.begin() as db:
        account = await db.get_one(Account, made.account_id)
        account.password_hash = old
    await accounts.sign_in(ctx, made.email, PASSWORD)
    async with ctx.sessions() as db:
        stored = (await db.get_one(Account, made.account_id)).password_hash
    assert stored != old
    await accounts.sign_in(ctx, made.email, PASSWORD)
    async with ctx.sessions() as db:
        assert (await db.get_one(Account, made.account_id)).password_hash == stored


async def test_sign_out_ends_one_session_and_everywhere_ends_all(ctx: Context) -> None:
    person = await make_account(ctx)
    other = await make_account(ctx, email="bram@example.com", name="Bram")
    cookies = [(await accounts.sign_in(ctx, person.email, PASSWORD))[1] for _ in range(3)]
    _, untouched = await accounts.sign_in(ctx, other.email, PASSWORD)
    await accounts.sign_out(ctx, cookies[0])
    assert [await accounts.who(ctx, cookie) for cookie in cookies] == [None, person, person]
    await accounts.sign_out_everywhere(ctx, person.account_id)
    assert [await accounts.who(ctx, cookie) for cookie in cookies] == [None, None, None]
    assert await accounts.who(ctx, untouched) == other


async def test_a_deactivated_account_is_signed_out_and_stays_out(ctx: Context) -> None:
    person = await make_account(ctx)
    _, cookie = await accounts.sign_in(ctx, person.email, PASSWORD)
    await accounts.deactivate(ctx, person.account_id)
    assert await accounts.who(ctx, cookie) is None
    with pytest.raises(Forbidden):
        await accounts.sign_in(ctx, person.email, PASSWORD)


async def test_a_new_password_ends_the_other_sessions(ctx: Context) -> None:
    person = await make_account(ctx)
    _, before = await accounts.sign_in(ctx, person.email, PASSWORD)
    with pytest.raises(Invalid) as wrong:
        await accounts.change_password(ctx, person.account_id, "not it", "another long sentence")
    assert wrong.value.field == "old"
    after = await accounts.change_password(ctx, person.account_id, PASSWORD, "another long sentence")
    assert await accounts.who(ctx, before) is None
    assert await accounts.who(ctx, after) == person
    with pytest.raises(Forbidden):
        await accounts.sign_in(ctx, person.email, PASSWORD)
    await accounts.sign_in(ctx, person.email, "another long sentence")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "ninechars",
        "password123",
        "Password123",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefghijklm",
        "9876543210",
        "anna@example.com",
        "x" * 201,
    ],
)
async def test_a_weak_password_is_refused(ctx: Context, password: str) -> None:
    with pytest.raises(Invalid) as refused:
        await make_account(ctx, password=password)
    assert refused.value.field == "password"


@pytest.mark.parametrize("email", ["", "anna", "@example.com", "a b@example.com", "a@b\nBcc: c@d.e", "a,b@example.com"])
async def test_an_address_that_is_none_is_refused(ctx: Context, email: str) -> None:
    with pytest.raises(Invalid) as refused:
        await make_account(ctx, email=email)
    assert refused.value.field == "email"


async def test_the_first_admin_link_works_once_and_only_the_newest(ctx: Context) -> None:
    old = await invitations.first_admin_link(ctx)
    link = await invitations.first_admin_link(ctx)
    assert old is not None
    assert link is not None
    with pytest.raises(NotFound):
        await invitations.offer(ctx, token_of(old))
    person, cookie = await invitations.accept(
        ctx, token_of(link), name="Ada", email="ada@example.com", password=PASSWORD
    )
    assert person.role is Role.ADMIN
    assert await accounts.who(ctx, cookie) == person
    with pytest.raises(NotFound):
        await invitations.accept(ctx, token_of(link), name="Eve", email="eve@example.com", password=PASSWORD)
    assert await invitations.first_admin_link(ctx) is None


async def test_a_first_admin_link_dies_when_there_is_an_admin(ctx: Context) -> None:
    link = await invitations.first_admin_link(ctx)
    assert link is not None
    await make_account(ctx, role=Role.ADMIN)
    with pytest.raises(NotFound):
        await invitations.accept(ctx, token_of(link), name="Eve", email="eve@example.com", password=PASSWORD)


async def test_eight_who_follow_one_link_at_once_make_one_account(ctx: Context) -> None:
    link = await invitations.first_admin_link(ctx)
    assert link is not None
    outcomes = await asyncio.gather(
        *(
            invitations.accept(ctx, token_of(link), name="Ada", email=f"a{n}@example.com", password=PASSWORD)
            for n in range(8)
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotFound"] * 7 + ["tuple"]
    async with ctx.sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Account)) == 1


async def test_an_invitation_brings_a_person_onto_the_team(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    async with ctx.sessions.begin() as db:
        mila = Bookable(slug="mila", name="Mila Visser")
        db.add(mila)
        await db.flush()
        mila_id = mila.id
    link = await invitations.invite(ctx, admin, email="Mila@example.com", role=Role.STAFF, bookable_id=mila_id)
    found = await invitations.offer(ctx, token_of(link))
    assert (found.email, found.name, found.role) == ("mila@example.com", "Mila Visser", Role.STAFF)
    with pytest.raises(Invalid):
        await invitations.accept(ctx, token_of(link), name="Mila Visser", password="short")
    # The invitation's address counts, not one that the form brings.
    person, _ = await invitations.accept(
        ctx, token_of(link), name=" Mila  Visser ", password=PASSWORD, email="eve@example.com"
    )
    assert (person.email, person.name, person.role) == ("mila@example.com", "Mila Visser", Role.STAFF)
    assert person.bookable_id == mila_id
    with pytest.raises(NotFound):
        await invitations.accept(ctx, token_of(link), name="Again", password=PASSWORD)


async def test_an_invitation_ends_after_seven_days(ctx: Context, clock: Clock) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    link = await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF)
    clock.advance(days=7)
    with pytest.raises(NotFound):
        await invitations.accept(ctx, token_of(link), name="Mila", password=PASSWORD)


async def test_only_admins_invite_and_never_somebody_who_is_in(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    staff = await make_account(ctx)
    with pytest.raises(Forbidden):
        await invitations.invite(ctx, staff, email="mila@example.com", role=Role.ADMIN)
    with pytest.raises(Invalid) as refused:
        await invitations.invite(ctx, admin, email=staff.email, role=Role.STAFF)
    assert refused.value.field == "email"
    async with ctx.sessions() as db:
        assert await db.scalar(select(func.count()).select_from(OneTimeLink)) == 0


async def test_inviting_again_replaces_the_link_and_no_secret_is_stored_plain(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    first = token_of(await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF))
    second = token_of(await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF))
    with pytest.raises(NotFound):
        await invitations.offer(ctx, first)
    await invitations.offer(ctx, second)
    async with ctx.sessions() as db:
        rows = (await db.scalars(select(Outbox).order_by(col(Outbox.id)))).all()
    assert all(token not in str(row.payload) + row.key for row in rows for token in (first, second))


async def test_a_withdrawn_invitation_is_worthless_at_once(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    staff = await make_account(ctx)
    link = await invitations.invite(ctx, admin, email="typo@example.cmo", role=Role.ADMIN)
    with pytest.raises(Forbidden):
        await invitations.withdraw(ctx, staff, email="typo@example.cmo")
    await invitations.withdraw(ctx, admin, email="typo@example.cmo")
    with pytest.raises(NotFound):
        await invitations.offer(ctx, token_of(link))
    with pytest.raises(NotFound):
        await invitations.accept(ctx, token_of(link), name="Eve", password=PASSWORD)
    with pytest.raises(NotFound):
        await invitations.withdraw(ctx, admin, email="typo@example.cmo")
    with pytest.raises(NotFound):
        await invitations.renew(ctx, admin, email="typo@example.cmo")


async def test_a_new_link_offers_the_same_and_the_old_one_is_dead(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    staff = await make_account(ctx)
    link = await invitations.invite(ctx, admin, email="mila@example.com", role=Role.ADMIN, name="Mila")
    before = await invitations.offer(ctx, token_of(link))
    with pytest.raises(Forbidden):
        await invitations.renew(ctx, staff, email="mila@example.com")
    renewed = await invitations.renew(ctx, admin, email="mila@example.com")
    with pytest.raises(NotFound):
        await invitations.offer(ctx, token_of(link))
    assert await invitations.offer(ctx, token_of(renewed)) == before


async def test_somebody_who_was_removed_can_be_invited_again(ctx: Context) -> None:
    admin = await make_account(ctx, email="ada@example.com", role=Role.ADMIN)
    gone = await make_account(ctx, email="mila@example.com", name="Mila", role=Role.ADMIN)
    _, cookie = await accounts.sign_in(ctx, gone.email, PASSWORD)
    await accounts.deactivate(ctx, gone.account_id)
    link = await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF)
    back, _ = await invitations.accept(ctx, token_of(link), name="Mila V", password="another long sentence")
    assert (back.email, back.name, back.role) == ("mila@example.com", "Mila V", Role.STAFF)
    # What they had before they were removed is not theirs again.
    assert await accounts.who(ctx, cookie) is None
    with pytest.raises(Forbidden):
        await accounts.sign_in(ctx, "mila@example.com", PASSWORD)


def test_the_session_is_found_among_other_cookies() -> None:
    here = "http://localhost:8000"
    assert accounts.session_cookie("theme=dark; booking_session=abc-_9; other=1", here) == "abc-_9"
    assert accounts.session_cookie("xbooking_session=abc", here) is None
    assert accounts.session_cookie("booking_session=", here) is None
    assert accounts.session_cookie("booking_session=" + "x" * 500, here) is None
    assert accounts.session_cookie(None, here) is None


def test_a_session_cookie_that_somebody_else_has_set_besides_is_nobodys() -> None:
    """A sibling host may set one for the whole domain, and parsers differ in which of two counts."""
    here, safe = "http://localhost:8000", "https://book.example.com"
    assert accounts.session_cookie("booking_session=mine; booking_session=theirs", here) is None
    assert accounts.session_cookie("booking_session=mine; booking_session=mine", here) == "mine"
    assert accounts.session_cookie("__Host-booking_session=mine; booking_session=theirs", safe) == "mine"
    assert accounts.session_cookie("booking_session=theirs", safe) is None


async def test_ended_sessions_are_cleared_away(ctx: Context, clock: Clock) -> None:
    await make_account(ctx)
    await accounts.sign_in(ctx, "anna@example.com", PASSWORD, days=1)
    clock.time += timedelta(days=2)
    await accounts.sign_in(ctx, "anna@example.com", PASSWORD, days=1)
    async with ctx.sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Session)) == 1
