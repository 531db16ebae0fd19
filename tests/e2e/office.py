"""What tests of the staff's and admins' screens do again and again."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page

from tests.e2e.instance import Instance


def sign_in(page: Page, account: dict[str, Any]) -> None:
    """By the form, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_function("!location.pathname.startsWith('/sign-in')")


class CalendarUsers:
    """The users of the demo's calendar server: the file it reads at each sign-in."""

    def __init__(self, instance: Instance) -> None:
        self._file: Path = instance.folder / "calendars" / "users"
        self.url: str = instance.facts["staff"][0]["caldav"]["url"]

    def set(self, user: str, password: str) -> None:
        """A new user, or another password for a known one."""
        users = dict(line.split(":", 1) for line in self._file.read_text().splitlines())
        users[user] = password
        self._file.write_text("".join(f"{name}:{secret}\n" for name, secret in users.items()))

    def create_calendar(self, user: str, password: str, name: str) -> None:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        connection.request(
            "MKCALENDAR",
            f"/{user}/{name}/",
            f'<C:mkcalendar xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:set><D:prop><D:displayname>{name}'
            "</D:displayname></D:prop></D:set></C:mkcalendar>",
            {"Authorization": f"Basic {token}", "Content-Type": "application/xml"},
        )
        answer = connection.getresponse()
        # A test that is run once more finds its calendar.
        assert answer.status == 201 or b"resource-must-be-null" in answer.read()
        connection.close()


def free_slots(instance: Instance, service: str, since: str, until: str, staff: str) -> list[dict[str, Any]]:
    """What the API offers between two dates, with one person or (empty) anybody."""
    asked = {"from": since, "to": until, "tz": "Europe/Amsterdam"} | ({"staff": staff} if staff else {})
    query = urlencode(asked)
    with urllib.request.urlopen(f"{instance.url}/api/v1/services/{service}/slots?{query}") as answer:
        found: list[dict[str, Any]] = json.load(answer)["slots"]
    return found


def book(instance: Instance, service: str, start: str, customer: str, staff: str) -> dict[str, Any]:
    """Book through the API."""
    body = {
        "service": service,
        "start": start,
        "timezone": "Europe/Amsterdam",
        "staff": staff,
        "customer": {"name": customer, "email": "robin@example.com"},
    }
    request = urllib.request.Request(
        f"{instance.url}/api/v1/bookings",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
    )
    with urllib.request.urlopen(request) as answer:
        booking: dict[str, Any] = json.load(answer)
    return booking
