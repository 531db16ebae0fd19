"""To the consent page and back over our own HTTP routes: what is stored, what is refused, what survives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from booking_app import runtime
from booking_app.api import oauth
from booking_app.db.tables import Channel
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import Invalid
from booking_app.jobs.upkeep import clean_up
from booking_app.runtime import Runtime
from booking_app.services import accounts, calendars, catalog, provider_apps
from booking_app.services.accounts import SignedIn, cookie_name
from booking_app.services.link_words import link_error_words
from booking_app.sync import connect, consent
from booking_app.sync.model import Mode
from booking_app.sync.providers.memory import MemoryServer
from booking_app.sync.pull import Pulled
from booking_app.sync.vendors import GOOGLE_LIST, GOOGLE_READ, GOOGLE_WRITE
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.linked_office import LinkedOffice, linked_accounts
from tests.office import cells
from tests.tabs import ORIGIN
from tests.token_server import CLIENT, SECRET, TokenServer

TEN = at("2027-03-02 10:00")
NEVER = "/settings/calendars?link_error=state&provider=google"


@pytest.fixture(params=["google", "microsoft"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def registered(running: Runtime) -> Runtime:
    for name in ("google", "microsoft"):
        await provider_apps.save(running.context, provider=name, client_id=CLIENT, secret=SECRET)
    return running


class Browser:
    """A signed-in browser of `person`."""

    def __init__(self, client: httpx.AsyncClient, person: SignedIn, cookie: str) -> None:
        self.client, self.person, self.cookie = client, person, cookie

    async def get(self, path: str, *, site: str = "same-origin", cookie: str | None = None) -> str:
        """Where the answer leads."""
        value = self.cookie if cookie is None else cookie
        headers = {"sec-fetch-site": site} | ({"cookie": f"{cookie_name('https:')}={value}"} if value else {})
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        return str(answer.headers["location"])

    async def back(self, provider: str, answer: dict[str, str], *, cookie: str | None = None) -> str:
        """Come back from the provider's site with `answer`."""
        query = httpx.QueryParams(answer)
        return await self.get(f"/oauth/{provider}/callback?{query}", site="cross-site", cookie=cookie)


@pytest.fixture
async def office(
    registered: Runtime, world: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LinkedOffice]:
    """The running program, whose adapters are calendars in memory."""
    server, closed = MemoryServer(), list[str]()
    opened = linked_accounts(registered.context, world, server, closed)
    monkeypatch.setattr(runtime, "_running", [replace(registered, accounts=opened)])
    made = LinkedOffice(
        ctx=registered.context, world=world, server=server, accounts=opened, closed=closed, provider="google"
    )
    yield made
    await made.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(oauth.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as started:
        yield started


@pytest.fixture
async def anna(office: LinkedOffice, client: httpx.AsyncClient) -> Browser:
    office.server.add_calendar("anna", "work")
    office.server.add_calendar("anna", "home")
    person, cookie = await office.signed_in(await make_person(office.ctx))
    return Browser(client, person, cookie)


async def another(office: LinkedOffice, client: httpx.AsyncClient, slug: str = "eve") -> Browser:
    person, cookie = await office.signed_in(await make_person(office.ctx, slug), f"{slug}@example.com")
    return Browser(client, person, cookie)


def linked_uid(location: str) -> str:
    query = parse_qs(urlsplit(location).query)
    assert set(query) == {"linked"}, location
    return query["linked"][0]


async def link(office: LinkedOffice, browser: Browser, provider: str = "google", *, query: str = "") -> str:
    """Through the consent page as anna; the uid of the account."""
    address = await browser.get(f"/oauth/{provider}/start?{query}")
    return linked_uid(await browser.back(provider, office.world.consent(address, "anna")))


async def use(office: LinkedOffice, browser: Browser, uid: str) -> int:
    """Let the calendar `work` block and receive appointments."""
    ((number, calendar),) = await cells(
        office.ctx,
        "SELECT k.id, k.uid::text FROM calendar k JOIN connection c ON c.id = k.connection_id"
        " WHERE c.uid = CAST(:uid AS uuid) AND k.name = 'work'",
        uid=uid,
    )
    await connect.choose(office.ctx, bookable_id=browser.person.bookable_id or 0, blocks=[calendar], target=calendar)
    return int(number)


async def test_the_way_there_asks_for_the_narrowest_scopes_with_pkce_and_an_exact_redirect(
    office: LinkedOffice, anna: Browser
) -> None:
    query = {
        name: values[0]
        for name, values in parse_qs(urlsplit(await anna.get("/oauth/google/start?mode=busy")).query).items()
    }
    assert query.pop("state")
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{ORIGIN}/oauth/google/callback",
        "scope": " ".join(provider_apps.vendor_of(office.ctx, "google").scopes[Mode.BUSY]),
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
    }
    ((stored,),) = await cells(office.ctx, "SELECT verifier FROM consent_attempt")
    assert len(bytes(stored)) > 64


async def test_p33_linking_lists_the_calendars_and_chooses_nothing(
    office: LinkedOffice, anna: Browser, provider: str
) -> None:
    uid = await link(office, anna, provider)
    (view,) = await calendars.connections_of(office.ctx, anna.person.bookable_id or 0)
    assert view.uid == uid
    assert view.username == "anna@example.com"
    assert (view.by_consent, view.mode, view.writes, view.ends_at) == (True, "full", True, None)
    assert [(each.name, each.blocks, each.target, each.can_write) for each in view.calendars] == [
        ("home", False, False, True),
        ("work", False, False, True),
    ]
    assert await cells(office.ctx, "SELECT 1 FROM outbox") == []
    assert set(office.server.calls) == {"list_calendars"}
    row = await office.row(uid)
    assert (row.provider, row.subject, row.mode, row.state) == (provider, "anna", "full", "ok")
    apps = {each.provider: each for each in await provider_apps.listed(office.ctx)}
    assert apps[provider].consented_at is not None


async def test_busy_times_only_never_writes(office: LinkedOffice, anna: Browser, provider: str) -> None:
    uid = await link(office, anna, provider, query="mode=busy")
    (view,) = await calendars.connections_of(office.ctx, anna.person.bookable_id or 0)
    assert {each.can_write for each in view.calendars} == {False}
    assert (view.by_consent, view.provider, view.mode, view.writes) == (True, provider, "busy", False)
    with pytest.raises(Invalid) as refused:
        await use(office, anna, uid)
    assert refused.value.field == "target"
    assert "works" in await connect.test_connection(
        office.ctx, office.accounts, bookable_id=anna.person.bookable_id or 0, connection_uid=uid
    )
    (view,) = await calendars.connections_of(office.ctx, anna.person.bookable_id or 0)
    assert {each.can_write for each in view.calendars} == {False}


async def test_a_busy_account_is_widened_in_place_and_its_calendars_are_read_anew(
    office: LinkedOffice, anna: Browser
) -> None:
    uid = await link(office, anna, query="mode=busy")
    work = (await cells(office.ctx, "SELECT uid::text, id FROM calendar WHERE name = 'work'"))[0]
    await connect.choose(office.ctx, bookable_id=anna.person.bookable_id or 0, blocks=[work[0]], target=None)
    assert await office.read(work[1]) is Pulled.READ
    assert await link(office, anna, query=f"mode=full&connection={uid}") == uid
    assert (await office.row(uid)).mode == "full"
    calendar = await office.calendar(work[1])
    assert (calendar.blocks, calendar.cursor, calendar.verified_at) == (True, None, None)
    await use(office, anna, uid)
    assert await office.read(work[1]) is Pulled.READ
    # Linked again without a wish, it can do no less than before.
    assert await link(office, anna, query=f"connection={uid}") == uid
    assert (await office.row(uid)).mode == "full"


async def test_what_is_needed_and_was_unticked_is_named_and_nothing_is_stored(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    address = await anna.get("/oauth/google/start")
    location = await anna.back("google", world.consent(address, "anna", scopes=f"openid {GOOGLE_READ} {GOOGLE_WRITE}"))
    assert location == ("/settings/calendars?link_error=missing&provider=google&scopes=calendar.calendarlist.readonly")
    assert await cells(office.ctx, "SELECT 1 FROM connection UNION ALL SELECT 1 FROM oauth_grant") == []
    assert world.grants == [], "what is not kept is given back"
    assert "the list of your calendars was left out" in link_error_words(
        "missing", "google", ["calendar.calendarlist.readonly"]
    )


async def test_without_the_permission_to_write_an_account_is_linked_and_says_so(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    address = await anna.get("/oauth/google/start")
    location = await anna.back("google", world.consent(address, "anna", scopes=f"openid {GOOGLE_LIST} {GOOGLE_READ}"))
    query = parse_qs(urlsplit(location).query)
    assert query["limited"] == ["write"]
    (view,) = await calendars.connections_of(office.ctx, anna.person.bookable_id or 0)
    assert {each.can_write for each in view.calendars} == {False}
    assert (await office.grant(query["linked"][0])).scopes == f"openid {GOOGLE_LIST} {GOOGLE_READ}"


async def test_p23_linking_again_keeps_every_choice(office: LinkedOffice, anna: Browser, world: TokenServer) -> None:
    await make_service(office.ctx)
    uid = await link(office, anna)
    calendar = await use(office, anna, uid)
    assert await office.read(calendar) is Pulled.READ
    await make_booking(office.ctx, TEN)
    await office.write()
    before = await cells(office.ctx, "SELECT uid, blocks, target, cursor FROM calendar ORDER BY id")
    world.withdraw("anna")
    await office.read(calendar)
    assert (await office.row(uid)).state == ConnectionState.NEEDS_SIGN_IN.value
    secret = (await office.row(uid)).secret
    assert await link(office, anna, query=f"connection={uid}") == uid
    row = await office.row(uid)
    assert (row.state, row.reason) == (ConnectionState.OK.value, "")
    assert row.secret != secret
    assert await cells(office.ctx, "SELECT uid, blocks, target, cursor FROM calendar ORDER BY id") == before
    assert await office.read(calendar) is Pulled.READ
    assert len(office.server.read((await office.calendar(calendar)).remote_id)) == 1
    assert await cells(office.ctx, "SELECT 1 FROM alert WHERE closed_at IS NULL") == []


async def test_the_address_is_suggested_when_an_account_is_linked_again(office: LinkedOffice, anna: Browser) -> None:
    uid = await link(office, anna)
    query = parse_qs(urlsplit(await anna.get(f"/oauth/google/start?connection={uid}")).query)
    assert query["login_hint"] == ["anna@example.com"]


async def test_another_account_does_not_take_the_place_of_the_one_that_is_linked_again(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    uid = await link(office, anna)
    office.server.add_calendar("annas-other", "work")
    before = await office.grant(uid)
    address = await anna.get(f"/oauth/google/start?connection={uid}")
    location = await anna.back("google", world.consent(address, "annas-other"))
    assert location == "/settings/calendars?link_error=other_account&provider=google"
    assert (await office.grant(uid)).refresh == before.refresh
    assert [each.subject for each in world.grants] == ["anna"]


async def test_the_same_account_is_linked_once_by_one_person_and_may_be_by_two(
    office: LinkedOffice, anna: Browser, client: httpx.AsyncClient, world: TokenServer
) -> None:
    await link(office, anna)
    location = await anna.back("google", world.consent(await anna.get("/oauth/google/start"), "anna"))
    assert location == "/settings/calendars?link_error=taken&provider=google"
    assert len(await cells(office.ctx, "SELECT 1 FROM connection")) == 1
    assert len(world.grants) == 2, "the grant that is in use is not given back"
    await link(office, await another(office, client))
    assert len(await cells(office.ctx, "SELECT 1 FROM connection")) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "access_denied"}, "denied"),
        ({"error": "access_denied", "error_description": "AADSTS90094: admin"}, "admin_consent"),
        ({"error": "consent_required"}, "admin_consent"),
        ({"error": "server_error"}, "provider"),
        ({}, "provider"),
        ({"code": "unknown"}, "expired"),
        ({"code": "x" * 5000}, "provider"),
    ],
)
async def test_a_way_back_without_consent_stores_nothing(
    office: LinkedOffice, anna: Browser, world: TokenServer, answer: dict[str, str], code: str
) -> None:
    state = world.consent(await anna.get("/oauth/google/start"), "anna")["state"]
    location = await anna.back("google", {"state": state, **answer})
    assert location == f"/settings/calendars?link_error={code}&provider=google"
    assert link_error_words(code, "google")
    assert await cells(office.ctx, "SELECT 1 FROM connection") == []
    assert await anna.back("google", {"state": state, **answer}) == NEVER


async def test_a_way_back_that_is_not_ones_own_is_refused_identically_and_leaves_the_attempt_to_its_owner(
    office: LinkedOffice, anna: Browser, client: httpx.AsyncClient, world: TokenServer
) -> None:
    eve = await another(office, client)
    answer = world.consent(await anna.get("/oauth/google/start"), "anna")
    asked = len(world.asked)
    assert await eve.back("google", answer) == NEVER
    assert await eve.back("google", answer, cookie="") == NEVER
    assert await eve.back("google", answer, cookie="guessed") == NEVER
    assert await anna.back("microsoft", answer) == NEVER.replace("google", "microsoft")
    assert await anna.back("nobody", answer) == NEVER.replace("google", "nobody")
    assert await anna.back("google", {**answer, "state": answer["state"][:-1]}) == NEVER
    assert await anna.back("google", {"code": answer["code"]}) == NEVER
    assert len(world.asked) == asked, "no code of a foreign attempt is ever exchanged"
    linked_uid(await anna.back("google", answer))
    # Once is once, also with a good code.
    code = world.consent(await anna.get("/oauth/google/start"), "anna")["code"]
    assert await anna.back("google", {**answer, "code": code}) == NEVER
    assert len(await cells(office.ctx, "SELECT 1 FROM connection")) == 1


async def test_a_code_that_was_made_for_another_attempt_is_of_no_use(
    office: LinkedOffice, anna: Browser, client: httpx.AsyncClient, world: TokenServer
) -> None:
    eve = await another(office, client)
    hers = world.consent(await eve.get("/oauth/google/start"), "eve")
    mine = world.consent(await anna.get("/oauth/google/start"), "anna")
    location = await anna.back("google", {"state": mine["state"], "code": hers["code"]})
    assert "link_error=expired" in location
    assert await cells(office.ctx, "SELECT 1 FROM connection") == []


async def test_the_way_back_is_open_for_ten_minutes(
    office: LinkedOffice, anna: Browser, world: TokenServer, clock: Clock
) -> None:
    late = world.consent(await anna.get("/oauth/google/start"), "anna")
    clock.advance(minutes=10)
    assert "link_error=expired" in await anna.back("google", late)
    in_time = world.consent(await anna.get("/oauth/google/start"), "anna")
    await anna.get("/oauth/google/start")
    clock.advance(minutes=9, seconds=59)
    linked_uid(await anna.back("google", in_time))
    clock.advance(minutes=1)
    await clean_up(office.ctx)
    assert await cells(office.ctx, "SELECT 1 FROM consent_attempt") == []


async def test_signing_out_closes_the_way_back(office: LinkedOffice, anna: Browser, world: TokenServer) -> None:
    answer = world.consent(await anna.get("/oauth/google/start"), "anna")
    await accounts.sign_out(office.ctx, anna.cookie)
    assert await anna.back("google", answer) == NEVER
    assert await cells(office.ctx, "SELECT 1 FROM consent_attempt") == []


async def test_only_signed_in_staff_set_out_and_only_from_our_own_pages(
    office: LinkedOffice, anna: Browser, client: httpx.AsyncClient
) -> None:
    assert await anna.get("/oauth/google/start", cookie="") == "/sign-in?next=%2Fsettings%2Fcalendars"
    answer = await client.get(
        "/oauth/google/start",
        headers={"cookie": f"{cookie_name('https:')}={anna.cookie}", "sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403
    assert "link_error=provider" in await anna.get("/oauth/caldav/start")
    eve = await another(office, client)
    uid = await link(office, anna)
    assert "link_error=state" in await eve.get(f"/oauth/google/start?connection={uid}")
    assert "link_error=state" in await anna.get(f"/oauth/microsoft/start?connection={uid}")
    assert "link_error=state" in await anna.get("/oauth/google/start?connection=nonsense")
    assert await cells(office.ctx, "SELECT 1 FROM consent_attempt") == []


async def test_p22_a_wrong_client_secret_is_told_when_somebody_links(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    world.secret = "another"
    location = await anna.back("google", world.consent(await anna.get("/oauth/google/start"), "anna"))
    assert "link_error=provider" in location
    assert await cells(office.ctx, "SELECT subject FROM alert") == [("provider:google",)]


async def test_an_account_has_no_password_to_replace(office: LinkedOffice, anna: Browser) -> None:
    uid = await link(office, anna)
    with pytest.raises(Invalid, match="Connect it again"):
        await connect.replace_password(
            office.ctx,
            office.accounts,
            bookable_id=anna.person.bookable_id or 0,
            connection_uid=uid,
            secret="x",
        )


async def disconnect(office: LinkedOffice, browser: Browser, uid: str, future: str = "keep") -> str:
    return await connect.disconnect(
        office.ctx,
        bookable_id=browser.person.bookable_id or 0,
        connection_uid=uid,
        future_events=future,  # type: ignore[arg-type]
    )


async def add_channel(office: LinkedOffice, uid: str, remote_id: str) -> None:
    async with office.ctx.sessions.begin() as db:
        db.add(
            Channel(
                connection_id=(await office.row(uid)).id or 0,
                remote_id=remote_id,
                secret_hash=b"x",
                state="open",
                due_at=office.ctx.now(),
            )
        )


async def test_disconnecting_closes_the_channels_and_revokes_the_grant_and_forgets(
    office: LinkedOffice, anna: Browser, world: TokenServer, clock: Clock
) -> None:
    uid = await link(office, anna)
    await use(office, anna, uid)
    await add_channel(office, uid, "channel-1")
    token = world.grants[0].refresh
    await disconnect(office, anna, uid)
    assert await cells(office.ctx, "SELECT 1 FROM connection UNION ALL SELECT 1 FROM oauth_grant") == []
    ((payload,),) = await cells(office.ctx, "SELECT payload::text FROM outbox WHERE effect = 'revoke'")
    assert token not in payload
    world.fault = (503, {})
    await office.leave()
    assert [each.subject for each in world.grants] == ["anna"]
    world.fault = None
    clock.advance(seconds=5)
    await office.leave()
    assert office.closed == ["channel-1", "released"]
    assert world.grants == []
    assert await cells(office.ctx, "SELECT 1 FROM outbox") == []


async def test_the_grant_lives_on_while_somebody_else_uses_the_same_account(
    office: LinkedOffice, anna: Browser, client: httpx.AsyncClient, world: TokenServer
) -> None:
    first = await link(office, anna)
    await link(office, await another(office, client))
    await disconnect(office, anna, first)
    await office.leave()
    assert len(world.grants) == 2
    # So it does for whoever is back before the work was done.
    again = await link(office, anna)
    await office.leave()
    assert world.who(await office.access(again)) == "anna"


async def test_microsoft_has_nothing_to_revoke_with_and_is_forgotten(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    uid = await link(office, anna, "microsoft")
    await add_channel(office, uid, "subscription-1")
    await disconnect(office, anna, uid)
    await office.leave()
    assert office.closed == ["subscription-1", "released"]
    assert await cells(office.ctx, "SELECT 1 FROM outbox UNION ALL SELECT 1 FROM oauth_grant") == []


async def test_the_grant_lasts_until_the_last_event_was_removed(
    office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    await make_service(office.ctx)
    uid = await link(office, anna)
    calendar = await use(office, anna, uid)
    assert await office.read(calendar) is Pulled.READ
    await make_booking(office.ctx, TEN)
    await office.write()
    remote = (await office.calendar(calendar)).remote_id
    assert await disconnect(office, anna, uid, "remove") == "removed"
    assert await connect.purge_disconnected(office.ctx) == 0
    await office.write()
    assert office.server.read(remote) == {}
    assert await connect.purge_disconnected(office.ctx) == 1
    assert [each.subject for each in world.grants] == ["anna"]
    await office.leave()
    assert world.grants == []


async def test_p50_the_grants_of_somebody_who_leaves_the_team_are_revoked(
    running: Runtime, office: LinkedOffice, anna: Browser, world: TokenServer
) -> None:
    await link(office, anna)
    await catalog.remove_person(office.ctx, "anna")
    assert await running.jobs.lanes["revoke"].drain() == 1
    assert world.grants == []


async def test_a_grant_that_is_over_or_cannot_be_ended_is_forgotten_in_the_end(
    office: LinkedOffice, anna: Browser, world: TokenServer, clock: Clock
) -> None:
    uid = await link(office, anna)
    await disconnect(office, anna, uid)
    world.withdraw("anna")
    await office.leave()
    assert await cells(office.ctx, "SELECT 1 FROM outbox") == []
    uid = await link(office, anna)
    await disconnect(office, anna, uid)
    await provider_apps.forget(office.ctx, provider="google")
    await office.leave()
    assert world.grants == [], "ending it needs no credentials"
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, secret=SECRET)
    uid = await link(office, anna)
    await disconnect(office, anna, uid)
    world.fault = (503, {})
    await office.leave()
    assert len(await cells(office.ctx, "SELECT 1 FROM outbox WHERE attempts = 1 AND NOT parked")) == 1
    clock.advance(days=8)
    await office.leave()
    assert await cells(office.ctx, "SELECT 1 FROM outbox") == []


@pytest.mark.parametrize("code", ["<script>", "nonsense", ""])
def test_words_are_never_taken_from_the_address(code: str) -> None:
    assert link_error_words(code, "<b>") == ""
    assert "<b>" not in link_error_words("missing", "<b>", ["<b>"])


@pytest.mark.parametrize(
    "path", ["/oauth/%00/callback?state=x", "/oauth/google/callback?state=%00", "/oauth/%00/start"]
)
@pytest.mark.parametrize("cookie", ["", "x", None], ids=["nobody", "a wrong cookie", "anna"])
async def test_nonsense_in_an_address_is_refused_before_the_database(
    anna: Browser, path: str, cookie: str | None
) -> None:
    location = await anna.get(path, cookie=cookie)
    assert "link_error" in location or location.startswith("/sign-in")


async def test_two_session_cookies_link_nothing(office: LinkedOffice, anna: Browser, client: httpx.AsyncClient) -> None:
    """One that another host of the same domain has set could make the account somebody else's."""
    eve = await another(office, client)
    name = cookie_name("https:")
    location = await anna.get("/oauth/google/start", cookie=f"{anna.cookie}; {name}={eve.cookie}")
    assert location.startswith("/sign-in")
    assert await cells(office.ctx, "SELECT 1 FROM consent_attempt") == []


async def test_the_way_back_is_not_open_to_a_flood(anna: Browser, client: httpx.AsyncClient, running: Runtime) -> None:
    # Some are forgiven while they are sent.
    given: list[int] = []
    while 429 not in given and len(given) < 3 * running.settings.rate_slots:
        given.append((await client.get("/oauth/google/callback?state=x")).status_code)
    assert len(given) > running.settings.rate_slots
    assert set(given[:-1]) == {303}
    assert given[-1] == 429


async def test_a_list_of_calendars_that_does_not_come_is_not_waited_for(
    office: LinkedOffice, anna: Browser, world: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent, "TRY_LIMIT", 0.2)
    office.server.delay = 30
    address = await anna.get("/oauth/google/start")
    location = await anna.back("google", world.consent(address, "anna"))
    assert "link_error=provider" in location
    assert world.grants == []
    assert await cells(office.ctx, "SELECT 1 FROM connection") == []


@pytest.mark.parametrize(("here", "leads"), [("127.0.0.1:8000", True), ("localhost:8000", False)])
async def test_another_name_of_this_machine_is_left_before_the_consent_page(
    office: LinkedOffice, anna: Browser, running: Runtime, monkeypatch: pytest.MonkeyPatch, here: str, leads: bool
) -> None:
    home = "http://localhost:8000"
    local = replace(
        running, accounts=office.accounts, settings=running.settings.model_copy(update={"public_url": home})
    )
    monkeypatch.setattr(runtime, "_running", [local])
    headers = {"host": here, "cookie": f"booking_session={anna.cookie}", "sec-fetch-site": "same-origin"}
    answer = await anna.client.get("/oauth/google/start", headers=headers)
    there = answer.headers["location"].startswith(f"{home}/settings/calendars?link_error=address")
    assert there is leads
