"""One parametrised fixture: the same tests against every server.

An external server joins when CALDAV_TEST_URL, CALDAV_TEST_USER and CALDAV_TEST_PASSWORD are set; a calendar is made in
the first calendar home and deleted afterwards. CALDAV_TEST_CALENDAR names an existing, empty collection instead, for
servers without MKCALENDAR (iCloud): its events are deleted.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from caldav.davclient import DAVClient

from booking_app.sync.provider import CalendarProvider
from tests.contract import google, microsoft
from tests.contract.backends import (
    Backend,
    LibraryApp,
    caldav_backend,
    google_backend,
    memory_backend,
    microsoft_backend,
)
from tests.servers import Server, make_calendar, request, start_radicale, start_xandikos
from tests.simulators.caldav_faulty import faulty_caldav

USER, PASSWORD = "ann", "correct horse"
NAMES = ["memory", "radicale", "xandikos", "without-sync", "google", "microsoft"]
if os.environ.get("CALDAV_TEST_URL"):
    NAMES.append("external")


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_radicale(tmp_path_factory.mktemp("radicale"), {USER: PASSWORD})
    yield server
    server.stop()


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_xandikos(Path(tmp_path_factory.mktemp("xandikos")))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def google_world() -> Iterator[google.GoogleWorld]:
    with google.google_simulator() as world:
        yield world


@pytest.fixture(scope="session")
def microsoft_world() -> Iterator[microsoft.MicrosoftWorld]:
    with microsoft.microsoft_simulator() as world:
        yield world


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    name = request.param
    if name == "memory":
        yield memory_backend()
    elif name == "google":
        yield google_backend(request.getfixturevalue("google_world"))
    elif name == "microsoft":
        yield microsoft_backend(request.getfixturevalue("microsoft_world"))
    elif name == "external":
        yield from _external()
    elif name == "without-sync":
        server: Server = request.getfixturevalue("radicale")
        with faulty_caldav(server.url) as proxy:
            proxy.no_sync_collection()
            yield from _local(name, server.home(USER), proxy.url, USER, PASSWORD)
    elif name == "radicale":
        server = request.getfixturevalue("radicale")
        yield from _local(name, server.home(USER), server.url, USER, PASSWORD)
    else:
        server = request.getfixturevalue("xandikos")
        yield from _local(name, f"{server.url}user/calendars/", server.url, "", "")


def _local(name: str, home: str, entry: str, user: str, password: str) -> Iterator[Backend]:
    url = make_calendar(f"{home}{uuid.uuid4()}/", user=user, password=password, name="Work")
    app = LibraryApp(url, user, password)
    collection = urljoin(entry, urlsplit(url).path)
    yield caldav_backend(name, entry=entry, collection=collection, app=app, user=user, password=password)
    app.close()
    request("DELETE", url, user=user, password=password)


def _external() -> Iterator[Backend]:
    entry, user = os.environ["CALDAV_TEST_URL"], os.environ["CALDAV_TEST_USER"]
    password = os.environ["CALDAV_TEST_PASSWORD"]
    url = os.environ.get("CALDAV_TEST_CALENDAR")
    if url:
        app = LibraryApp(url, user, password)
        app.clear()
        yield caldav_backend("external", entry=entry, collection=url, app=app, user=user, password=password)
        app.clear()
    else:
        with DAVClient(url=entry, username=user, password=password) as client:
            made = client.get_principal().make_calendar(name=f"contract {uuid.uuid4()}")
            url = str(made.url)  # type: ignore[union-attr]
        app = LibraryApp(url, user, password)
        yield caldav_backend("external", entry=entry, collection=url, app=app, user=user, password=password)
        app.drop()
    app.close()


@pytest.fixture
async def provider(backend: Backend) -> AsyncIterator[CalendarProvider]:
    opened = backend.open()
    yield opened
    await opened.close()
