"""What Graph's events block, and what its errors mean: the rules, without a server."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from booking_app.sync.errors import AccessLost, CursorExpired, EditConflict, Gone, ProviderError, Rejected, Transient
from booking_app.sync.model import Busy, BusyKind
from booking_app.sync.problems import Code
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.microsoft_wire import Taken, failure

ZONE = "Europe/Amsterdam"
WINDOW = (1_800_000_000, 1_830_000_000)
TEN = int(datetime(2027, 3, 10, 10, tzinfo=ZoneInfo("UTC")).timestamp())


def make_item(**overrides: Any) -> dict[str, Any]:
    return {
        "id": "AAMk-1=",
        "@odata.etag": 'W/"1"',
        "type": "singleInstance",
        "iCalUId": "040000",
        "showAs": "busy",
        "isAllDay": False,
        "isCancelled": False,
        "responseStatus": {"response": "organizer"},
        "start": {"dateTime": "2027-03-10T10:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-10T11:00:00.0000000", "timeZone": "UTC"},
    } | overrides


def read(zone: str = ZONE, **overrides: Any) -> events.Instance:
    return events.instance(make_item(**overrides), zone, WINDOW)


@pytest.mark.parametrize(
    "overrides",
    [
        {"showAs": "unknown"},
        {"showAs": "somethingNew"},
        {"responseStatus": {"response": "none"}},
        {"responseStatus": None},
    ],
)
def test_p15_what_says_nothing_of_being_free_blocks(overrides: dict[str, Any]) -> None:
    assert read(**overrides).busy == Busy(start=TEN, end=TEN + 3600)


def test_an_event_without_length_takes_no_time() -> None:
    assert read(end=make_item()["start"]).busy is None


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/London", "Asia/Kolkata", "Pacific/Tongatapu"])
@pytest.mark.parametrize("written_in", ["UTC", "Pacific Standard Time"])
def test_p13_a_whole_day_is_the_owners_day_whatever_zone_the_midnight_names(zone: str, written_in: str) -> None:
    found = read(
        zone,
        isAllDay=True,
        start={"dateTime": "2027-03-28T00:00:00.0000000", "timeZone": written_in},
        end={"dateTime": "2027-03-30T00:00:00.0000000", "timeZone": written_in},
    )
    days = [int(datetime(2027, 3, day, tzinfo=ZoneInfo(zone)).timestamp()) for day in (28, 30)]
    assert found.busy is not None
    assert [found.busy.start, found.busy.end] == days
    assert found.busy.kind is BusyKind.ALL_DAY


def test_p37_windows_names_are_known_and_an_unknown_zone_blocks_with_a_margin() -> None:
    start = {"dateTime": "2027-03-10T10:00:00", "timeZone": "W. Europe Standard Time"}
    end = {"dateTime": "2027-03-10T11:00:00", "timeZone": "W. Europe Standard Time"}
    found = read(start=start, end=end)
    assert found.busy is not None
    assert (found.busy.start, found.busy.end) == (TEN - 3600, TEN)
    for name in ("tzone://Microsoft/Custom", "Customized Time Zone"):
        unknown = read(start=start | {"timeZone": name}, end=end | {"timeZone": name})
        assert unknown.busy is not None
        assert unknown.busy.kind is BusyKind.UNCERTAIN
        assert unknown.busy.start <= TEN - 14 * 3600
        assert unknown.busy.end >= TEN + 3600 + 14 * 3600
        assert unknown.problem
    utc = "tzone://Microsoft/Utc"
    known = read(start=start | {"timeZone": utc}, end=end | {"timeZone": utc})
    assert (known.start, known.problem) == (TEN, None)


def test_an_end_before_the_start_leaves_the_start_blocked() -> None:
    times = [{"dateTime": f"2027-03-10T{hour:02}:00:00", "timeZone": "UTC"} for hour in (10, 9)]
    found = read(start=times[0], end=times[1])
    assert found.busy == Busy(start=TEN, end=TEN + 86_400, kind=BusyKind.UNCERTAIN)
    assert found.problem is Code.END_BEFORE_START


@pytest.mark.parametrize("broken", [None, {}, {"dateTime": "next week", "timeZone": "UTC"}, "2027-03-10"])
def test_an_event_without_readable_times_blocks_everything_and_is_a_problem(broken: Any) -> None:
    found = read(start=broken)
    assert found.busy is not None
    assert (found.busy.start, found.busy.end) == WINDOW
    assert found.busy.kind is BusyKind.UNCERTAIN
    assert found.problem


def test_p10_the_occurrences_of_a_series_are_one_object_with_a_version_of_its_own() -> None:
    def occurrence(day: int, **overrides: Any) -> events.Instance:
        times = {
            name: {"dateTime": f"2027-03-{day:02}T{hour}:00:00", "timeZone": "UTC"}
            for name, hour in (("start", 10), ("end", 11))
        }
        return read(**({"id": f"o{day}", "seriesMasterId": "m", "type": "occurrence"} | times | overrides))

    plain = [occurrence(10), occurrence(17), occurrence(24)]
    (series,) = events.objects(plain, WINDOW)
    assert series.key == "m"
    assert len(series.busy) == 3
    assert events.ends_of(series.etag) == TEN + 14 * 86400 + 3600
    (again,) = events.objects(reversed(plain), WINDOW)
    assert again == series
    (changed,) = events.objects([plain[0], occurrence(17, type="exception", showAs="free"), plain[2]], WINDOW)
    assert changed.etag != series.etag
    assert len(changed.busy) == 2
    (shorter,) = events.objects(plain[:2], WINDOW)
    assert shorter.etag != series.etag


def test_our_own_event_is_known_by_its_mark_alone() -> None:
    uid = "0c7a5c8e-29c0-4c5f-8a3c-0f6d5f5a9e11-7@booking-app"
    marked = [{"id": events.MARK, "value": uid}]
    (ours,) = events.objects([read(singleValueExtendedProperties=marked)], WINDOW)
    assert ours.own is not None
    assert (ours.uid, ours.own.start, ours.own.end, ours.own.cancelled) == (uid, TEN, TEN + 3600, False)
    assert events.etag_of(ours.etag) == 'W/"1"'
    for value in ("somebody@else", 7, None):
        (theirs,) = events.objects([read(singleValueExtendedProperties=[{"id": events.MARK, "value": value}])], WINDOW)
        assert theirs.own is None
    (other,) = events.objects([read(singleValueExtendedProperties=[{"id": "String {x} Name y", "value": uid}])], WINDOW)
    assert other.own is None


@pytest.mark.parametrize(
    ("status", "codes", "meaning"),
    [
        (410, ("syncstatenotfound",), CursorExpired),
        (400, ("badrequest", "resyncrequired"), CursorExpired),
        (404, ("erroritemnotfound",), Gone),
        (404, (), Transient),
        (404, ("unknownerror",), Transient),
        (404, ("resourcenotfound",), Gone),
        (410, (), CursorExpired),
        (409, ("errorduplicatetransactionid",), Taken),
        (400, ("errorduplicatetransactionid",), Taken),
        (409, ("conflict",), Taken),
        (404, ("mailboxnotenabledforrestapi",), Rejected),
        (412, ("errorirresolvableconflict",), EditConflict),
        (409, ("errorirresolvableconflict",), EditConflict),
        (401, ("invalidauthenticationtoken",), AccessLost),
        (403, ("erroraccessdenied",), AccessLost),
        (429, ("applicationthrottled",), Transient),
        (503, (), Transient),
        (504, (), Transient),
        (302, (), Transient),
        (400, ("errorinvalidrequest",), Rejected),
    ],
)
def test_p26_what_an_error_means(status: int, codes: tuple[str, ...], meaning: type[ProviderError]) -> None:
    found = failure(status, codes, "testing", 7)
    assert type(found) is meaning
    if isinstance(found, Transient) and status in (429, 503):
        assert found.retry_after == 7
