"""Calendar objects in, busy blocks out: pure functions on bytes, safe to run in a worker process.

Nothing of what an event is about is kept or returned. What cannot be understood is never taken for free: it becomes an
`UNCERTAIN` block and a problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from booking_app.sync import zones
from booking_app.sync.event_text import EventText, Weight, read_event
from booking_app.sync.ical_text import Component, Places, Unreadable, embedded_zones, read
from booking_app.sync.ical_write import OWN_UID_SUFFIX, draft_fields, own_event, write_event
from booking_app.sync.model import Busy, BusyKind, RemoteObject
from booking_app.sync.recurrence import Occurrence, occurrences

__all__ = ["OWN_UID_SUFFIX", "RawObject", "draft_fields", "expand_objects", "within", "write_event"]

MAX_BYTES = 16_000_000
"""A calendar object bigger than this is not read; it blocks the whole window."""
MAX_EVENTS = 5_000
"""Components of one object that are read."""
LATEST = 7_258_118_400
"""2200-01-01: an event that never ends, ends here."""

RawObject = tuple[str, str, bytes]
"""(key, etag, body) as downloaded."""


def expand_objects(
    objects: Iterable[RawObject], zone: str, addresses: Collection[str], window: tuple[int, int]
) -> list[RemoteObject]:
    """Expand each object into the half-open `window` of instants.

    `zone` places floating and all-day values; `addresses` are the owner's own, to find the own answer to an
    invitation. Raises `ValueError` only if `zone` is no time zone."""
    owner = zones.owner_zone(zone)
    own_addresses = frozenset(item.strip().lower().removeprefix("mailto:") for item in addresses)
    found = []
    for key, etag, data in objects:
        try:
            found.append(_expand(key, etag, data, Places(owner=owner, embedded={}), own_addresses, window))
        except Unreadable as error:
            found.append(_unreadable(key, etag, window, str(error)))
    return found


def within(blocks: Iterable[Busy], window: tuple[int, int]) -> tuple[Busy, ...]:
    """The blocks cut to the half-open `window`; those outside fall away."""
    low, high = window
    return tuple(
        Busy(start=max(item.start, low), end=min(item.end, high), kind=item.kind)
        for item in blocks
        if item.start < high and item.end > low
    )


def _unreadable(key: str, etag: str, window: tuple[int, int], reason: str) -> RemoteObject:
    block = Busy(start=window[0], end=window[1], kind=BusyKind.UNCERTAIN)
    return RemoteObject(key=key, etag=etag, uid="", busy=(block,), problems=(reason,))


def _expand(
    key: str, etag: str, data: bytes, places: Places, addresses: frozenset[str], window: tuple[int, int]
) -> RemoteObject:
    if len(data) > MAX_BYTES:
        raise Unreadable("the object is too big to be read")
    own = OWN_UID_SUFFIX.encode() in data
    calendar = read(data, own=own)
    places = Places(owner=places.owner, embedded=embedded_zones(calendar))
    components = [item for item in calendar.children if item.name == "VEVENT"]
    if len(components) > MAX_EVENTS:
        raise Unreadable("the object has too many parts to be read")
    by_uid: dict[str, list[EventText]] = {}
    for component in components:
        event = read_event(component, places, addresses)
        by_uid.setdefault(event.uid, []).append(event)
    blocks: set[tuple[int, int, BusyKind]] = set()
    problems: dict[str, None] = {}
    for events in by_uid.values():
        found, unclear = occurrences(events, window)
        problems.update(dict.fromkeys(unclear))
        blocks.update(_block(item) for item in found if _blocks(item))
    return RemoteObject(
        key=key,
        etag=etag,
        uid=_uid(components),
        busy=tuple(Busy(start=start, end=end, kind=kind) for start, end, kind in sorted(blocks)),
        own=own_event(calendar, places) if own else None,
        problems=tuple(problems),
    )


def _uid(components: list[Component]) -> str:
    return next((uid for item in components if (uid := item.value("UID"))), "")


def _blocks(item: Occurrence) -> bool:
    return item.end > item.start and item.event.weight in (Weight.BUSY, Weight.TENTATIVE)


def _block(item: Occurrence) -> tuple[int, int, BusyKind]:
    start = item.event.start
    if item.uncertain or item.event.uncertain:
        kind = BusyKind.UNCERTAIN
    elif item.event.weight is Weight.TENTATIVE:
        kind = BusyKind.TENTATIVE
    else:
        kind = BusyKind.ALL_DAY if start is not None and start.all_day else BusyKind.BUSY
    return item.start, min(item.end, LATEST), kind
