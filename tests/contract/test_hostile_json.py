"""Answers of Google and Microsoft that are more than a calendar can be: given up early, whatever a few bytes become."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers import json_api
from booking_app.sync.providers.json_text import DEPTH, TooMuch, loads
from tests.contract import google, microsoft
from tests.contract.backends import Backend, google_backend, microsoft_backend
from tests.contract.test_reading import LOW, make_event, read
from tests.simulators.google.serve import google_simulator
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.panel import Panel

ALL_AT_ONCE = 50_000_000
"""Bytes: what a read takes at its worst; the answer is one of 15 MB, as text and as it came in. Read, it is 500 MB."""


@dataclass(frozen=True, kw_only=True)
class Place:
    backend: Backend
    provider: CalendarProvider
    panel: Panel
    events: str
    """The path of a list of events, and in `entries` what its answer calls them."""
    entries: str


@pytest.fixture(scope="module")
def google_world() -> Iterator[google.GoogleWorld]:
    with google_simulator() as world:
        yield world


@pytest.fixture(scope="module")
def microsoft_world() -> Iterator[microsoft.MicrosoftWorld]:
    with microsoft_simulator() as world:
        yield world


@pytest.fixture(params=["google", "microsoft"])
async def place(
    request: pytest.FixtureRequest, google_world: google.GoogleWorld, microsoft_world: microsoft.MicrosoftWorld
) -> AsyncIterator[Place]:
    if request.param == "google":
        panel, backend = google_world.panel, google_backend(google_world)
        events, entries = "/events$", "items"
    else:
        panel, backend = microsoft_world.panel, microsoft_backend(microsoft_world)
        events, entries = "/calendarView", "value"
    provider = backend.open()
    yield Place(backend=backend, provider=provider, panel=panel, events=events, entries=entries)
    await provider.close()
    panel.heal()


def bomb(place: Place, value: str, times: int) -> bytes:
    return f'{{"{place.entries}":[{",".join([value] * times)}]}}'.encode()


@pytest.mark.parametrize("value", ["[]", "{}", '{"a":1}', "0"])
async def test_what_a_few_bytes_would_become_is_not_made(place: Place, value: str) -> None:
    body = bomb(place, value, 15_000_000 // (len(value) + 1))
    place.panel.fault("GET", place.events, times=None, status=200, body=body)
    del body
    tracemalloc.start()
    try:
        with pytest.raises(Rejected, match="bigger than a calendar can be"):
            await read(place.provider, place.backend)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < ALL_AT_ONCE


@pytest.mark.parametrize("depth", [DEPTH, 5_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":[', "]}")])
async def test_what_is_nested_deeper_than_anything_needs_is_refused(
    place: Place, depth: int, opened: str, closed: str
) -> None:
    deep = bomb(place, opened * depth + "0" + closed * depth, 1)
    place.panel.fault("GET", place.events, times=None, status=200, body=deep)
    with pytest.raises(Rejected, match="bigger than a calendar can be"):
        await read(place.provider, place.backend)


@pytest.mark.parametrize("status", [403, 500])
async def test_a_deep_error_is_an_error_without_words(place: Place, status: int) -> None:
    place.panel.fault("GET", place.events, times=None, status=status, body=b'{"error":' + b"[" * 30_000)
    with pytest.raises(Transient):
        await read(place.provider, place.backend)


async def test_a_list_of_more_than_can_be_read_is_refused_on_the_page_that_passes_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_api, "MAX_ITEMS", 30)
    for number in range(30):
        place.backend.app.add(make_event(f"{number}@other"))
    assert len((await read(place.provider, place.backend)).objects) == 30
    place.backend.app.add(make_event("30@other"))
    with pytest.raises(Rejected, match="more than 30 entries"):
        await read(place.provider, place.backend)


def test_a_large_page_of_an_honest_calendar_is_read() -> None:
    guests = [{"self": number == 0, "responseStatus": "accepted"} for number in range(50)]
    moment = {"dateTime": LOW.isoformat(), "timeZone": "Europe/Amsterdam"}
    texts = {name: f"{name}, of {number}" for number, name in enumerate(("id", "etag", "status", "iCalUID", "kind"))}
    page = {"items": [{**texts, "start": moment, "end": moment, "attendees": guests}] * 2_500}
    assert loads(json.dumps(page).encode()) == page


@pytest.mark.parametrize("text", ["0", '"[[[["', "null", "[]", "[" * DEPTH + "]" * DEPTH])
def test_what_is_not_deep_is_read_as_ever(text: str) -> None:
    assert loads(text.encode()) == json.loads(text)


def test_one_level_more_is_too_much() -> None:
    with pytest.raises(TooMuch):
        loads(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1))


@pytest.mark.parametrize("text", [b"", b"<html>", b"\xff", b"[1,"])
def test_what_is_no_json_is_no_bomb(text: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        loads(text)
    assert not isinstance(caught.value, TooMuch)
