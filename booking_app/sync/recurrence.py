"""A series with its exceptions to occurrences (RFC 5545 sections 3.8.4.4 and 3.8.5).

The recurrence set is DTSTART, RRULE and RDATE without EXDATE; an override replaces the instance that its
RECURRENCE-ID names, wherever it was moved to; RANGE=THISANDFUTURE carries its shift on to the later ones. Whatever
cannot be expanded blocks more, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import NamedTuple

from booking_app.sync import rrule, zones
from booking_app.sync.event_text import EventText, Extra, Length, Weight
from booking_app.sync.ical_text import Moment, Places, Unreadable, moment

MAX_OCCURRENCES = 20_000
"""Occurrences of one series inside the window; a denser one blocks its whole span."""
UNKNOWN_ZONE_MARGIN = 14 * 3600
"""An unknown zone is at most this far from UTC."""
_WITHIN_DAY = re.compile(r"HOURLY|MINUTELY|SECONDLY|BYHOUR|BYMINUTE|BYSECOND", re.IGNORECASE)
_EARLIEST, _LATEST = -2_208_988_800, 13_569_465_600  # 1900 and 2400


class Occurrence(NamedTuple):
    """One instance, half-open instants, and the event text that decides its kind."""

    start: int
    end: int
    event: EventText
    uncertain: bool = False


def occurrences(events: Iterable[EventText], window: tuple[int, int]) -> tuple[list[Occurrence], list[str]]:
    """All occurrences of the events of one UID that touch the half-open `window`, and what was not understood.

    Cancelled and free ones are included: they may have replaced an instance of a series that blocks."""
    masters: list[EventText] = []
    overrides: list[EventText] = []
    problems: list[str] = []
    for event in events:
        problems.extend(event.problems)
        (masters if event.recurrence_id is None else overrides).append(event)
    master = max((item for item in masters if item.start), key=lambda item: item.version, default=None)
    found = [Occurrence(window[0], window[1], event, True) for event in (*masters, *overrides) if event.start is None]
    chosen = _latest(overrides, master)
    if master is not None and master.weight is Weight.CANCELLED:
        chosen = {key: item for key, item in chosen.items() if item.confirmed and item.version[0] > master.version[0]}
    for event in chosen.values():
        if event.start is not None:
            found.append(_single(event, event.start, zones.clock(event.start.wall), event.length))
    if master is not None and master.start is not None and master.weight is not Weight.CANCELLED:
        found.extend(_instances(master, master.start, chosen, window, problems))
    return [item for item in found if item.start < window[1] and item.end > window[0]], problems


_Key = int | datetime


def _latest(overrides: list[EventText], master: EventText | None) -> dict[_Key, EventText]:
    """The override that counts for each instance: highest SEQUENCE, then latest DTSTAMP."""
    chosen: dict[_Key, EventText] = {}
    for event in sorted(overrides, key=lambda item: item.version):
        if event.recurrence_id is not None:
            chosen[_key(event.recurrence_id, master)] = event
    return chosen


def _key(named: Moment, master: EventText | None) -> _Key:
    """How a RECURRENCE-ID or EXDATE is compared: by day (its naive midnight) for all-day series, else by instant;
    a DATE given for a timed series means that day."""
    if named.all_day:
        return named.wall
    if master is not None and master.start is not None and master.start.all_day:
        if named.zone is UTC and named.wall.time() != time(0):
            return _midnight(zones.wall_of(named.instant, master.start.zone))
        return _midnight(named.wall)
    return named.instant


def _midnight(wall: datetime) -> datetime:
    return datetime.combine(wall.date(), time(0))


def _single(event: EventText, start: Moment, wall: int, length: Length) -> Occurrence:
    """The instance that starts when the clock of `start` shows `wall`."""
    begin = zones.instant_at(wall, start.zone)
    end = length.end(wall, begin, start)
    if start.unknown is not None:
        return Occurrence(begin - UNKNOWN_ZONE_MARGIN, end + UNKNOWN_ZONE_MARGIN, event, True)
    return Occurrence(begin, end, event, event.uncertain)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shift:
    """What a THISANDFUTURE override does to the instances from the wall time `since` on."""

    since: int
    by: int
    event: EventText


def _instances(
    master: EventText,
    start: Moment,
    overrides: dict[_Key, EventText],
    window: tuple[int, int],
    problems: list[str],
) -> list[Occurrence]:
    shifts = _shifts(start, overrides.values())
    longest = max([master.length.wall, *(item.event.length.wall for item in shifts)])
    reach = max([abs(item.by) for item in shifts], default=0) + 2 * rrule.DAY
    low = max(_EARLIEST, zones.clock(zones.wall_of(window[0], start.zone)) - longest - reach)
    high = min(_LATEST, zones.clock(zones.wall_of(window[1], start.zone)) + reach)
    try:
        walls, uncertain = _walls(master, start, low, high, problems)
    except rrule.TooDense:
        problems.append("the series repeats too often to be expanded")
        return [Occurrence(start.instant, window[1], master, True)]
    skipped: set[_Key] = {_key(item, master) for item in master.excluded} | set(overrides)
    dates = {zones.clock(item) // rrule.DAY for item in skipped if isinstance(item, datetime)}
    length, uncertain_event = master.length, master.uncertain
    simple = not shifts and start.unknown is None
    found: list[Occurrence] = []
    for wall in walls:
        if dates and wall // rrule.DAY in dates:
            continue
        begin = zones.instant_at(wall, start.zone)
        if skipped and not start.all_day and begin in skipped:
            continue
        if simple:
            found.append(Occurrence(begin, length.end(wall, begin, start), master, uncertain_event))
            continue
        shift = next((item for item in reversed(shifts) if item.since <= wall), None)
        if shift is None:
            found.append(_single(master, start, wall, master.length))
        else:
            found.append(_single(shift.event, start, wall + shift.by, shift.event.length))
    for extra in master.extras:
        if _key(extra.start, master) not in skipped and zones.clock(extra.start.wall) // rrule.DAY not in dates:
            found.append(_extra(master, start, extra))
    return [item._replace(uncertain=True) for item in found] if uncertain else found


def _shifts(start: Moment, overrides: Iterable[EventText]) -> list[_Shift]:
    found = []
    for event in overrides:
        if event.this_and_future and event.recurrence_id is not None and event.start is not None:
            since = _in_clock_of(start, event.recurrence_id)
            found.append(_Shift(since=since, by=_in_clock_of(start, event.start) - since, event=event))
    return sorted(found, key=lambda item: item.since)


def _in_clock_of(start: Moment, other: Moment) -> int:
    same = other.all_day or other.zone is start.zone
    return zones.clock(other.wall if same else zones.wall_of(other.instant, start.zone))


def _walls(master: EventText, start: Moment, low: int, high: int, problems: list[str]) -> tuple[list[int], bool]:
    """The wall times of DTSTART and the rules, ascending; and whether they are a guess that covers a bad rule."""
    if master.overfull:
        raise rrule.TooDense
    first = zones.clock(start.wall)
    walls = {first}
    uncertain = False
    for text in master.rules:
        try:
            rule = rrule.parse(text)
            walls.update(rrule.walls(rule, first, _until(rule.until, start, problems), low, high))
        except rrule.BadRule:
            problems.append("the recurrence rule cannot be read")
            uncertain = True
            if _WITHIN_DAY.search(text):
                raise rrule.TooDense from None
            walls.update(rrule.walls(rrule.parse("FREQ=DAILY"), first, None, low, high))
        if len(walls) > MAX_OCCURRENCES:
            raise rrule.TooDense
    return sorted(walls), uncertain


def _until(text: str | None, start: Moment, problems: list[str]) -> int | None:
    """UNTIL as an inclusive wall time in the clock of DTSTART. A DATE for a timed series means that whole day,
    as its authors do; an unreadable one does not end the series."""
    if text is None:
        return None
    try:
        until = moment(text, {}, Places(owner=start.zone, embedded={}))
    except Unreadable:
        problems.append("the end of the recurrence cannot be read")
        return None
    if until.all_day or start.all_day:
        day = until.wall if until.all_day else max(until.wall, zones.wall_of(until.instant, start.zone))
        return zones.clock(datetime.combine(day.date(), time(23, 59, 59)))
    return _in_clock_of(start, until)


def _extra(master: EventText, start: Moment, extra: Extra) -> Occurrence:
    length = extra.length or master.length
    moment_ = extra.start
    if start.all_day and extra.length is None and not moment_.all_day:
        moment_ = replace(moment_, wall=datetime.combine(moment_.wall.date(), time(0)), all_day=True)
    elif moment_.all_day and not start.all_day:
        moment_ = replace(start, wall=datetime.combine(moment_.wall.date(), start.wall.time()))
    return _single(master, moment_, zones.clock(moment_.wall), length)
