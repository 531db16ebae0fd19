"""A VFREEBUSY component: busy times without events (RFC 5545 section 3.6.4), which count as busy where they are kept in
a calendar (RFC 4791 section 7.10)."""

from __future__ import annotations

from booking_app.sync import zones
from booking_app.sync.event_text import period_length
from booking_app.sync.ical_text import Component, Places, Unreadable, moment
from booking_app.sync.model import BusyKind
from booking_app.sync.problems import Code, Problem

Block = tuple[int, int, BusyKind]
_KINDS = {"FREE": None, "BUSY-TENTATIVE": BusyKind.TENTATIVE}
"""Whatever is none of these is busy (RFC 5545 section 3.2.9)."""


def busy_times(component: Component, places: Places, window: tuple[int, int]) -> tuple[list[Block], list[Problem]]:
    """The blocks that touch the half-open `window`, and what could not be read: that blocks from the start to the end
    of the component. Raises `TooDense`."""
    found: list[Block] = []
    unplaced = "FREEBUSY" in component.broken
    unread = False
    for item in component.all("FREEBUSY"):
        kind = _KINDS.get(item.params.get("FBTYPE", "").upper(), BusyKind.BUSY)
        if kind is None:
            continue
        for text in item.value.split(","):
            places.work.spend()
            begin, _, rest = text.partition("/")
            problems: list[Code] = []
            try:
                start = moment(begin, item.params, places)
            except Unreadable:
                unplaced = True
                continue
            length = period_length(start, rest, item, places, problems)
            end = length.end(zones.clock(start.wall), start.instant, start)
            unsure = BusyKind.UNCERTAIN if problems or start.margin else kind
            found.append((start.instant - start.margin, end + start.margin, unsure))
            unread = unread or bool(problems or start.margin)
    if not (unread or unplaced):
        return _within(found, window), []
    low, high = (_bound(component, name, places) for name in ("DTSTART", "DTEND"))
    if unplaced:
        found.append((window[0] if low is None else low, window[1] if high is None else high, BusyKind.UNCERTAIN))
    return _within(found, window), [Problem(Code.BUSY_TIMES, low)]


def _within(blocks: list[Block], window: tuple[int, int]) -> list[Block]:
    return [each for each in blocks if each[1] > each[0] and each[0] < window[1] and each[1] > window[0]]


def _bound(component: Component, name: str, places: Places) -> int | None:
    item = component.first(name)
    if item is None:
        return None
    try:
        return moment(item.value, item.params, places).instant
    except Unreadable:
        return None
