"""Which events take their owner's time: one table, the same for every provider, and the one in the README."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from booking_app.sync.model import Busy, BusyKind, Delta
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import OWNER, ZONE, Backend, CalendarApp, GoogleApp, MicrosoftApp
from tests.contract.test_reading import WINDOW, make_event, read

BOSS, GUEST = "boss@example.com", "guest@example.com"
HERE = ZoneInfo(ZONE)
README = Path(__file__).parents[2] / "README.md"
Words = TypeVar("Words", tuple[str, ...], Mapping[str, Any])


@dataclass(frozen=True, kw_only=True)
class Row:
    """An event as somebody would describe it, as what it blocks, and how each provider says it; None: it has no word
    for it."""

    name: str
    kind: BusyKind | None
    ical: tuple[str, ...] | None = None
    google: Mapping[str, Any] | None = None
    microsoft: Mapping[str, Any] | None = None
    all_day: bool = False


def invited(name: str, kind: BusyKind | None, ical: str, google: str, graph: str, *, all_day: bool = False) -> Row:
    """An invitation, by the owner's answer to it, which decides whatever Outlook shows the event as."""
    return Row(
        name=name,
        kind=kind,
        ical=(f"ORGANIZER:mailto:{BOSS}", f"ATTENDEE;PARTSTAT={ical}:mailto:{OWNER}"),
        google={"organizer": {"email": BOSS}, "attendees": [{"email": OWNER, "responseStatus": google}]},
        microsoft={"organizer": person(BOSS), "responseStatus": {"response": graph}, "showAs": "busy"},
        all_day=all_day,
    )


def person(address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": "", "address": address}}


OWN = Row(
    name="one's own meeting, whatever its guests answered",
    kind=BusyKind.BUSY,
    ical=(f"ORGANIZER:mailto:{OWNER}", f"ATTENDEE;PARTSTAT=DECLINED:mailto:{GUEST}"),
    google={"organizer": {"email": OWNER}, "attendees": [{"email": GUEST, "responseStatus": "declined"}]},
    microsoft={"organizer": person(OWNER), "attendees": [person(GUEST) | {"status": {"response": "declined"}}]},
)
ROWS = (
    OWN,
    invited("an invitation, accepted", BusyKind.BUSY, "ACCEPTED", "accepted", "accepted"),
    invited("an invitation, answered with maybe", BusyKind.TENTATIVE, "TENTATIVE", "tentative", "tentativelyAccepted"),
    invited("an invitation, not answered", BusyKind.TENTATIVE, "NEEDS-ACTION", "needsAction", "notResponded"),
    invited("an invitation, declined", None, "DECLINED", "declined", "declined"),
    Row(
        name="shown as free",
        kind=None,
        ical=("TRANSP:TRANSPARENT",),
        google={"transparency": "transparent"},
        microsoft={"showAs": "free"},
    ),
    Row(
        name="cancelled",
        kind=None,
        ical=("STATUS:CANCELLED",),
        google={"status": "cancelled"},
        microsoft={"isCancelled": True},
    ),
    Row(
        name="tentative",
        kind=BusyKind.TENTATIVE,
        ical=("STATUS:TENTATIVE",),
        google={"status": "tentative"},
        microsoft={"showAs": "tentative"},
    ),
    Row(name="all day, shown as busy", kind=BusyKind.ALL_DAY, ical=(), google={}, microsoft={}, all_day=True),
    Row(
        name="all day, shown as free",
        kind=None,
        ical=("TRANSP:TRANSPARENT",),
        google={"transparency": "transparent"},
        microsoft={"showAs": "free"},
        all_day=True,
    ),
    invited("all day, not answered", BusyKind.TENTATIVE, "NEEDS-ACTION", "needsAction", "notResponded", all_day=True),
    Row(
        name="out of office",
        kind=BusyKind.BUSY,
        google={"eventType": "outOfOffice"},
        microsoft={"showAs": "oof"},
    ),
    Row(name="focus time", kind=BusyKind.BUSY, google={"eventType": "focusTime"}),
    Row(name="working elsewhere", kind=None, microsoft={"showAs": "workingElsewhere"}),
    Row(
        name="a working location",
        kind=None,
        google={
            "eventType": "workingLocation",
            "transparency": "opaque",
            "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
        },
    ),
    Row(name="a birthday", kind=None, google={"eventType": "birthday", "transparency": "opaque"}, all_day=True),
)


def store(app: CalendarApp, row: Row, *, day: int) -> str:
    """Put the event of a row on a day of March 2027, in the provider's own words; its key."""
    begins, ends = hours(row, day)
    match app:
        case GoogleApp():
            field = "date" if row.all_day else "dateTime"
            times = {"start": {field: begins, "timeZone": ZONE}, "end": {field: ends, "timeZone": ZONE}}
            return app.put({**times, **expressed(row.google, row, "Google")})
        case MicrosoftApp():
            midnight = "T00:00:00" if row.all_day else ""
            start, end = ({"dateTime": each + midnight, "timeZone": ZONE} for each in (begins, ends))
            whole = {"start": start, "end": end, "isAllDay": row.all_day}
            return app.put({**whole, **expressed(row.microsoft, row, "Microsoft")})
        case _:
            kind = ";VALUE=DATE:" if row.all_day else f";TZID={ZONE}:"
            starts, stops = (kind + re.sub("[-:]", "", each) for each in (begins, ends))
            lines = expressed(row.ical, row, "iCalendar")
            name = app.add(make_event(f"{day}@other", *lines, start=f"DTSTART{starts}", end=f"DTEND{stops}"))
            return urlsplit(name).path


def expressed(words: Words | None, row: Row, where: str) -> Words:
    if words is None:
        pytest.skip(f"{where} has no such event: {row.name}")
    return words


def hours(row: Row, day: int) -> tuple[str, str]:
    if row.all_day:
        return f"2027-03-{day}", f"2027-03-{day + 1}"
    return f"2027-03-{day}T10:00:00", f"2027-03-{day}T11:00:00"


def blocks(row: Row, *, day: int) -> list[Busy]:
    """What a row blocks that stands on a day of March 2027, in the calendar's zone."""
    start, end = (int(datetime.fromisoformat(each).replace(tzinfo=HERE).timestamp()) for each in hours(row, day))
    return [Busy(start=start, end=end, kind=row.kind)] if row.kind else []


def held(delta: Delta) -> list[Busy]:
    return sorted((busy for each in delta.objects for busy in each.busy), key=lambda busy: busy.start)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_p14_p15_p16_what_blocks_is_the_same_at_every_provider(
    provider: CalendarProvider, backend: Backend, row: Row
) -> None:
    """An event that blocks stands beside it, so that an empty answer never passes for a rule that was kept."""
    before = await read(provider, backend)
    beside, key = store(backend.app, OWN, day=10), store(backend.app, row, day=12)
    wanted = [*blocks(OWN, day=10), *blocks(row, day=12)]
    changed = await read(provider, backend, before)
    assert {each.key for each in changed.objects} | changed.gone == {beside, key}  # it stands there and was seen
    assert held(changed) == wanted
    assert held(await read(provider, backend)) == wanted
    live = await provider.busy_now(backend.calendar, window=WINDOW)
    assert sorted((busy for _, busy in live), key=lambda busy: busy.start) == wanted


def test_the_readme_has_the_same_table() -> None:
    lines = README.read_text().partition("| in the calendar |")[2].partition("\n\n")[0].splitlines()[2:]
    shown = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    assert shown == [(row.name, effect(row), known_to(row)) for row in ROWS]


def effect(row: Row) -> str:
    if row.kind is None:
        return "no"
    return "the whole day, in the calendar's zone" if row.all_day else "yes"


def known_to(row: Row) -> str:
    words = {"Google": row.google, "Microsoft": row.microsoft, "CalDAV": row.ical}
    known = [name for name, said in words.items() if said is not None]
    return "all" if len(known) == len(words) else ", ".join(known)
