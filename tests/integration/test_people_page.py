"""The admin's page of people and the pages before one is signed in, called as a browser calls them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from booking_app.domain.appointment import Role
from booking_app.domain.errors import NotFound
from booking_app.runtime import Runtime
from booking_app.services import accounts, invitations, typed
from booking_app.state.people import PeopleState
from booking_app.state.sign_in import SignInState, WelcomeState
from tests.factories import make_person
from tests.tabs import PASSWORD, call, tab


async def signed_in(running: Runtime, role: Role) -> str:
    """The session cookie of somebody with this role."""
    email = f"{role.value}@example.com"
    await accounts.create_account(running.context, email=email, name=role.value.title(), password=PASSWORD, role=role)
    _, cookie = await accounts.sign_in(running.context, email, PASSWORD)
    return cookie


async def people(running: Runtime) -> PeopleState:
    state = tab(PeopleState, await signed_in(running, Role.ADMIN), "/admin/people")
    await call(state, "open")
    return state


def token_of(link: str) -> str:
    return link.rsplit("/", 1)[1]


async def test_a_mistyped_invitation_is_withdrawn_after_a_question(running: Runtime) -> None:
    state = await people(running)
    assert not state.mails
    await call(state, "invite", {"email": "typo@example.cmo", "role": "admin"})
    link = state.link
    (line,) = [each for each in state.members if each.invited]
    assert (line.role, line.email) == ("admin", "typo@example.cmo")
    await call(state, "ask_withdraw", line.key)
    assert state.withdrawing == line.key
    await call(state, "ask_withdraw", "")
    assert state.withdrawing == ""
    await invitations.offer(running.context, token_of(link))
    await call(state, "withdraw", line.key)
    assert state.said.startswith("The invitation of typo@example.cmo is withdrawn.")
    assert (state.link, [each for each in state.members if each.invited]) == ("", [])
    with pytest.raises(NotFound):
        await invitations.offer(running.context, token_of(link))


async def test_a_new_link_is_shown_and_the_old_one_is_dead(running: Runtime) -> None:
    state = await people(running)
    await call(state, "invite", {"email": "mila@example.com", "role": "staff"})
    first = state.link
    (line,) = [each for each in state.members if each.invited]
    await call(state, "renew", line.key)
    assert state.link not in {"", first}
    assert state.invited == "mila@example.com"
    await invitations.offer(running.context, token_of(state.link))
    with pytest.raises(NotFound):
        await invitations.offer(running.context, token_of(first))


async def test_who_is_removed_before_they_accepted_cannot_accept_any_more(running: Runtime) -> None:
    bookable = await make_person(running.context, "mila")
    state = await people(running)
    await call(state, "invite", {"email": "mila@example.com", "role": "staff", "bookable": str(bookable)})
    (line,) = [each for each in state.members if each.invited]
    await call(state, "ask", line.key)
    await call(state, "remove")
    assert (state.left, [each.email for each in state.members]) == ("Mila", ["admin@example.com"])
    with pytest.raises(NotFound):
        await invitations.offer(running.context, token_of(state.link))


@pytest.mark.parametrize("key", ["", "0-1-admin@example.com", "nobody", None, 7])
async def test_a_line_that_invites_nobody_changes_nothing(running: Runtime, key: object) -> None:
    state = await people(running)
    await call(state, "invite", {"email": "mila@example.com", "role": "staff"})
    link = state.link
    for name in ("ask_withdraw", "withdraw", "renew"):
        await call(state, name, key)
    await invitations.offer(running.context, token_of(link))


async def test_staff_withdraw_and_renew_nothing(running: Runtime) -> None:
    state = await people(running)
    await call(state, "invite", {"email": "mila@example.com", "role": "staff"})
    (line,) = [each for each in state.members if each.invited]
    foreign = tab(PeopleState, await signed_in(running, Role.STAFF), "/admin/people")
    foreign.members = state.members
    for name in ("withdraw", "renew"):
        await call(foreign, name, line.key)
        foreign.members = state.members
    assert foreign.link == ""
    await invitations.offer(running.context, token_of(state.link))


async def test_a_wrong_password_keeps_the_address_and_is_said_at_the_password(running: Runtime) -> None:
    kept = typed.pack({"email": "anna@example.com", "password": PASSWORD})
    state = tab(SignInState, "", "/sign-in?error=wrong&next=%2Fadmin%2Fteam", typed=kept)
    ((filled, focused),) = await call(state, "open")
    assert (state.message, state.next) == ("", "/admin/team")
    assert state.wrong == "The address or the password is wrong."
    assert "anna@example.com" in repr(filled)
    assert "password" in repr(focused)
    assert PASSWORD not in repr(state.dict())
    later = tab(SignInState, "", "/sign-in", typed=kept)
    assert await call(later, "open") == [[]]
    assert later.wrong == ""


async def test_a_refused_first_admin_finds_what_was_typed(running: Runtime) -> None:
    link = await invitations.first_admin_link(running.context)
    assert link is not None
    kept = typed.pack({"email": "ada@example.com", "name": "Ada"})
    state = tab(WelcomeState, "", f"{urlsplit(link).path}?error=password", typed=kept)
    assert await call(state, "open")
    assert (state.first_admin, state.email, state.name, state.wrong) == (True, "ada@example.com", "Ada", "password")
    fresh = tab(WelcomeState, "", urlsplit(link).path, typed=kept)
    assert not await call(fresh, "open")
    assert (fresh.email, fresh.name) == ("", "")
