"""Calendar objects in, busy blocks out: pure functions on bytes, safe to run in a worker process.

Nothing of what an event is about is kept or returned. What cannot be understood is never taken for free: it becomes an
`UNCERTAIN` block and a problem.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, tzinfo

from booking_app.sync import zones
from booking_app.sync.event_text import EventText, Weight, read_event
from booking_app.sync.free_busy import Block, busy_times
from booking_app.sync.ical_text import Component, Places, Unreadable, embedded_zones, read
from booking_app.sync.ical_write import OWN_UID_SUFFIX, draft_fields, own_event, write_event
from booking_app.sync.model import Busy, BusyKind, RemoteObject
from booking_app.sync.problems import Code, Problem
from booking_app.sync.recurrence import Occurrence, occurrences
from booking_app.sync.work import OBJECT_STEPS, TooDense, Work

__all__ = ["OWN_UID_SUFFIX", "RawObject", "draft_fields", "expand_objects", "unreadable", "within", "write_event"]

MAX_BYTES = 16_000_000
"""A calendar object bigger than this is not read; it blocks the whole window."""
MAX_EVENTS = 5_000
"""Components of one object that are read."""
LATEST = 7_258_118_400
"""2200-01-01: an event that never ends, ends here."""
_MARKS = re.compile(rb"^(?:(BEGIN|END):VEVENT|DTSTART[^\r\n]*?:(\d{4})(\d\d)(\d\d))", re.IGNORECASE | re.MULTILINE)
"""What tells where events begin and end, and their starts: one pass over the lines, whatever is in them."""

RawObject = tuple[str, str, bytes]
"""(key, etag, body) as downloaded."""


def expand_objects(
    objects: Iterable[RawObject],
    zone: str,
    addresses: Collection[str],
    window: tuple[int, int],
    allowance: Work | None = None,
) -> list[RemoteObject]:
    """Expand each object into the half-open `window` of instants.

    `zone` places floating and all-day values; `addresses` are the owner's own, to find the own answer to an
    invitation. All together take no more work than the `allowance`, each no more than `OBJECT_STEPS`. Raises
    `ValueError` only if `zone` is no time zone."""
    owner = zones.owner_zone(zone)
    own_addresses = frozenset(item.strip().lower().removeprefix("mailto:") for item in addresses)
    found = []
    for raw in objects:
        work = Work(OBJECT_STEPS if allowance is None else min(OBJECT_STEPS, allowance.left))
        before = work.left
        found.append(_expand_or_block(raw, Places(owner=owner, embedded={}, work=work), own_addresses, window))
        if allowance is not None:
            allowance.left -= before - max(work.left, -1)
    return found


def unreadable(raw: RawObject, zone: str, window: tuple[int, int], code: Code) -> RemoteObject:
    """What stands for an object that could not be read to its end: it blocks from its first event on."""
    at = _first_start(raw[2], zones.owner_zone(zone))
    return _blocking(
        raw, (window[0] if at is None else min(max(window[0], at), window[1]), window[1]), Problem(code, at)
    )


def within(blocks: Iterable[Busy], window: tuple[int, int]) -> tuple[Busy, ...]:
    """The blocks cut to the half-open `window`; those outside fall away."""
    low, high = window
    return tuple(
        Busy(start=max(item.start, low), end=min(item.end, high), kind=item.kind)
        for item in blocks
        if item.start < high and item.end > low
    )


def _blocking(raw: RawObject, span: tuple[int, int], problem: Problem) -> RemoteObject:
    busy = (Busy(start=span[0], end=span[1], kind=BusyKind.UNCERTAIN),) if span[0] < span[1] else ()
    return RemoteObject(key=raw[0], etag=raw[1], uid="", busy=busy, problems=(problem,))


def _first_start(data: bytes, owner: tzinfo) -> int | None:
    """The first day on which an event begins, told without reading the object."""
    days, inside = [], False
    for match in _MARKS.finditer(data):
        if match[1]:
            inside = match[1].upper() == b"BEGIN"
        elif inside:
            try:
                days.append(datetime(int(match[2]), int(match[3]), int(match[4])))  # noqa: DTZ001
            except ValueError:
                return None
    return zones.instant_of(min(days), owner) - zones.UNKNOWN_MARGIN if days else None


def _expand_or_block(
    raw: RawObject, places: Places, addresses: frozenset[str], window: tuple[int, int]
) -> RemoteObject:
    try:
        return _expand(raw, places, addresses, window)
    except Unreadable as error:
        return _blocking(raw, window, Problem(error.code, _first_start(raw[2], places.owner)))
    except TooDense:
        at = _first_start(raw[2], places.owner)
        low = window[0] if at is None else min(max(window[0], at), window[1])
        return _blocking(raw, (low, window[1]), Problem(Code.TOO_MUCH_WORK, at))


def _expand(raw: RawObject, places: Places, addresses: frozenset[str], window: tuple[int, int]) -> RemoteObject:
    key, etag, data = raw
    if len(data) > MAX_BYTES:
        raise Unreadable(Code.TOO_BIG)
    own = OWN_UID_SUFFIX.encode() in data
    calendars = [
        (calendar, Places(owner=places.owner, embedded=embedded_zones(calendar), work=places.work))
        for calendar in read(data, own=own)
    ]
    parts = [(item, here) for calendar, here in calendars for item in calendar.children]
    if len(parts) > MAX_EVENTS:
        raise Unreadable(Code.TOO_MANY_PARTS)
    series: dict[str | int, list[EventText]] = {}
    blocks: set[Block] = set()
    problems: dict[Problem, None] = {}
    for number, (component, here) in enumerate(parts):
        if component.name == "VEVENT":
            event = read_event(component, here, addresses)
            series.setdefault(event.uid or number, []).append(event)
        elif component.name == "VFREEBUSY":
            times, unread = busy_times(component, here, window)
            blocks.update(times)
            problems.update(dict.fromkeys(unread))
    for events in series.values():
        found, unclear = occurrences(events, window, places.work)
        problems.update(dict.fromkeys(unclear))
        for item in found:
            if _blocks(item):
                _add(blocks, item, own=own)
    return RemoteObject(
        key=key,
        etag=etag,
        uid=_uid(component for component, _ in parts),
        busy=tuple(Busy(start=start, end=min(end, LATEST), kind=kind) for start, end, kind in sorted(blocks)),
        own=next((ours for each in calendars if own and (ours := own_event(*each))), None),
        problems=tuple(problems),
    )


def _uid(components: Iterable[Component]) -> str:
    read = [item for item in components if item.name in ("VEVENT", "VFREEBUSY")]
    return next((uid for item in sorted(read, key=lambda item: item.name) if (uid := item.value("UID"))), "")


def _blocks(item: Occurrence) -> bool:
    return item.end > item.start + item.event.lead and item.event.weight in (Weight.BUSY, Weight.TENTATIVE)


def _add(blocks: set[Block], item: Occurrence, *, own: bool) -> None:
    """The way to an event of ours is a block of its own: the appointment's time is told by where it begins and ends."""
    event = item.event
    if item.uncertain or event.uncertain:
        kind = BusyKind.UNCERTAIN
    elif event.weight is Weight.TENTATIVE:
        kind = BusyKind.TENTATIVE
    else:
        kind = BusyKind.ALL_DAY if event.start is not None and event.start.all_day else BusyKind.BUSY
    there = item.start + event.lead if own else item.start
    if there > item.start:
        blocks.add((item.start, there, kind))
    blocks.add((there, item.end, kind))
