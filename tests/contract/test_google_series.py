"""Google's occurrences and series at the edges: days that are over, zones that nobody knows, series without number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from booking_app.sync.errors import CursorExpired
from booking_app.sync.ical import expand_objects
from booking_app.sync.model import BusyKind, Mode
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers import google_text
from tests.contract.backends import OWNER, google_backend
from tests.contract.test_reading import WINDOW, read, times
from tests.factories import at
from tests.known import holding
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld


@pytest.fixture(scope="module")
def world() -> Iterator[GoogleWorld]:
    with google_simulator() as made:
        yield made


async def test_p13_a_whole_day_east_of_greenwich_is_over_when_it_is_over_there(world: GoogleWorld) -> None:
    google = google_backend(world, Mode.BUSY)
    app = world.user(OWNER).calendar()
    app.calendar.zone = "Asia/Tokyo"
    app.put({"start": {"date": "2027-03-10"}, "end": {"date": "2027-03-11"}})
    calendar = replace(google.calendar, zone="Asia/Tokyo")
    provider: CalendarProvider = google.open()
    first = await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
    (held,) = first.objects
    (busy,) = held.busy
    assert busy.end == at("2027-03-10 15:00")
    known = holding({held.key: f"{held.etag};outdated"})
    over = await provider.changes(calendar, cursor=None, known=known, window=(busy.end, WINDOW[1]))
    assert held.key in over.outside
    still = await provider.changes(calendar, cursor=None, known=known, window=(busy.end - 60, WINDOW[1]))
    assert held.key not in still.outside
    assert [each.key for each in still.objects] == [held.key]
    await provider.close()


async def test_a_series_with_an_occurrence_for_each_quarter_of_an_hour_is_read_whole(world: GoogleWorld) -> None:
    google = google_backend(world)
    provider: CalendarProvider = google.open()
    app = world.user(OWNER).calendar()
    empty = await read(provider, google)
    ends = {
        name: {"dateTime": f"2027-03-10T{hour}:00Z", "timeZone": "UTC"}
        for name, hour in (("start", "09:00"), ("end", "09:05"))
    }
    rule = f"RRULE:FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE=0,15,30,45;COUNT="
    name = app.put(ends | {"recurrence": [f"{rule}1500"]})
    with pytest.raises(CursorExpired):
        await read(provider, google, empty)
    whole = await read(provider, google)
    assert len(times(*whole.objects)) == 1500
    app.change(name, recurrence=[f"{rule}20"])
    assert len(times(*(await read(provider, google, whole)).objects)) == 20
    await provider.close()


@pytest.mark.parametrize("name", ["Europe/Newtown", 'Nowhere;X="1":2'])
def test_p13_a_series_in_a_zone_that_nobody_knows_is_uncertain_and_never_silently_in_utc(name: str) -> None:
    item = {
        "id": "a",
        "status": "confirmed",
        "iCalUID": "a@google.com",
        "start": {"dateTime": "2027-03-01T09:00:00+01:00", "timeZone": name},
        "end": {"dateTime": "2027-03-01T10:00:00+01:00", "timeZone": name},
        "recurrence": ["RRULE:FREQ=WEEKLY"],
    }
    window = at("2027-03-01"), at("2027-05-01")
    (found,) = expand_objects([("a", "1", google_text.text_of([item], "a"))], "UTC", {google_text.SELF}, window)
    assert {each.kind for each in found.busy} == {BusyKind.UNCERTAIN}
    monday = at("2027-04-05 09:00+02:00"), at("2027-04-05 10:00+02:00")  # where the clocks have changed, as in Berlin
    assert any(each.start <= monday[0] and each.end >= monday[1] for each in found.busy)
    # A single event says by its offset when it is.
    single = {each: value for each, value in item.items() if each != "recurrence"}
    (found,) = expand_objects([("a", "1", google_text.text_of([single], "a"))], "UTC", {google_text.SELF}, window)
    assert [(each.start, each.end) for each in found.busy] == [(at("2027-03-01 08:00"), at("2027-03-01 09:00"))]
