"""The calendar files of the corpus at every provider: its adapter reads of a file what the file by itself blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from caldav.lib.error import DAVError

from booking_app.sync import ical
from booking_app.sync.model import Busy, CalendarRef, Delta, RemoteObject
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import OWNER, ZONE, Backend, GoogleApp, MicrosoftApp
from tests.contract.google import GoogleWorld
from tests.contract.test_microsoft_simulator_ical import REFUSED
from tests.known import holding
from tests.unit.test_google_ical import INEXPRESSIBLE
from tests.unit.test_ical_corpus import CASES, WINDOW
from tests.unit.test_ical_exporters import ODD

UNREADABLE = frozenset({"bad_end", "bad_rule", "bad_rule_within_the_day", "bad_start", "cut_off", "tasks_and_journals"})
"""What CalDAV servers refuse, or what makes their own search fail for the whole calendar."""
BOMBS = frozenset({"never_matching_rule", "secondly_bomb"})
"""Expanding these for a search costs Radicale half a minute, or Xandikos all the memory there is."""
SINGLY = frozenset({"only_overrides", "rdate_period", "zero_length"})
"""What Radicale refuses besides."""
LEFT_OUT = {
    "memory": frozenset[str](),
    "xandikos": UNREADABLE | BOMBS,
    "google": INEXPRESSIBLE | {"gap"},  # an hour that no clock shows is no time at all there
    "microsoft": REFUSED,
}
ENDS_EARLIER = {"google": "night_shift_over_fall_back", "microsoft": "night_shift_over_spring_forward"}
"""Where the provider itself says that an instance across a DST change ends before the later of its two ends."""
FILES = sorted(path.stem for path in CASES.glob("*.ics"))
DAYS = ("all_day", "all_day_three_days", "all_day_weekly_with_exceptions", "floating_series")
Blocks = dict[str, list[Busy]]


@pytest.fixture(autouse=True)
def within_the_horizon(google_world: GoogleWorld) -> Iterator[None]:
    """Google lists endless series for two years from now: here from a day in the corpus's window."""
    clock = google_world.panel.clock
    google_world.panel.clock = lambda: datetime(2026, 6, 1, tzinfo=UTC)
    yield
    google_world.panel.clock = clock


def text(case: str) -> str:
    """A calendar holds each UID once, so each file gets its own."""
    return (CASES / f"{case}.ics").read_text().replace("UID:case@other", f"UID:{case}@other")


def blocked(pairs: Iterable[tuple[str, Busy]]) -> Blocks:
    """By file. Graph adds the day to the UID of an occurrence."""
    found: Blocks = {}
    for uid, busy in pairs:
        found.setdefault(uid.partition("@")[0], []).append(busy)
    return {case: sorted(blocks, key=lambda each: (each.start, each.end)) for case, blocks in found.items()}


def of(objects: Iterable[RemoteObject]) -> Blocks:
    return blocked((each.uid, busy) for each in objects for busy in each.busy)


def wanted(cases: Sequence[str], zone: str = ZONE) -> Blocks:
    """What the files block by themselves."""
    return of(ical.expand_objects([(case, '"1"', text(case).encode()) for case in cases], zone, {OWNER}, WINDOW))


def cut(blocks: Blocks) -> Blocks:
    return {case: list(ical.within(each, WINDOW)) for case, each in blocks.items()}


def check_ends(found: list[Busy], expected: list[Busy]) -> None:
    assert [each.start for each in found] == [each.start for each in expected]
    assert {late.end - each.end for late, each in zip(expected, found, strict=True)} <= {0, 3600}


async def follow(
    provider: CalendarProvider, calendar: CalendarRef, delta: Delta, held: dict[str, RemoteObject]
) -> Delta:
    """The next read, taken over into what is `held`."""
    known = holding({key: each.etag for key, each in held.items()})
    after = await provider.changes(calendar, cursor=delta.cursor, known=known, window=WINDOW)
    held.update({each.key: each for each in after.objects})
    return after


async def test_p10_p11_every_file_blocks_at_every_provider_what_it_blocks_by_itself(
    provider: CalendarProvider, backend: Backend
) -> None:
    left_out = LEFT_OUT.get(backend.name, UNREADABLE | BOMBS | SINGLY)
    cases = [case for case in FILES if case not in left_out]
    held: dict[str, RemoteObject] = {}
    names, seen = set(), set[str]()
    delta = await provider.changes(backend.calendar, cursor=None, known=holding(), window=WINDOW)
    for begin in range(0, len(cases), 15):
        names |= {urlsplit(backend.app.add(text(case))).path for case in cases[begin : begin + 15]}
        delta = await follow(provider, backend.calendar, delta, held)
        seen |= {each.key for each in delta.objects} | delta.gone
    assert set() < names <= seen  # what blocks nothing stands there, too
    afresh = await provider.changes(backend.calendar, cursor=None, known=holding(), window=WINDOW)
    live = blocked(await provider.busy_now(backend.calendar, window=WINDOW))
    for found, expected in (
        (of(held.values()), wanted(cases)),
        (of(afresh.objects), wanted(cases)),
        (live, cut(wanted(cases))),
    ):
        if earlier := ENDS_EARLIER.get(backend.name):
            check_ends(found.pop(earlier), expected.pop(earlier))
        assert found == expected


KEPT = {"memory": 57, "xandikos": 20, "radicale": 20, "without-sync": 20}
"""How many of what exporters write the servers take at least: all, or what is no offence to their own reading."""
UNLIKE = frozenset(
    {
        "count_below_zero",
        "two_frequencies",
        "minutely_filtered",
        "minutely_long_ago",
        "secondly_until",
        "crcrlf_fold",
        "start_at_24_00",
    }
)
"""What servers look through second by second before they keep it, or write anew in other words."""


async def test_p10_p11_what_exporters_write_blocks_at_every_server_that_keeps_it(
    provider: CalendarProvider, backend: Backend
) -> None:
    if not backend.by_uid:
        pytest.skip("events are no texts there")
    kept = {}
    for path in sorted(ODD.glob("*.ics")):
        body = path.read_text().replace("@other", f"-{path.stem}@other")
        if backend.name != "memory" and path.stem in UNLIKE:
            continue
        try:
            name = urlsplit(backend.app.add(body)).path
        except (AssertionError, DAVError):
            continue  # refused
        (found,) = ical.expand_objects([(name, "", body.encode())], ZONE, {OWNER}, WINDOW)
        kept[name] = [(busy.start, busy.end) for busy in found.busy]
    delta = await provider.changes(backend.calendar, cursor=None, known=holding(), window=WINDOW)
    # Times alone: some drop an INTERVAL=0 when they write a rule anew, which makes it certain.
    assert {each.key: [(busy.start, busy.end) for busy in each.busy] for each in delta.objects} == kept
    assert len(kept) >= KEPT[backend.name]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Kolkata", "Pacific/Tongatapu"])
async def test_p13_whole_days_and_floating_times_are_those_of_the_calendars_zone(
    provider: CalendarProvider, backend: Backend, zone: str
) -> None:
    if isinstance(backend.app, GoogleApp | MicrosoftApp):
        backend.app.move_to(zone)
    calendar = replace(backend.calendar, zone=zone)
    for case in DAYS:
        backend.app.add(text(case))
    delta = await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
    assert of(delta.objects) == wanted(DAYS, zone)
    assert blocked(await provider.busy_now(calendar, window=WINDOW)) == wanted(DAYS, zone)
    (day,) = wanted(["all_day"], zone)["all_day"]
    half = 1800
    for window in (
        (day.start - half, day.start),
        (day.start, day.start + half),
        (day.end - half, day.end),
        (day.end, day.end + half),
    ):
        live = blocked(await provider.busy_now(calendar, window=window))
        assert live.get("all_day", []) == list(ical.within([day], window))
