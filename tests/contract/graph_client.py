"""A plain client of the simulated Microsoft, for its own tests: the browser, the token endpoint, Graph."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from booking_app.sync import vendors
from tests.simulators.microsoft.world import MicrosoftWorld

ANN = "ann@example.com"
APP, SECRET = "11111111-2222-4333-8444-555555555555", "secret"
BACK = "http://127.0.0.1:1/oauth/microsoft/callback"
VERIFIER = "v" * 50
GRAPH = "https://graph.microsoft.com/"
FULL = ("openid", "email", "profile", "offline_access", GRAPH + "Calendars.Read", GRAPH + "Calendars.ReadWrite")
BUSY = ("openid", "email", "profile", "offline_access", GRAPH + "Calendars.ReadBasic")


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def asked(scopes: tuple[str, ...] = FULL, **extra: Any) -> dict[str, str]:
    """The authorization request; None leaves a parameter out."""
    query: dict[str, str | None] = {
        "client_id": APP,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": " ".join(scopes),
        "state": "a state",
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
        **extra,
    }
    return {name: value for name, value in query.items() if value is not None}


def consent(
    world: MicrosoftWorld,
    scopes: tuple[str, ...] = FULL,
    *,
    user: str = ANN,
    untick: tuple[str, ...] = (),
    decision: str = "allow",
    tenant: str = "common",
    **extra: str | None,
) -> dict[str, str]:
    """What the browser brings back."""
    address = vendors.microsoft(world.url, tenant=tenant).authorize
    with httpx.Client(trust_env=False, verify=False) as browser:
        page = browser.get(address, params=asked(scopes, **extra))
        assert page.status_code == 200, page.text
        request = html.unescape(re.findall(r"name=request value='([^']*)'", page.text)[0])
        boxes = re.findall(r"name=scope value='([^']*)'", page.text)
        form = [("scope", box) for box in boxes if box not in untick]
        form += [("request", request), ("user", user), ("decision", decision)]
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = browser.post(address, content=urlencode(form), headers=kind)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def token(world: MicrosoftWorld, *, tenant: str = "common", **form: Any) -> tuple[int, dict[str, Any]]:
    """What the token endpoint answers; None leaves a field out."""
    whole: dict[str, str | None] = {"client_id": APP, "client_secret": SECRET, **form}
    data = {name: value for name, value in whole.items() if value is not None}
    answer = httpx.post(vendors.microsoft(world.url, tenant=tenant).token, data=data, trust_env=False, verify=False)
    return answer.status_code, answer.json()


def exchange(world: MicrosoftWorld, code: str, **form: Any) -> tuple[int, dict[str, Any]]:
    fields: dict[str, Any] = {"redirect_uri": BACK, "code_verifier": VERIFIER, **form}
    return token(world, grant_type="authorization_code", code=code, **fields)


def refresh(world: MicrosoftWorld, held: str, **form: Any) -> tuple[int, dict[str, Any]]:
    return token(world, grant_type="refresh_token", refresh_token=held, **form)


def linked(world: MicrosoftWorld, scopes: tuple[str, ...] = FULL, *, user: str = ANN) -> dict[str, Any]:
    """The whole way through consent."""
    status, found = exchange(world, consent(world, scopes, user=user)["code"])
    assert status == 200, found
    return found


def claims(found: Mapping[str, Any]) -> dict[str, Any]:
    part = found["id_token"].split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


@dataclass(frozen=True)
class Graph:
    """Requests of one account; a path may be a link of an earlier answer."""

    world: MicrosoftWorld
    access: str
    prefer: str = 'IdType="ImmutableId"'

    def ask(
        self, method: str, path: str, body: object = None, *, prefer: str | None = None, etag: str = "", **query: str
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access}", "Prefer": self.prefer if prefer is None else prefer}
        if etag:
            headers["If-Match"] = etag
        address = path if "://" in path else f"{self.world.url}/v1.0/{path}"
        named = {name.replace("S_", "$"): value for name, value in query.items()}
        if named:
            address += "?" + urlencode(named, safe="$")
        return httpx.request(method, address, json=body, headers=headers, trust_env=False, verify=False)

    def get(self, path: str, *, prefer: str | None = None, **query: str) -> dict[str, Any]:
        answer = self.ask("GET", path, prefer=prefer, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def all(self, path: str, *, prefer: str | None = None, **query: str) -> tuple[list[dict[str, Any]], int, str]:
        """All items, the number of pages, and the delta link."""
        page, pages, items = self.get(path, prefer=prefer, **query), 1, []
        while True:
            items += page["value"]
            if "@odata.nextLink" not in page:
                return items, pages, page.get("@odata.deltaLink", "")
            page, pages = self.get(page["@odata.nextLink"], prefer=prefer), pages + 1

    def refused(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, str]:
        """Status and code of an error, whose shape is checked."""
        answer = self.ask(method, path, body, **more)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        assert error["message"]
        assert error["innerError"]["request-id"] == answer.headers["request-id"]
        return answer.status_code, error["code"]


def graph(world: MicrosoftWorld, scopes: tuple[str, ...] = FULL, *, user: str = ANN) -> Graph:
    found: str = linked(world, scopes, user=user)["access_token"]
    return Graph(world, found)


def at(hour: int, day: int = 10, *, minute: int = 0, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": f"2027-03-{day:02}T{hour:02}:{minute:02}:00", "timeZone": zone}


def event(subject: str = "Something private", hour: int = 9, day: int = 10, **more: object) -> dict[str, object]:
    return {"subject": subject, "start": at(hour, day), "end": at(hour + 1, day), **more}


def weekly(count: int | None = None, day: int = 8, **more: object) -> dict[str, object]:
    """A series on Mondays from 8 March 2027, nine to ten in Amsterdam."""
    span: dict[str, object] = {"type": "noEnd", "startDate": f"2027-03-{day:02}"}
    if count is not None:
        span |= {"type": "numbered", "numberOfOccurrences": count}
    pattern = {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]}
    zone = "W. Europe Standard Time"
    times = {"start": at(9, day, zone=zone), "end": at(10, day, zone=zone)}
    return {"subject": "Series", "recurrence": {"pattern": pattern, "range": span}, **times, **more}


WINDOW = {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-06-01T00:00:00Z"}
