"""The simulated Microsoft is as strict as the real one: over plain HTTP, without the code that is tested against it."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from booking_app.sync import vendors
from booking_app.sync.model import Mode
from tests.consent_page import visit
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.subscriptions import lifecycle
from tests.simulators.microsoft.world import MicrosoftWorld

ANN = "ann@example.com"
BACK = "http://127.0.0.1:1/oauth/microsoft/callback"
VERIFIER = "v" * 50
MARK = "String {5d1c3b4e-6f0a-4f5b-9a53-3a8f6a2f6c11} Name x"
ALL = frozenset({"openid", "email", "offline_access", "Calendars.Read", "Calendars.ReadWrite"})
WINDOW = {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-06-01T00:00:00Z"}
UTC_TIMES = {
    "start": {"dateTime": "2027-03-10T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2027-03-10T10:00:00", "timeZone": "UTC"},
}


@pytest.fixture
def world() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.add_user(ANN)
        world.app("client", "secret", [BACK])
        yield world


class Caller:
    """Plain requests with a token."""

    def __init__(self, world: MicrosoftWorld, scopes: frozenset[str] = ALL, *, immutable: bool = True) -> None:
        grant = world.consents.consent(world.apps["client"], ANN, scopes)
        prefer = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC"'} if immutable else {}
        self.world = world
        self.http = httpx.Client(
            base_url=f"{world.url}/v1.0/", headers={"Authorization": f"Bearer {world.consents.issue(grant)}", **prefer}
        )
        self.calendar = world.user(ANN).calendar().calendar.id

    def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        return self.http.request(method, path.replace("CAL", f"me/calendars/{quote(self.calendar, safe='')}"), **what)

    def code(self, method: str, path: str, **what: Any) -> tuple[int, str]:
        answer = self.ask(method, path, **what)
        return answer.status_code, answer.json()["error"]["code"]

    def make(self, **fields: Any) -> dict[str, Any]:
        answer = self.ask("POST", "CAL/events", json={"subject": "x", **UTC_TIMES, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
def caller(world: MicrosoftWorld) -> Iterator[Caller]:
    made = Caller(world)
    yield made
    made.http.close()


def challenge() -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


async def consent(world: MicrosoftWorld, **extra: str) -> dict[str, str]:
    vendor = vendors.microsoft(world.url)
    query = {
        "client_id": "client",
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": " ".join(vendor.scopes[Mode.FULL]),
        "state": "s",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    } | extra
    return await visit(f"{vendor.authorize}?{httpx.QueryParams(query)}", ANN)


def token(world: MicrosoftWorld, tenant: str = "common", **form: str) -> httpx.Response:
    given = {"client_id": "client", "client_secret": "secret", **form}
    return httpx.post(f"{world.url}/{tenant}/oauth2/v2.0/token", data=given)


async def test_codes_are_bound_and_used_once_and_refresh_tokens_rotate(world: MicrosoftWorld) -> None:
    back = await consent(world)
    assert back["state"] == "s"
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK}
    assert token(world, **form).json()["error_codes"] == [501481]
    first = token(world, **form, code_verifier=VERIFIER).json()
    assert "offline_access" not in first["scope"]
    assert token(world, **form, code_verifier=VERIFIER).json()["error_codes"] == [54005]
    world.rotate = True
    second = token(world, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    refused = token(world, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert refused.json()["error_description"].startswith("AADSTS70000")


async def test_what_the_sign_in_refuses(world: MicrosoftWorld) -> None:
    vendor = vendors.microsoft(world.url)
    good = {"client_id": "client", "response_type": "code", "redirect_uri": BACK, "scope": "openid"}
    for wrong in ({"client_id": "x"}, {"redirect_uri": BACK + "/"}, {"scope": "Mail.Read"}, {"access_type": "offline"}):
        assert httpx.get(vendor.authorize, params=good | wrong).status_code == 400
    assert httpx.get(f"{world.url}/nowhere/oauth2/v2.0/authorize", params=good).status_code == 400
    assert token(world, grant_type="refresh_token", refresh_token="never").json()["error"] == "invalid_grant"
    world.apps["client"].expired_secret = True
    assert token(world, grant_type="refresh_token", refresh_token="x").json()["error_codes"] == [7000222]
    world.apps["client"].expired_secret = False
    world.apps["client"].secret = "changed"
    answer = token(world, grant_type="refresh_token", refresh_token="x")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    world.user(ANN).blocked = True
    assert "AADSTS90094" in (await consent(world))["error_description"]


@pytest.mark.parametrize(
    ("method", "path", "what", "expected"),
    [
        ("GET", "CAL/calendarView", {"params": WINDOW | {"$select": "subjct"}}, (400, "BadRequest")),
        ("GET", "CAL/calendarView", {"params": WINDOW | {"$select": "createdDateTime"}}, (400, "ErrorInvalidProperty")),
        ("GET", "CAL/calendarView", {"params": WINDOW | {"$top": "1001"}}, (400, "ErrorInvalidParameter")),
        ("GET", "CAL/calendarView", {"params": WINDOW | {"nonsense": "1"}}, (400, "RequestBroker--ParseUri")),
        ("GET", "CAL/calendarView", {}, (400, "ErrorInvalidParameter")),
        ("GET", "CAL/calendarView/delta", {"params": WINDOW | {"$select": "id"}}, (400, "ErrorInvalidUrlQuery")),
        ("GET", "CAL/events", {"params": {"$filter": "subject eq 'x'"}}, (400, "ErrorInvalidUrlQueryFilter")),
        ("POST", "CAL/events", {"json": {"subject": "no times"}}, (400, "ErrorInvalidRequest")),
        ("POST", "CAL/events", {"json": UTC_TIMES | {"titel": "x"}}, (400, "RequestBodyRead")),
        ("POST", "CAL/events", {"json": UTC_TIMES | {"iCalUId": "x"}}, (400, "ErrorInvalidRequest")),
        ("POST", "CAL/events", {"json": UTC_TIMES | {"showAs": "occupied"}}, (400, "RequestBodyRead")),
        ("POST", "CAL/events", {"content": b"{"}, (400, "BadRequest")),
        ("GET", "CAL/events/nowhere", {}, (404, "ErrorItemNotFound")),
        ("GET", "me/messages", {}, (400, "BadRequest")),
        ("GET", "me", {}, (403, "ErrorAccessDenied")),
    ],
)
def test_what_graph_refuses(
    caller: Caller, method: str, path: str, what: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert caller.code(method, path, **what) == expected


def test_each_call_needs_its_permission(world: MicrosoftWorld) -> None:
    basic = Caller(world, frozenset({"Calendars.ReadBasic"}))
    world.user(ANN).calendar().put({"subject": "seen all the same", "body": {"content": "hidden"}, **UTC_TIMES})
    (item,) = basic.ask("GET", "CAL/calendarView", params=WINDOW).json()["value"]
    assert item["subject"] == "seen all the same"
    assert "body" not in item
    assert basic.code("POST", "CAL/events", json=UTC_TIMES)[0] == 403
    assert basic.code("POST", "subscriptions", json={})[0] == 403
    expand = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')"}
    assert basic.code("GET", "CAL/calendarView", params=WINDOW | expand)[0] == 400
    reader = Caller(world, frozenset({"Calendars.Read"}))
    assert reader.code("POST", "CAL/events", json=UTC_TIMES)[0] == 403
    for each in (basic, reader):
        each.http.close()


def test_a_transaction_is_one_event_and_marks_are_shown_only_when_asked_for(caller: Caller) -> None:
    mark = [{"id": MARK, "value": "mine"}]
    made = caller.make(transactionId="t1", singleValueExtendedProperties=mark)
    assert "singleValueExtendedProperties" not in made
    assert caller.code("POST", "CAL/events", json={**UTC_TIMES, "transactionId": "t1"}) == (
        409,
        "ErrorDuplicateTransactionId",
    )
    found = {"$filter": f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'mine')"}
    assert [each["id"] for each in caller.ask("GET", "CAL/events", params=found).json()["value"]] == [made["id"]]
    path = f"CAL/events/{quote(made['id'], safe='')}"
    expand = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')", "$select": "id"}
    assert caller.ask("GET", path, params=expand).json()["singleValueExtendedProperties"] == mark
    assert caller.code("PATCH", path, json={"transactionId": "t2"})[0] == 400


def test_conditions_hold_and_deleting_is_moving_to_deleted_items(caller: Caller) -> None:
    made = caller.make()
    path = f"CAL/events/{quote(made['id'], safe='')}"
    changed = caller.ask("PATCH", path, json={"subject": "y"}, headers={"If-Match": made["@odata.etag"]}).json()
    assert changed["@odata.etag"] != made["@odata.etag"]
    stale = {"If-Match": made["@odata.etag"]}
    assert caller.code("PATCH", path, json={"subject": "z"}, headers=stale) == (412, "ErrorIrresolvableConflict")
    assert caller.code("DELETE", path, headers=stale)[0] == 412
    assert caller.ask("DELETE", path).status_code == 204
    assert caller.code("GET", path) == (404, "ErrorItemNotFound")


def test_ids_are_of_two_kinds(world: MicrosoftWorld, caller: Caller) -> None:
    made = caller.make()
    plain = Caller(world, immutable=False)
    (item,) = plain.ask("GET", "CAL/calendarView", params=WINDOW).json()["value"]
    assert item["id"] != made["id"]
    assert plain.ask("GET", f"me/events/{quote(item['id'], safe='')}").status_code == 200
    plain.http.close()


def test_attendees_are_mailed(world: MicrosoftWorld, caller: Caller) -> None:
    caller.make(attendees=[{"emailAddress": {"address": "guest@example.com"}}])
    assert [each["what"] for each in world.mails] == ["invitation"]


def test_a_delta_stubs_occurrences_brings_titles_and_names_what_left(world: MicrosoftWorld, caller: Caller) -> None:
    app = world.user(ANN).calendar()
    pattern = {"type": "weekly", "interval": 1, "daysOfWeek": ["wednesday"]}
    extent = {"type": "numbered", "startDate": "2027-03-10", "numberOfOccurrences": 3}
    series = app.put({"subject": "secret", "recurrence": {"pattern": pattern, "range": extent}, **UTC_TIMES})
    single = app.put({"subject": "title", **UTC_TIMES})
    world.page_cap = 2
    pages = [caller.ask("GET", "CAL/calendarView/delta", params=WINDOW).json()]
    while "@odata.nextLink" in pages[-1]:
        pages.append(caller.http.get(pages[-1]["@odata.nextLink"]).json())
    items = [item for page in pages for item in page["value"]]
    assert len(items) == 4
    stub = next(item for item in items if item["type"] == "occurrence")
    assert set(stub) == {"id", "seriesMasterId", "type", "start", "end", "@odata.etag"}
    assert next(item for item in items if item["id"] == single)["subject"] == "title"
    link = pages[-1]["@odata.deltaLink"]
    assert caller.http.get(link).json()["value"] == []
    app.delete(single)
    app.cancel(series, date(2027, 3, 17))
    found = caller.http.get(link).json()
    changed = {item["id"]: item for item in found["value"]}
    world.page_cap = None
    whole = caller.http.get(link, headers={"Prefer": 'IdType="ImmutableId", odata.maxpagesize=50'}).json()["value"]
    assert {"id": single, "@removed": {"reason": "deleted"}} in whole
    assert changed
    assert len([item for item in whole if item.get("seriesMasterId") == series]) == 2
    app.expire_delta()
    assert caller.http.get(link).status_code == 410


def test_a_mailbox_takes_four_requests_at_a_time(world: MicrosoftWorld, caller: Caller) -> None:
    world.busy[ANN] = 4
    answer = caller.ask("GET", "CAL/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    world.busy[ANN] = 0
    assert caller.ask("GET", "CAL/events").status_code == 200


class _Receiver(BaseHTTPRequestHandler):
    """Answers the handshake as `answer` says, and keeps what it is told."""

    answer = "right"
    told: list[tuple[str, bytes]] = []  # noqa: RUF012 - a new list for each test

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        token = query.get("validationToken", [""])[0]
        self.told.append((self.path, body))
        content = token if self.answer == "right" else quote(token)
        self.send_response(200 if token else 202)
        self.send_header("Content-Type", "text/html" if self.answer == "html" else "text/plain")
        self.send_header("Content-Length", str(len(content.encode())))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[str]:
    _Receiver.answer, _Receiver.told = "right", []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_subscriptions_shake_hands_tell_renew_and_end(world: MicrosoftWorld, caller: Caller, receiver: str) -> None:
    soon = f"{datetime.now(UTC) + timedelta(days=6):%Y-%m-%dT%H:%M:%SZ}"
    body = {
        "changeType": "created,updated,deleted",
        "notificationUrl": receiver,
        "lifecycleNotificationUrl": receiver,
        "resource": "me/events",
        "expirationDateTime": soon,
        "clientState": "secret state",
    }
    for answer in ("encoded", "html"):
        _Receiver.answer = answer
        assert caller.code("POST", "subscriptions", json=body) == (400, "ValidationError")
    _Receiver.answer = "right"
    for wrong in (
        {"notificationUrl": "http://example.com/hook"},
        {"expirationDateTime": f"{datetime.now(UTC) + timedelta(days=8):%Y-%m-%dT%H:%M:%SZ}"},
        {"resource": "me/messages"},
        {"clientState": "x" * 129},
        {"notification_url": "x"},
    ):
        assert caller.ask("POST", "subscriptions", json=body | wrong).status_code == 400
    _Receiver.told.clear()
    made = caller.ask("POST", "subscriptions", json=body)
    assert made.status_code == 201
    asked = [unquote(urlsplit(path).query) for path, _ in _Receiver.told]
    assert len(asked) == 2
    assert caller.code("POST", "subscriptions", json=body)[0] == 409
    _Receiver.told.clear()
    event = caller.make()
    world.panel.deliveries.settle()
    (_, told) = _Receiver.told[-1]
    assert event["id"].encode() in told
    assert b"secret state" in told
    lifecycle(world, ANN, "missed")
    world.panel.deliveries.settle()
    assert b'"lifecycleEvent": "missed"' in _Receiver.told[-1][1]
    path = f"subscriptions/{made.json()['id']}"
    assert caller.ask("PATCH", path, json={"expirationDateTime": soon}).status_code == 200
    assert caller.ask("DELETE", path).status_code == 204
    assert caller.code("DELETE", path)[0] == 404
