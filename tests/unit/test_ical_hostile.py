"""Calendar objects meant to break the reader, or broken by accident: never an exception, never free, never slow."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_app.sync import ical
from booking_app.sync.model import BusyKind, RemoteObject
from booking_app.sync.problems import Code

CASES = sorted((Path(__file__).parents[1] / "calendars").glob("*.ics"))
WINDOW = (1_767_225_600, 1_830_297_600)  # 2026 and 2027


def expand(data: bytes) -> RemoteObject:
    (found,) = ical.expand_objects([("k", "e", data)], "Europe/Amsterdam", {"ann@example.com"}, WINDOW)
    return found


def event(*lines: str) -> bytes:
    body = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:x", *lines, "END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(body).encode()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_p17_damage_anywhere_never_raises(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(CASES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(text) - 1)))
        kind = data.draw(st.sampled_from(["digit", "byte", "cut", "repeat"]))
        if kind == "digit":
            text[place : place + 1] = data.draw(st.sampled_from([b"0", b"9", b"-", b",", b";", b"Z"]))
        elif kind == "byte":
            text[place : place + 1] = data.draw(st.binary(min_size=1, max_size=3))
        elif kind == "cut":
            del text[place : place + data.draw(st.integers(1, 40))]
        else:
            text[place:place] = text[place : place + data.draw(st.integers(1, 40))]
    expand(bytes(text))


@pytest.mark.parametrize(
    "start", ["00010101T000000", "00010101T000000Z", "99991231T235959", "99991231T235959Z", "00010101", "99991231"]
)
@pytest.mark.parametrize(
    "more",
    [
        ["DURATION:P99999W"], ["DURATION:-P99999W"], ["DTEND:99991231T235959Z"], ["DTEND:00010101T000000Z"],
        ["RRULE:FREQ=DAILY"], ["RRULE:FREQ=YEARLY;COUNT=3"], ["RRULE:FREQ=HOURLY;INTERVAL=99999"],
        ["RRULE:FREQ=WEEKLY;UNTIL=99991231T235959Z"], ["RRULE:FREQ=MONTHLY;UNTIL=00010101"],
        ["RDATE:00010101T000000Z,99991231T235959Z/P9999W"], ["EXDATE:99991231T235959Z"],
        ["RECURRENCE-ID;RANGE=THISANDFUTURE:99991231T235959Z"], ["RRULE:FREQ=YEARLY;BYWEEKNO=1,-1,53"],
    ],
    ids=lambda lines: lines[0],
)  # fmt: skip
def test_the_ends_of_time_never_raise(start: str, more: list[str]) -> None:
    for zone in ("", ";TZID=America/New_York", ";TZID=Asia/Tokyo", ";TZID=Nowhere/Else"):
        expand(event(f"DTSTART{zone}:{start}", *more))


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20260105T090000Z", "DURATION:PT1H", "RRULE:FREQ=SECONDLY;COUNT=10000000"],
        ["DTSTART:20260105T090000Z", "DURATION:PT1H", "RRULE:FREQ=MINUTELY"],
        ["DTSTART:20260105T090000Z", "DURATION:PT1H", "RDATE:" + ",".join(["20260105T090000Z"] * 60_000)],
        ["DTSTART:20260105T090000Z", "DURATION:PT1H", *["RRULE:FREQ=HOURLY"] * 500],
        [
            "DTSTART:20260105T090000Z", "DURATION:PT1H",
            "RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60)))
            + ";BYSECOND=" + ",".join(map(str, range(60))),
        ],
        [
            "DTSTART:00010101T090000Z", "DURATION:PT1H",
            "RRULE:FREQ=YEARLY;COUNT=9000000;BYYEARDAY=" + ",".join(map(str, range(1, 367))),
        ],
        ["DTSTART" + ": " * 200_000, "DURATION:PT1H"],
    ],
    ids=["secondly", "minutely", "rdates", "rules", "times", "count", "colons"],
)  # fmt: skip
def test_a_bomb_blocks_and_is_listed_in_no_time(lines: list[str]) -> None:
    begin = time.process_time()
    found = expand(event(*lines))
    assert time.process_time() - begin < 3
    assert any(busy.kind is BusyKind.UNCERTAIN for busy in found.busy)
    assert found.problems


def test_a_huge_object_blocks_the_whole_window() -> None:
    found = expand(event("DTSTART:20260105T090000Z", "DESCRIPTION:" + "x" * ical.MAX_BYTES))
    assert [(busy.start, busy.end, busy.kind) for busy in found.busy] == [(*WINDOW, BusyKind.UNCERTAIN)]
    assert found.problems


@pytest.mark.parametrize(
    "data", [b"", b"<html></html>", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\n" * 5000]
)
def test_p17_what_is_no_calendar_object_blocks_the_whole_window(data: bytes) -> None:
    found = expand(data)
    assert [(busy.start, busy.end, busy.kind) for busy in found.busy] == [(*WINDOW, BusyKind.UNCERTAIN)]
    assert found.problems


def test_events_that_never_end_are_looked_through_once() -> None:
    found = expand(b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 100_000)
    assert [(busy.start, busy.end) for busy in found.busy] == [WINDOW]
    assert [problem.code for problem in found.problems] == [Code.NESTED]


def test_many_series_and_many_exceptions_of_one_uid_are_counted_with_each_other() -> None:
    series = [["UID:x", "DTSTART:20261201T090000Z", f"RRULE:FREQ=DAILY;COUNT={n}"] for n in range(1, 1501)]
    moved = [
        ["UID:x", f"RECURRENCE-ID:202612{1 + n % 28:02}T{n // 28 % 24:02}0000Z", "DTSTART:20261202T090000Z"]
        for n in range(1500)
    ]
    body = ["BEGIN:VCALENDAR"]
    for lines in [*series, *moved]:
        body += ["BEGIN:VEVENT", *lines, "END:VEVENT"]
    found = expand("\r\n".join([*body, "END:VCALENDAR", ""]).encode())
    assert Code.TOO_MUCH_WORK in {problem.code for problem in found.problems}
    assert {busy.kind for busy in found.busy} == {BusyKind.UNCERTAIN}


def test_a_zone_that_never_ends_is_not_followed() -> None:
    zone = "BEGIN:VTIMEZONE\r\nTZID:Bomb\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\n"
    zone += "TZOFFSETTO:+0100\r\nRRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    data = event("DTSTART;TZID=Bomb:20260105T090000", "DURATION:PT1H").replace(
        b"BEGIN:VEVENT", zone.encode() + b"BEGIN:VEVENT"
    )
    begin = time.process_time()
    found = expand(data)
    assert time.process_time() - begin < 1
    assert found.busy[0].kind is BusyKind.UNCERTAIN
    assert [problem.code for problem in found.problems] == [Code.ZONE]


def test_no_content_survives() -> None:
    data = event(
        "DTSTART;TZID=Secret/Place:20260105T090000", "RRULE:FREQ=Secret", "SUMMARY:Secret", "LOCATION:Secret",
        "DESCRIPTION:Secret", "ATTENDEE;CN=Secret:mailto:secret@example.com", "EXDATE:Secret", "X-A:Secret",
    )  # fmt: skip
    assert "secret" not in repr(expand(data)).lower()
