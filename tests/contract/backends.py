"""The calendar servers that the contract is held against, and the calendar app that acts on each."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import pytest
from caldav.calendarobjectresource import CalendarObjectResource
from caldav.collection import Calendar
from caldav.davclient import DAVClient

from booking_app.sync import vendors
from booking_app.sync.model import CalendarRef, Credentials, Mode
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget, a_minute
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.google import GoogleProvider
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from booking_app.sync.providers.microsoft import MicrosoftProvider
from tests.contract import google, microsoft
from tests.servers import make_calendar
from tests.simulators.microsoft import zones

ZONE = "Europe/Amsterdam"
OWNER = "ann@example.com"
LOCAL = AddressPolicy(allow_private=True, allow_http=True)


class CalendarApp(Protocol):
    """What a person does in their calendar program. `name` identifies an object afterwards."""

    def add(self, text: str) -> str: ...
    def change(self, name: str, text: str) -> None: ...
    def delete(self, name: str) -> None: ...
    def drag(self, name: str) -> str:
        """Put an event into another calendar of the same person, made for it; the id of that calendar, or
        its path."""
        ...

    def texts(self) -> list[str]: ...


@dataclass(frozen=True, kw_only=True)
class Backend:
    """`by_uid`: an event of ours is known by its UID; else by a mark that only we set. `lists_texts`: a list holds the
    texts of events; else only a single event of ours is asked for them. `keeps_link`: an event has a place for a link;
    else the description alone holds it."""

    name: str
    calendar: CalendarRef
    app: CalendarApp
    open: Callable[[], CalendarProvider]
    by_uid: bool = True
    lists_texts: bool = True
    keeps_link: bool = True
    nowhere: str = ""
    """The well-formed id of a calendar that does not exist, where one cannot be made up."""


class LibraryApp:
    """An independent program: the `caldav` package with its own HTTP stack."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = DAVClient(url=url, username=user or None, password=password or None)
        self._calendar = Calendar(client=self._client, url=url)
        self._user, self._password = user, password
        self._others: list[Calendar] = []

    def add(self, text: str) -> str:
        target = urljoin(str(self._calendar.url), f"{uuid.uuid4()}.ics")
        self._write(target, text)
        return target

    def change(self, name: str, text: str) -> None:
        self._write(name, text)

    def _write(self, url: str, text: str) -> None:
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        answer = self._client.put(urljoin(str(self._calendar.url), url), crlf(text), headers)
        assert answer.status in (200, 201, 204), (answer.status, answer.raw)

    def delete(self, name: str) -> None:
        answer = self._client.delete(urljoin(str(self._calendar.url), name))
        assert answer.status in (200, 204), answer.status

    def drag(self, name: str) -> str:
        """As most programs do it: a copy there, then the removal here."""
        text = str(self._client.request(urljoin(str(self._calendar.url), name)).raw)
        url = make_calendar(
            urljoin(str(self._calendar.url), f"../{uuid.uuid4()}/"), user=self._user, password=self._password
        )
        self._others.append(Calendar(client=self._client, url=url))
        self._write(f"{url}{uuid.uuid4()}.ics", text)
        self.delete(name)
        return urlsplit(url).path

    def texts(self) -> list[str]:
        found = []
        for item in self.events():
            item.load()
            found.append(str(item.data))
        return found

    def events(self) -> Sequence[CalendarObjectResource]:
        found = self._calendar.get_events()
        assert isinstance(found, list)
        return found

    def clear(self) -> None:
        for item in self.events():
            item.delete()

    def drop(self) -> None:
        self._calendar.delete()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        for other in self._others:
            other.delete()  # type: ignore[no-untyped-call]
        self._client.close()


class MemoryApp:
    def __init__(self, server: MemoryServer, remote_id: str) -> None:
        self._server = server
        self._remote_id = remote_id

    def add(self, text: str) -> str:
        return self._server.store(self._remote_id, f"{uuid.uuid4()}.ics", crlf(text).encode())

    def change(self, name: str, text: str) -> None:
        self._server.store(self._remote_id, name.rpartition("/")[2], crlf(text).encode())

    def delete(self, name: str) -> None:
        self._server.erase(self._remote_id, name)

    def drag(self, name: str) -> str:
        other = self._server.add_calendar("ann", "other", zone=ZONE)
        self._server.store(other, f"{uuid.uuid4()}.ics", self._server.read(self._remote_id)[name])
        self.delete(name)
        return other

    def texts(self) -> list[str]:
        return [data.decode() for data in self._server.read(self._remote_id).values()]


class GoogleApp:
    """A person at Google's own surface. What Google cannot hold is nothing that it could be asked to show."""

    def __init__(self, calendar: google.CalendarApp) -> None:
        self._calendar = calendar

    def put(self, event: Mapping[str, object]) -> str:
        """An event in Google's own words."""
        return self._calendar.put(event)

    def new_calendar(self, name: str) -> None:
        """Another calendar of the same person."""
        self._calendar.world.users[OWNER].add_calendar(name)

    def move_to(self, zone: str) -> None:
        """Set the zone of the calendar (an IANA name)."""
        self._calendar.calendar.zone = zone

    def add(self, text: str) -> str:
        try:
            return self._calendar.put_ical(text)
        except google.Inexpressible as error:
            pytest.skip(f"Google has no such event: {error}")

    def change(self, name: str, text: str) -> None:
        try:
            self._calendar.put_ical(text, event_id=name)
        except google.Inexpressible as error:
            pytest.skip(f"Google has no such event: {error}")

    def delete(self, name: str) -> None:
        self._calendar.delete(name)

    def drag(self, name: str) -> str:
        other = self._calendar.world.users[OWNER].add_calendar("Other")
        other.put(self._calendar.get(name))
        self._calendar.delete(name)
        return other.id

    def texts(self) -> list[str]:
        return [google.to_ical(each) for each in self._calendar.events()]


class Lent:
    """The `TokenSource` of a consent at a simulated provider, which refreshes nothing."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    async def refused(self, token: str) -> None:
        assert token == self._token


def google_backend(world: google.GoogleWorld, mode: Mode = Mode.FULL) -> Backend:
    """OWNER anew, with an empty primary calendar, and their consent."""
    user = world.add_user(OWNER, name="Ann", zone=ZONE)
    vendor = vendors.google(world.url)
    app = world.apps.get("contract") or world.app("contract", "secret", [f"{world.url}/back"])
    grant = world.consents.consent(app, OWNER, frozenset(vendor.scopes[mode]), offline=True)
    tokens = Lent(world.consents.issue(grant))
    calendar = user.calendar()
    return Backend(
        name="google",
        calendar=CalendarRef(remote_id=calendar.calendar.id, zone=ZONE, addresses=frozenset({OWNER})),
        app=GoogleApp(calendar),
        open=lambda: GoogleProvider(
            tokens,
            vendor=vendor,
            mode=mode,
            policy=LOCAL,
            expand=expand_inline,
            budget=Budget(user=a_minute(10**6), project=a_minute(10**6)),
        ),
        by_uid=False,
        lists_texts=False,
    )


class MicrosoftApp:
    """A person in Outlook."""

    def __init__(self, calendar: microsoft.CalendarApp) -> None:
        self._calendar = calendar

    def put(self, event: Mapping[str, object]) -> str:
        """An event in Graph's own words."""
        return self._calendar.put(event)

    def new_calendar(self, name: str) -> None:
        """Another calendar of the same person."""
        self._calendar.user.add_calendar(name)

    def move_to(self, zone: str) -> None:
        """Set the zone of the mailbox (an IANA name)."""
        self._calendar.user.mailbox.zone = zones.windows(zone)

    def add(self, text: str) -> str:
        try:
            return self._calendar.put_ical(text)
        except microsoft.Inexpressible as error:
            pytest.skip(f"Outlook has no such event: {error}")

    def change(self, name: str, text: str) -> None:
        try:
            self._calendar.put_ical(text, name=name)
        except microsoft.Inexpressible as error:
            pytest.skip(f"Outlook has no such event: {error}")

    def delete(self, name: str) -> None:
        self._calendar.delete(name)

    def drag(self, name: str) -> str:
        other = self._calendar.user.add_calendar("Other")
        self._calendar.move(name, other)
        return other.calendar.id

    def texts(self) -> list[str]:
        return [microsoft.to_ical(each.data, each.id) for each in self._calendar.events()]


def microsoft_backend(world: microsoft.MicrosoftWorld, mode: Mode = Mode.FULL) -> Backend:
    """OWNER anew, with an empty default calendar, and their consent."""
    user = world.add_user(OWNER)
    vendor = vendors.microsoft(world.url)
    app = world.apps.get("contract") or world.app("contract", "secret", [f"{world.url}/back"])
    tokens = Lent(world.consents.issue(world.consents.consent(app, OWNER, frozenset(vendor.scopes[mode]))))
    calendar = user.calendar()
    return Backend(
        name="microsoft",
        calendar=CalendarRef(remote_id=calendar.calendar.id, zone=ZONE, addresses=frozenset({OWNER})),
        app=MicrosoftApp(calendar),
        open=lambda: MicrosoftProvider(tokens, vendor=vendor, mode=mode, policy=LOCAL),
        by_uid=False,
        lists_texts=False,
        keeps_link=False,
        nowhere="AAMkAGNvdGhpbmc=",
    )


def crlf(text: str) -> str:
    return re.sub(r"\r?\n", "\r\n", text.strip() + "\n")


def memory_backend() -> Backend:
    server = MemoryServer()
    remote_id = server.add_calendar("ann", "work", zone=ZONE)
    return Backend(
        name="memory",
        calendar=ref(remote_id),
        app=MemoryApp(server, remote_id),
        open=lambda: MemoryProvider(server, account="ann"),
    )


def caldav_backend(name: str, *, entry: str, collection: str, app: LibraryApp, user: str, password: str) -> Backend:
    credentials = Credentials(address=entry, username=user, secret=password)
    return Backend(
        name=name,
        calendar=ref(collection),
        app=app,
        open=lambda: CaldavProvider(credentials, policy=LOCAL),
    )


def ref(remote_id: str) -> CalendarRef:
    return CalendarRef(remote_id=remote_id, zone=ZONE, addresses=frozenset({OWNER}))
