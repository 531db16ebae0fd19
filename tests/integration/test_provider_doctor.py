"""What the doctor of a calendar provider finds: with answers over real HTTP, wrong ones included."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from booking_app.api.app import create_api
from booking_app.db.tables import Grant, ProviderApp
from booking_app.domain.errors import NotFound
from booking_app.runtime import Runtime
from booking_app.services import provider_apps
from booking_app.services.link_words import LinkError, NotLinked
from booking_app.sync import health, probe
from booking_app.sync.consent import finish
from booking_app.sync.consent import start as begin
from booking_app.sync.doctor import Doctor
from booking_app.sync.findings import Finding, Verdict, clock, consent, public_address
from booking_app.sync.grants import Grants
from booking_app.sync.providers.reach import HttpReach
from booking_app.sync.vault import Vault, new_key
from tests.conftest import Clock
from tests.factories import make_app, make_person
from tests.linked_office import LinkedOffice, make_linked_office
from tests.servers import free_port
from tests.simulators.serving import serving
from tests.tabs import program, program_settings
from tests.token_server import CLIENT, SECRET, TokenServer

OK, WARN, BAD, UNKNOWN = Verdict.OK, Verdict.WARN, Verdict.BAD, Verdict.UNKNOWN


@pytest.fixture
async def running(
    database_url: str, clock: Clock, world: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    """The program, whose own HTTP routes really answer at its public address."""
    port = free_port()
    settings = program_settings(database_url, world, public_url=f"http://127.0.0.1:{port}")
    async with program(settings, clock, monkeypatch) as started:
        with serving(create_api(), port):
            yield started


async def register(program: Runtime, provider: str = "google", secret: str = SECRET, *, testing: bool = False) -> None:
    await provider_apps.save(program.context, provider=provider, client_id=CLIENT, secret=secret, testing=testing)


async def examine(program: Runtime, provider: str = "google") -> dict[str, Finding]:
    found = {each.name: each for each in await program.doctor.examine(provider)}
    assert SECRET not in repr(found)
    assert all(each.sentence for each in found.values())
    assert all(each.mend for each in found.values() if each.verdict in (WARN, BAD))
    return found


async def set_app(program: Runtime, provider: str = "google", **values: object) -> None:
    async with program.context.sessions.begin() as db:
        app = await db.get_one(ProviderApp, provider)
        for name, value in values.items():
            setattr(app, name, value)


@contextlib.contextmanager
def elsewhere(program: Runtime, answer: Callable[[Request], Response]) -> Iterator[Runtime]:
    """The program, at whose public address somebody else answers."""
    with serving(Starlette(routes=[Route("/{path:path}", answer)])) as url:
        context = replace(program.context, public_url=url)
        yield replace(program, doctor=Doctor(context, program.accounts.consented.grants, HttpReach()))


@pytest.mark.parametrize("provider", ["google", "microsoft"])
async def test_all_is_well_where_everything_answers(running: Runtime, provider: str) -> None:
    await register(running, provider)
    found = await examine(running, provider)
    assert {name: each.verdict for name, each in found.items()} == {
        "Public address": OK,
        "Credentials": OK,
        "Clock": OK,
        "Redirect address": UNKNOWN,
        "Notifications": UNKNOWN,
        "Links that end": OK,
        "Consent by administrators": OK,
    }
    assert "when asked from here" in found["Redirect address"].sentence
    assert f"/oauth/{provider}/callback" in found["Redirect address"].mend
    assert "from outside" in found["Notifications"].sentence


async def test_what_was_seen_to_work_is_said_with_its_age(running: Runtime, clock: Clock) -> None:
    await register(running)
    await set_app(
        running, consented_at=clock() - timedelta(hours=3), pushed_at=clock() - timedelta(minutes=4, seconds=5)
    )
    found = await examine(running)
    assert found["Redirect address"].sentence.endswith("came back through it 3 h ago.")
    assert found["Notifications"].verdict is OK
    assert found["Notifications"].sentence.endswith("last told of a change 4 min ago.")


async def test_before_anything_is_entered_the_addresses_are_looked_at_and_nobody_is_asked(
    running: Runtime, world: TokenServer
) -> None:
    found = await examine(running)
    assert list(found) == ["Public address", "Credentials", "Redirect address", "Notifications"]
    assert found["Credentials"].verdict is UNKNOWN
    assert found["Redirect address"].verdict is UNKNOWN
    assert world.asked == []
    with pytest.raises(NotFound):
        await running.doctor.examine("caldav")


async def test_p22_a_wrong_secret_is_found_and_one_that_works_again_ends_the_incident(
    running: Runtime, world: TokenServer
) -> None:
    await register(running, secret="another-secret")
    found = await examine(running)
    assert found["Credentials"].verdict is BAD
    assert "client secret is wrong" in found["Credentials"].sentence
    assert "Clients" in found["Credentials"].mend
    assert "Clock" not in found
    google = (await provider_apps.listed(running.context))[0]
    assert google.trouble == found["Credentials"].sentence
    world.secret = "another-secret"
    assert (await examine(running))["Credentials"].verdict is OK
    assert (await provider_apps.listed(running.context))[0].trouble == ""
    assert [each["refresh_token"] for each in world.asked] == ["none", "none"]
    assert world.grants == []


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ((400, {"error": "unauthorized_client"}), BAD, "may not ask for access"),
        ((401, {"error": "invalid_client", "error_codes": [7000222]}), BAD, "the client secret has expired"),
        ((400, {"error": "invalid_request", "error_codes": [90002]}), BAD, "no such tenant"),
        ((503, {}), UNKNOWN, "status 503"),
        ((429, {"error": "slow_down"}), UNKNOWN, "status 429"),
        ((200, {"access_token": "surprise"}), UNKNOWN, "unexpected answer"),
        ((400, {"planted": "secret-words"}), UNKNOWN, "unexpected answer"),
    ],
)
async def test_each_answer_about_the_credentials_is_told_apart(
    running: Runtime, world: TokenServer, answer: tuple[int, dict[str, object]], verdict: Verdict, words: str
) -> None:
    await register(running, "microsoft")
    world.fault = answer
    found = (await examine(running, "microsoft"))["Credentials"]
    assert found.verdict is verdict
    assert words in found.sentence
    assert "secret-words" not in repr(found)


async def test_a_provider_that_does_not_answer_is_not_called_wrong(running: Runtime) -> None:
    await register(running)
    nobody = replace(running.context, stand_ins={"google": f"http://127.0.0.1:{free_port()}"})
    grants = Grants(nobody, running.accounts.consented.grants.endpoint)
    found = {each.name: each for each in await Doctor(nobody, grants, HttpReach()).examine("google")}
    assert found["Credentials"].verdict is UNKNOWN
    assert "can reach Google" in found["Credentials"].mend


@pytest.mark.parametrize(("ahead", "verdict", "word"), [(20, OK, "agree"), (-200, WARN, "ahead"), (7300, BAD, "2 h")])
async def test_a_clock_that_is_wrong_is_found_by_the_providers_date(
    running: Runtime, world: TokenServer, ahead: float, verdict: Verdict, word: str
) -> None:
    await register(running)
    world.ahead = ahead
    found = (await examine(running))["Clock"]
    assert found.verdict is verdict
    assert word in found.sentence


def test_a_provider_that_does_not_say_the_time_is_unknown() -> None:
    assert clock("Google", None).verdict is UNKNOWN
    assert clock("Google", 61).sentence.startswith("The clock of this server is 1 min behind.")


def page(_request: Request) -> Response:
    return PlainTextResponse("Welcome to the hoster's parking page")


def missing(_request: Request) -> Response:
    return PlainTextResponse("no", status_code=404)


def moved(_request: Request) -> Response:
    return RedirectResponse("https://elsewhere.example.com/")


def echo(request: Request) -> Response:
    return PlainTextResponse(request.query_params[probe.NAME])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page, "something else answers there"),
        (echo, "something else answers there"),
        (missing, "status 404, but not this program"),
        (moved, "status 307, but not this program"),
    ],
)
async def test_an_address_at_which_somebody_else_answers_is_found(
    running: Runtime, answer: Callable[[Request], Response], words: str
) -> None:
    await register(running)
    with elsewhere(running, answer) as program:
        found = await examine(program)
    assert (found["Redirect address"].verdict, found["Notifications"].verdict) == (BAD, WARN)
    assert words in found["Redirect address"].sentence
    assert words in found["Notifications"].sentence
    assert "found all the same" in found["Notifications"].sentence


async def test_an_address_at_which_nobody_answers_is_found(running: Runtime, clock: Clock) -> None:
    await register(running)
    await set_app(running, consented_at=clock(), pushed_at=clock() - timedelta(days=2))
    context = replace(running.context, public_url=f"http://127.0.0.1:{free_port()}")
    program = replace(running, doctor=Doctor(context, running.accounts.consented.grants, HttpReach()))
    found = await examine(program)
    assert found["Redirect address"].verdict is BAD
    assert "because it cannot be reached or broke off." in found["Redirect address"].sentence
    assert found["Notifications"].verdict is WARN
    # What came in from outside today says more than what can be asked from here.
    await set_app(running, pushed_at=clock() - timedelta(hours=1))
    assert (await examine(program))["Notifications"].verdict is OK


async def test_only_this_installation_answers_its_own_questions(running: Runtime) -> None:
    url = running.context.public_url
    asked, answer = probe.question(running.context.sealer)
    foreign, _ = probe.question(Vault([new_key()]))
    async with httpx.AsyncClient() as client:
        for path in ("/oauth/google/callback", "/api/webhooks/google", "/api/webhooks/microsoft"):
            known = await client.get(f"{url}{path}", params={probe.NAME: asked})
            assert (known.status_code, known.text) == (200, answer)
            assert known.headers["cache-control"] == "no-store"
            for wrong in (foreign, "", "zz", "00", "f" * 3000):
                assert (await client.get(f"{url}{path}", params={probe.NAME: wrong})).status_code == 404
        assert (await client.get(f"{url}/api/webhooks/google")).status_code == 404
        assert (await client.get(f"{url}/api/webhooks/caldav", params={probe.NAME: asked})).status_code == 404
    # A secret that is sealed for something else is not opened here.
    sealed = running.context.sealer.seal("planted", "provider:google").hex()
    assert probe.answer(running.context.sealer, sealed) is None


@pytest.mark.parametrize(
    ("url", "real", "simulated"),
    [
        ("https://book.example.com", OK, OK),
        ("https://book.example.com:8443", OK, OK),
        ("http://book.example.com", BAD, WARN),
        ("http://192.168.1.20:8000", BAD, WARN),
        ("https://192.168.1.20", WARN, OK),
        ("https://shop.local", WARN, OK),
        ("http://localhost:8000", WARN, OK),
        ("http://127.0.0.1:8000", WARN, OK),
    ],
)
def test_a_public_address_that_a_provider_does_not_take_is_found(url: str, real: Verdict, simulated: Verdict) -> None:
    assert public_address(url, make_app()).verdict is real
    assert public_address(url, make_app(simulated=True)).verdict is simulated


@pytest.fixture
async def office(running: Runtime, world: TokenServer) -> AsyncIterator[LinkedOffice]:
    made = await make_linked_office(running.context, world)
    made.server.add_calendar("anna", "work")
    yield made
    await made.close()


async def test_p21_links_of_an_app_in_testing_are_named_with_their_end(
    office: LinkedOffice, running: Runtime, clock: Clock
) -> None:
    await register(running, testing=True)
    person, cookie = await office.signed_in(await make_person(office.ctx))
    linked = await office.link(person, cookie, "anna")
    found = (await examine(running))["Publishing status"]
    assert found.verdict is WARN
    assert "seven days" in found.sentence
    assert found.sentence.endswith("1 link ends by itself: Anna’s on Monday 8 March 2027, 8:00 (UTC).")
    assert "Publish app" in found.mend
    # The app was published: what was linked before ends all the same.
    await register(running)
    found = (await examine(running))["Links that end"]
    assert found.verdict is WARN
    assert "Connect again" in found.mend
    clock.advance(days=8)
    assert (await examine(running))["Links that end"].verdict is OK
    async with office.ctx.sessions.begin() as db:
        (await db.get_one(Grant, (await office.row(linked.uid)).id)).ends_at = None
    assert (await examine(running))["Links that end"].verdict is OK


async def test_somebody_whose_organisation_did_not_let_them_is_told_of_until_it_works(
    office: LinkedOffice, running: Runtime, clock: Clock
) -> None:
    person, cookie = await office.signed_in(await make_person(office.ctx))
    address = await begin(office.ctx, office.accounts, person=person, session=cookie, provider="google")
    state = httpx.URL(address).params["state"]
    with pytest.raises(NotLinked) as refused:
        await finish(
            office.ctx,
            office.accounts,
            session=cookie,
            provider="google",
            answer={"state": state, "error": "admin_policy_enforced"},
        )
    assert refused.value.code is LinkError.ADMIN_CONSENT
    found = (await examine(running))["Consent by administrators"]
    assert found.verdict is WARN
    assert "Admin console" in found.mend
    clock.advance(minutes=5)
    await office.link(person, cookie, "anna")
    assert (await examine(running))["Consent by administrators"].verdict is OK


def test_consent_that_worked_before_somebody_was_turned_back_does_not_hide_it() -> None:
    assert consent(make_app(provider="microsoft", consented_at=100, turned_back_at=200)).verdict is WARN
    assert consent(make_app(provider="microsoft", consented_at=200, turned_back_at=100)).verdict is OK


async def test_a_calendar_service_that_is_switched_off_is_named(running: Runtime, clock: Clock) -> None:
    await register(running)
    async with running.context.sessions.begin() as db:
        await health.installation_refused(db, "google", "The calendar service of Google is switched off.", clock())
    found = (await examine(running))["Calendar service"]
    assert found.verdict is BAD
    assert "switched off" in found.sentence
    assert "Enable" in found.mend
    google, microsoft = await provider_apps.listed(running.context)
    assert "switched off" in google.closed
    assert microsoft.closed == ""
