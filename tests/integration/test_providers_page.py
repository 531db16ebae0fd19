"""The admin's page of the providers and the way back to one's calendars, called as a browser calls them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import reflex as rx

from booking_app.domain.appointment import Role
from booking_app.domain.errors import Invalid
from booking_app.runtime import Runtime
from booking_app.services import accounts, provider_apps
from booking_app.state.linking import LinkingState
from booking_app.state.providers import ProvidersState
from booking_app.state.sync import PAGE, SyncState
from tests.factories import make_calendar, make_person
from tests.linked_office import LinkedOffice, make_linked_office
from tests.rows import change
from tests.tabs import ORIGIN, PASSWORD, call, tab
from tests.token_server import CLIENT, SECRET, TokenServer


@pytest.fixture(autouse=True)
async def team(running: Runtime) -> None:
    for name, role in (("Ada", Role.ADMIN), ("Sam", Role.STAFF)):
        email = f"{name.lower()}@example.com"
        await accounts.create_account(running.context, email=email, name=name, password=PASSWORD, role=role)


async def admin(running: Runtime) -> ProvidersState:
    _, cookie = await accounts.sign_in(running.context, "ada@example.com", PASSWORD)
    state = tab(ProvidersState, cookie, "/admin/providers")
    await call(state, "open")
    return state


def sent(state: rx.State) -> str:
    """All that the browser gets of a state."""
    return repr(state.dict())


def form(provider: str, **fields: str) -> dict[str, str]:
    return {"provider": provider, **{f"{provider}-{name}": value for name, value in fields.items()}}


async def test_a_wrong_field_is_named_and_the_secret_reaches_no_var(running: Runtime) -> None:
    state = await admin(running)
    assert (state.google.word, state.google.has_secret) == ("not set up", False)
    assert state.google.redirect == f"{ORIGIN}/oauth/google/callback"
    await call(state, "save", form("google", client_id="two words", secret=SECRET))
    assert (state.wrong, state.saving) == ("google-client_id", "")
    assert state.message
    assert not state.google.ready
    await call(state, "save", form("google", client_id=CLIENT))
    assert state.wrong == "google-secret"
    await call(state, "save", form("google", client_id=CLIENT, secret=SECRET, testing="on"))
    assert (state.wrong, state.message) == ("", "")
    assert state.said.startswith("Saved.")
    assert (state.google.word, state.google.client_id, state.google.testing) == ("not tried yet", CLIENT, True)
    assert state.google.has_secret
    assert state.google.simulated
    assert CLIENT in sent(state)
    assert SECRET not in sent(state)
    found = await provider_apps.registered(running.context, "google")
    assert found is not None
    assert found.secret == SECRET


async def test_microsofts_place_is_saved_and_the_stored_secret_stays(running: Runtime) -> None:
    state = await admin(running)
    await call(state, "save", form("microsoft", client_id=CLIENT, secret=SECRET))
    await call(state, "replace", "microsoft")
    assert state.replacing == "microsoft"
    await call(state, "replace", "microsoft")
    await call(state, "save", form("microsoft", client_id=CLIENT, tenant="contoso.com", cloud="usgov"))
    assert (state.microsoft.tenant, state.microsoft.cloud) == ("contoso.com", "usgov")
    await call(state, "save", form("microsoft", client_id=CLIENT, tenant="not a tenant"))
    assert state.wrong == "microsoft-tenant"
    found = await provider_apps.registered(running.context, "microsoft")
    assert found is not None
    assert found.secret == SECRET


async def test_p22_the_doctor_is_asked_and_what_it_found_goes_with_other_credentials(
    running: Runtime, world: TokenServer
) -> None:
    state = await admin(running)
    await call(state, "save", form("google", client_id=CLIENT, secret="wrong-secret"))
    await call(state, "check", "google")
    assert state.checking == ""
    assert [(each.tone, each.word) for each in state.google.findings if each.name == "Credentials"] == [
        ("bad", "to mend")
    ]
    assert all(each.mend for each in state.google.findings if each.tone == "bad")
    assert (state.google.word, state.google.tone) == ("refused", "bad")
    assert "has to be mended" in state.said or "have to be mended" in state.said
    assert state.microsoft.findings == ()
    await call(state, "check", "microsoft")
    assert state.microsoft.findings
    assert state.google.findings
    await call(state, "save", form("google", client_id=CLIENT, secret=SECRET))
    assert state.google.findings == ()
    assert state.microsoft.findings
    assert "wrong-secret" not in sent(state)
    assert "wrong-secret" in [each["client_secret"] for each in world.asked]


async def test_credentials_are_forgotten_only_after_a_question(running: Runtime) -> None:
    state = await admin(running)
    await call(state, "save", form("google", client_id=CLIENT, secret=SECRET))
    await call(state, "ask", "google")
    assert (state.forgetting, state.forgetting_name) == ("google", "Google")
    await call(state, "dismiss")
    assert state.google.ready
    await call(state, "ask", "google")
    await call(state, "forget")
    assert (state.forgetting, state.google.ready, state.google.has_secret) == ("", False, False)


@pytest.mark.parametrize("provider", ["caldav", "", None, 7, "loaded", "__class__"])
async def test_only_the_two_providers_can_be_named(running: Runtime, provider: object) -> None:
    state = await admin(running)
    for name in ("replace", "check", "ask"):
        with pytest.raises(Invalid):
            await call(state, name, provider)
    with pytest.raises(Invalid):
        await call(state, "save", {"provider": provider, "google-client_id": CLIENT, "google-secret": SECRET})
    with pytest.raises(Invalid):
        await call(state, "forget")


async def test_staff_see_nothing_of_it_and_change_nothing(running: Runtime) -> None:
    _, cookie = await accounts.sign_in(running.context, "sam@example.com", PASSWORD)
    state = tab(ProvidersState, cookie, "/admin/providers")
    for name, args in (
        ("open", ()),
        ("save", (form("google", client_id=CLIENT, secret=SECRET),)),
        ("check", ("google",)),
    ):
        assert await call(state, name, *args)
    assert not state.loaded
    assert state.google.redirect == ""
    assert await provider_apps.linkable(running.context) == ()


@pytest.fixture
async def office(running: Runtime, world: TokenServer) -> AsyncIterator[LinkedOffice]:
    made = await make_linked_office(running.context, world)
    made.server.add_calendar("anna", "work")
    yield made
    await made.close()


async def test_who_comes_back_reads_how_it_ended_and_only_about_an_account_of_their_own(
    running: Runtime, office: LinkedOffice
) -> None:
    anna, cookie = await office.signed_in(await make_person(office.ctx))
    linked = await office.link(anna, cookie, "anna")
    state = tab(LinkingState, cookie, f"/settings/calendars?linked={linked.uid}")
    await call(state, "open")
    assert state.arrival.uid == linked.uid
    assert [each.key for each in state.offers] == ["google"]
    assert state.not_set_up == "Outlook"
    await call(state, "hush")
    assert state.arrival.sentence == ""
    _, others = await office.signed_in(await make_person(office.ctx, "eve"), "eve@example.com")
    foreign = tab(LinkingState, others, f"/settings/calendars?linked={linked.uid}")
    await call(foreign, "open")
    assert foreign.arrival.uid == ""
    failed = tab(LinkingState, others, "/settings/calendars?link_error=denied&provider=google")
    await call(failed, "open")
    assert "access was not allowed" in failed.arrival.sentence
    assert failed.arrival.again == "/oauth/google/start?mode=full"


async def test_p41_the_page_about_sync_shows_how_much_a_linked_provider_is_asked(running: Runtime) -> None:
    await make_calendar(running.context, await make_person(running.context))
    _, cookie = await accounts.sign_in(running.context, "ada@example.com", PASSWORD)
    state = tab(SyncState, cookie, PAGE)
    for provider, shown in (("caldav", []), ("google", ["Requests to Google"])):
        await change(running.context, f"UPDATE connection SET provider = '{provider}'")
        await call(state, "open")
        assert [each.what for each in state.figures if each.what.startswith("Requests")] == shown
    assert state.figures[-1].value == "0"
