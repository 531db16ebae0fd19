"""Sign-in and tokens of the simulated Microsoft: consent, PKCE, rotation, and every refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from booking_app.sync import vendors
from booking_app.sync.model import Mode
from tests.contract.graph_client import (
    ANN,
    APP,
    BACK,
    FULL,
    GRAPH,
    SECRET,
    Graph,
    asked,
    challenge,
    claims,
    consent,
    exchange,
    linked,
    refresh,
    token,
)
from tests.simulators.microsoft.demo import CLIENT, demo_world
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import CONSUMERS, MicrosoftWorld

EVE = "eve@outlook.com"


@pytest.fixture
def world() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.add_user(ANN, name="Ann")
        world.add_user(EVE, name="Eve", personal=True)
        world.app(APP, SECRET, [BACK])
        yield world


def authorize(world: MicrosoftWorld, tenant: str = "common", **change: Any) -> httpx.Response:
    address = vendors.microsoft(world.url, tenant=tenant).authorize
    return httpx.get(address, params=asked(**change), trust_env=False, verify=False)


def test_the_page_says_what_it_is_and_what_is_asked(world: MicrosoftWorld) -> None:
    page = authorize(world, login_hint=EVE)
    assert page.status_code == 200
    assert "Simulation of Microsoft, not the real service" in page.text
    assert "<code>Calendars.ReadWrite</code>" in page.text
    assert f"value='{EVE}' checked" in page.text
    assert "type=checkbox name=scope value='Calendars.Read' checked" in page.text


def test_linking_brings_tokens_and_says_who_it_is(world: MicrosoftWorld) -> None:
    back = consent(world)
    assert back["state"] == "a state"
    assert back["session_state"]
    status, found = exchange(world, back["code"])
    assert status == 200
    assert found["token_type"] == "Bearer"
    assert 3600 <= found["expires_in"] < 5400
    assert set(found["scope"].split()) == set(FULL) - {"offline_access"}
    who = claims(found)
    ann = world.user(ANN)
    assert (who["oid"], who["tid"], who["email"]) == (ann.oid, world.tenant, ANN)
    assert (who["preferred_username"], who["aud"], who["ver"]) == (ANN, APP, "2.0")
    assert who["iss"] == f"https://login.microsoftonline.com/{ann.tid}/v2.0"
    assert who["sub"] not in (ann.oid, "")
    assert claims(linked(world))["sub"] == who["sub"]
    assert claims(linked(world, user=EVE))["tid"] == CONSUMERS


def test_scopes_are_granted_as_ticked_and_asked(world: MicrosoftWorld) -> None:
    found = exchange(world, consent(world, untick=("Calendars.ReadWrite",))["code"])[1]
    assert GRAPH + "Calendars.Read" in found["scope"].split()
    assert GRAPH + "Calendars.ReadWrite" not in found["scope"].split()
    bare = exchange(world, consent(world, ("openid", "calendars.read"))["code"])[1]
    assert set(bare["scope"].split()) == {"openid", "Calendars.Read"}
    assert "refresh_token" not in bare  # nobody asked for offline_access
    assert "email" not in claims(bare)
    world.short_scopes = True
    assert "Calendars.Read" in linked(world)["scope"].split()
    world.user(ANN).shows_email = False
    assert "email" not in claims(linked(world))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_id": "unknown"}, "AADSTS700016"),
        ({"redirect_uri": BACK + "/"}, "AADSTS50011"),
        ({"redirect_uri": "https://evil.example/"}, "AADSTS50011"),
        ({"scope": None}, "AADSTS900144"),
        ({"scope": GRAPH + "Calendars.Everything"}, "AADSTS70011"),
        ({"response_type": "token"}, "AADSTS700054"),
        ({"access_type": "offline"}, "AADSTS9000411"),
        ({"prompt": "often"}, "AADSTS90023"),
        ({"code_challenge": "short"}, "AADSTS501491"),
    ],
)
def test_a_wrong_request_is_not_sent_back(world: MicrosoftWorld, change: dict[str, Any], code: str) -> None:
    page = authorize(world, **change)
    assert page.status_code == 400
    assert code in page.text


def test_who_may_sign_in_depends_on_the_tenant(world: MicrosoftWorld) -> None:
    assert ANN in authorize(world, "organizations").text
    assert EVE not in authorize(world, "organizations").text
    assert ANN not in authorize(world, "consumers").text
    assert "AADSTS90002" in authorize(world, "nowhere.example").text
    assert EVE not in authorize(world, world.tenant).text
    world.apps[APP].tenant = world.tenant
    assert "AADSTS50194" in authorize(world, "common").text
    assert authorize(world, world.tenant).status_code == 200


def test_declined_and_waiting_for_an_admin(world: MicrosoftWorld) -> None:
    back = consent(world, decision="cancel")
    assert (back["error"], back["error_subcode"], back["state"]) == ("access_denied", "cancel", "a state")
    assert back["error_description"].startswith("AADSTS65004")
    world.user(ANN).blocked = True
    back = consent(world)
    assert back["error"] == "consent_required"
    assert back["error_description"].startswith("AADSTS90094")
    assert "code" not in back
    assert world.consents.grants == []


def test_a_code_is_good_once_for_ten_minutes_and_its_maker(world: MicrosoftWorld) -> None:
    code = consent(world)["code"]
    assert exchange(world, code, code_verifier="w" * 50)[1]["error_codes"] == [501481]
    assert exchange(world, code, code_verifier=None)[1]["error_codes"] == [501481]
    assert exchange(world, code, redirect_uri=BACK + "x")[1]["error_codes"] == [500112]
    assert exchange(world, code + "x")[1]["error"] == "invalid_grant"
    assert exchange(world, code)[0] == 200
    status, error = exchange(world, code)
    assert (status, error["error"], error["error_codes"]) == (400, "invalid_grant", [54005])
    late = consent(world)["code"]
    world.panel.skew = 601
    assert exchange(world, late)[1]["error_codes"] == [70008]
    plain = consent(world, code_challenge=VERIFIER_PLAIN, code_challenge_method="plain")["code"]
    assert exchange(world, plain, code_verifier=VERIFIER_PLAIN)[0] == 200


VERIFIER_PLAIN = challenge("anything")


def test_errors_have_microsofts_shape(world: MicrosoftWorld) -> None:
    status, error = token(world, grant_type="password")
    assert (status, error["error"]) == (400, "unsupported_grant_type")
    assert error["error_description"].startswith("AADSTS70003: ")
    assert {"error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"} <= set(error)
    assert error["trace_id"] in error["error_description"]
    assert token(world)[1]["error_codes"] == [900144]
    assert token(world, grant_type="refresh_token")[1]["error_codes"] == [900144]
    assert token(world, grant_type="refresh_token", refresh_token="x", odd="x")[1]["error_codes"] == [9000411]


def test_p22_a_wrong_secret_is_the_apps_fault(world: MicrosoftWorld) -> None:
    held = linked(world)["refresh_token"]
    status, error = refresh(world, held, client_secret="wrong")
    assert (status, error["error"], error["error_codes"]) == (401, "invalid_client", [7000215])
    world.apps[APP].expired_secret = True
    assert refresh(world, held)[1]["error_codes"] == [7000222]
    world.apps[APP].expired_secret = False
    assert refresh(world, held, client_secret=None)[1]["error_codes"] == [7000218]
    status, error = refresh(world, held, client_id="unknown")
    assert (status, error["error"], error["error_codes"]) == (400, "unauthorized_client", [700016])
    assert refresh(world, held)[0] == 200  # nobody's account came to harm


def test_each_refresh_brings_another_token(world: MicrosoftWorld) -> None:
    first = linked(world)
    second = refresh(world, first["refresh_token"])[1]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert refresh(world, first["refresh_token"])[0] == 200  # the old one still works
    assert Graph(world, second["access_token"]).ask("GET", "me/calendars").status_code == 200


def test_p20_with_strict_rotation_the_old_token_ends_at_once(world: MicrosoftWorld) -> None:
    world.rotate = True
    first = linked(world)["refresh_token"]
    second = refresh(world, first)[1]["refresh_token"]
    status, error = refresh(world, first)
    assert (status, error["error"], error["error_codes"]) == (400, "invalid_grant", [70000])
    assert refresh(world, second)[0] == 200


def test_p20_grants_end(world: MicrosoftWorld) -> None:
    found = linked(world)
    graph = Graph(world, found["access_token"])
    world.consents.demand(ANN)
    status, error = refresh(world, found["refresh_token"])
    assert (status, error["error"], error["error_codes"]) == (400, "interaction_required", [50076])
    linked(world)  # having signed in again
    assert refresh(world, found["refresh_token"])[0] == 200
    world.consents.revoke(ANN)
    status, error = refresh(world, found["refresh_token"])
    assert (status, error["error"], error["error_codes"]) == (400, "invalid_grant", [65001])
    assert graph.ask("GET", "me/calendars").status_code == 200  # until the access token is over
    world.consents.expire_access()
    assert graph.refused("GET", "me/calendars") == (401, "InvalidAuthenticationToken")
    idle = linked(world)["refresh_token"]
    world.panel.skew = 91 * 86_400
    assert refresh(world, idle)[1]["error_codes"] == [700082]


def test_a_refresh_may_ask_for_less_but_not_for_more(world: MicrosoftWorld) -> None:
    held = linked(world, (*FULL[:4], GRAPH + "Calendars.Read"))["refresh_token"]
    status, error = refresh(world, held, scope=GRAPH + "Calendars.ReadWrite")
    assert (status, error["error"], error["suberror"]) == (400, "invalid_grant", "consent_required")
    assert refresh(world, held, scope="Nonsense")[1]["error"] == "invalid_scope"
    less = refresh(world, held, scope="offline_access " + GRAPH + "Calendars.Read")[1]
    assert less["scope"] == GRAPH + "Calendars.Read"
    assert "id_token" not in less
    # A second consent for more widens the first.
    linked(world, (*FULL[:4], GRAPH + "Calendars.ReadWrite"))
    assert refresh(world, held, scope=GRAPH + "Calendars.ReadWrite")[0] == 200


def test_the_vendors_table_is_understood(world: MicrosoftWorld) -> None:
    for mode in Mode:
        scopes = vendors.microsoft(world.url).scopes[mode]
        granted = set(linked(world, scopes)["scope"].split())
        assert vendors.microsoft(world.url).required[mode] <= granted


def test_the_demo_has_two_people_with_calendars() -> None:
    with microsoft_simulator(demo_world("http://127.0.0.1:1/")) as world:
        assert world.apps[CLIENT].redirect_uris == (BACK,)
        for user in world.users.values():
            assert [calendar.name for calendar in user.mailbox.calendars.values()] == ["Calendar", "Family"]
            assert len(user.calendar().events()) == 4
        panel = httpx.get(f"{world.url}/_panel", trust_env=False, verify=False)
        assert "Simulation of Microsoft, not the real service" in panel.text
        body = {"email": "eva@contoso.example", "start": "2027-03-10T09:00:00", "end": "2027-03-10T10:00:00"}
        made = httpx.post(f"{world.url}/_panel/add-event", json=body, trust_env=False, verify=False)
        assert made.status_code == 200
        assert len(world.user("eva@contoso.example").calendar().events()) == 5
