"""A series with its exceptions to occurrences (RFC 5545 sections 3.8.4.4 and 3.8.5).

The recurrence set is DTSTART, RRULE and RDATE without EXDATE; an override replaces the instance that its
RECURRENCE-ID names, wherever it was moved to; RANGE=THISANDFUTURE carries its shift on to the later ones. Whatever
cannot be expanded blocks more, never less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import NamedTuple

from booking_app.sync import rrule, zones
from booking_app.sync.event_text import EventText, Extra, Length, Weight
from booking_app.sync.ical_text import Moment, Places, Unreadable, moment
from booking_app.sync.problems import Code, Problem
from booking_app.sync.rule_text import read_rule
from booking_app.sync.work import OBJECT_STEPS, TooDense, Work

MAX_OCCURRENCES = 20_000
"""Occurrences of one series inside the window; a denser one blocks its whole span."""
_EARLIEST, _LATEST = -2_208_988_800, 13_569_465_600  # 1900 and 2400


class Occurrence(NamedTuple):
    """One instance, half-open instants, and the event text that decides its kind. The way there is part of it."""

    start: int
    end: int
    event: EventText
    uncertain: bool = False


def occurrences(
    events: Iterable[EventText], window: tuple[int, int], work: Work | None = None
) -> tuple[list[Occurrence], list[Problem]]:
    """All occurrences of the events of one UID that touch the half-open `window`, and what was not understood.

    Cancelled and free ones are included: they may have replaced an instance of a series that blocks."""
    work = work or Work(OBJECT_STEPS)
    masters: list[EventText] = []
    overrides: list[EventText] = []
    found: list[Occurrence] = []
    problems: list[Problem] = []
    for event in events:
        problems.extend(Problem(code, None if event.start is None else event.start.instant) for code in event.problems)
        if event.start is None:
            found.append(Occurrence(window[0], window[1], event, True))
        if event.recurrence_id is not None:
            overrides.append(event)
        elif event.detached:
            found.extend(_instances(event, {}, window, problems, work))
        elif event.start is not None:
            masters.append(event)
    # Only a higher SEQUENCE or DTSTAMP makes a newer revision (RFC 5546 section 2.1.5); others are events of their own,
    # whose author gave all the same UID.
    standing = _newest(masters)
    chosen = _latest(overrides, standing[0] if standing else None)
    if standing:
        work.spend(len(standing) * (1 + len(overrides)))
        kept = [_without_left_overs(chosen, master) for master in standing]
        # Of several series an override may belong to any, and goes only with the last.
        chosen = {key: _of_any(some, [each.get(key, []) for each in kept]) for key, some in chosen.items()}
        chosen = {key: some for key, some in chosen.items() if some}
    found.extend(
        _single(event, event.start, zones.clock(event.start.wall), event.length)
        for some in chosen.values()
        for event in some
        if event.start is not None
    )
    for master in standing:
        if master.weight is not Weight.CANCELLED:
            found.extend(_instances(master, chosen, window, problems, work))
    return [item for item in found if item.start < window[1] and item.end > window[0]], problems


def _newest(events: list[EventText]) -> list[EventText]:
    """Without those of which there is a newer revision. One without a DTSTAMP is neither older nor newer than another
    of the same SEQUENCE."""
    sequence = max((event.version[0] for event in events), default=0)
    stamp = max((event.version[1] for event in events if event.version[0] == sequence), default="")
    return [event for event in events if event.version[0] == sequence and event.version[1] in ("", stamp)]


def _of_any(some: list[EventText], kept: list[list[EventText]]) -> list[EventText]:
    ids = {id(event) for events in kept for event in events}
    return [event for event in some if id(event) in ids]


_Key = int | datetime
_Overrides = dict[_Key, list[EventText]]


def _latest(overrides: list[EventText], master: EventText | None) -> _Overrides:
    """The overrides that count for each instance: highest SEQUENCE, then latest DTSTAMP; all, if they are equal."""
    chosen: _Overrides = {}
    for event in overrides:
        if event.recurrence_id is not None:
            chosen.setdefault(_key(event.recurrence_id, master), []).append(event)
    return {key: _newest(some) for key, some in chosen.items()}


def _without_left_overs(overrides: _Overrides, master: EventText) -> _Overrides:
    """Without what a newer revision of the series has taken away: by EXDATE (RFC 5545 section 3.8.5.1), or altogether,
    except for what was written afterwards."""
    if master.weight is Weight.CANCELLED:
        kept = {key: [each for each in some if each.version[0] > master.version[0]] for key, some in overrides.items()}
        return {key: some for key, some in kept.items() if some}
    excluded = {_key(item, master) for item in master.excluded}
    return {
        key: [each for each in some if key not in excluded or each.version[0] >= master.version[0]]
        for key, some in overrides.items()
    }


def _key(named: Moment, master: EventText | None) -> _Key:
    """How a RECURRENCE-ID or EXDATE is compared: by day (its naive midnight) for all-day series, else by instant;
    a DATE given for a timed series means that day. One that names no zone is on the clock of the series."""
    if named.all_day:
        return named.wall
    if master is None or master.start is None:
        return named.instant
    if master.start.all_day:
        if named.zone is UTC and named.wall.time() != time(0):
            return _midnight(zones.wall_of(named.instant, master.start.zone))
        return _midnight(named.wall)
    return zones.instant_of(named.wall, master.start.zone) if named.bare else named.instant


def _midnight(wall: datetime) -> datetime:
    return datetime.combine(wall.date(), time(0))


def _single(event: EventText, start: Moment, wall: int, length: Length) -> Occurrence:
    """The instance that starts when the clock of `start` shows `wall`."""
    begin = zones.instant_at(wall, start.zone)
    end = length.end(wall, begin, start)
    return Occurrence(begin - event.lead - start.margin, end + start.margin, event, event.uncertain or start.margin > 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shift:
    """What a THISANDFUTURE override does to the instances from the wall time `since` on."""

    since: int
    by: int
    event: EventText


def _instances(
    master: EventText, overrides: _Overrides, window: tuple[int, int], problems: list[Problem], work: Work
) -> list[Occurrence]:
    start = master.start
    if start is None:
        return []
    shifts = _shifts(start, overrides)
    longest = max([master.length.wall, *(item.event.length.wall for item in shifts)])
    reach = max([abs(item.by) + item.event.lead for item in shifts], default=0) + master.lead + 3 * rrule.DAY
    low = max(_EARLIEST, zones.clock(zones.wall_of(window[0], start.zone)) - longest - reach)
    high = min(_LATEST, zones.clock(zones.wall_of(window[1], start.zone)) + reach)
    codes: list[Code] = []
    try:
        walls, uncertain = _walls(master, start, low, high, codes, work)
        skipped: set[_Key] = {_key(item, master) for item in master.excluded} | set(overrides)
        work.spend(len(walls) + len(skipped))
    except TooDense:
        problems.extend(Problem(code, start.instant) for code in codes or [Code.TOO_MUCH_WORK])
        return [Occurrence(start.instant - master.lead - start.margin, _end(master, start, window[1]), master, True)]
    problems.extend(Problem(code, start.instant) for code in codes)
    dates = {zones.clock(item) // rrule.DAY for item in skipped if isinstance(item, datetime)}
    length, uncertain_event = master.length, master.uncertain
    simple = not shifts and not start.margin and not master.lead
    found: list[Occurrence] = []
    for wall in walls:
        if dates and wall // rrule.DAY in dates:
            continue
        begin = zones.instant_at(wall, start.zone)
        if skipped and not start.all_day and begin in skipped:
            continue
        if simple:
            found.append(Occurrence(begin, length.end(wall, begin, start), master, uncertain_event))
        else:
            found.append(_shifted(shifts, start, wall) or _single(master, start, wall, master.length))
    for extra in master.extras:
        if _key(extra.start, master) not in skipped and zones.clock(extra.start.wall) // rrule.DAY not in dates:
            moved = _shifted(shifts, start, _in_clock_of(start, extra.start))
            found.append(moved or _extra(master, start, extra))
    return [item._replace(uncertain=True) for item in found] if uncertain else found


def _shifted(shifts: list[_Shift], start: Moment, wall: int) -> Occurrence | None:
    """What THISANDFUTURE makes of the instance at `wall`, whether it is one of a rule or an RDATE (RFC 5545 section
    3.2.13: all instances from then on)."""
    shift = next((item for item in reversed(shifts) if item.since <= wall), None)
    if shift is None:
        return None
    margin = max(start.margin, shift.event.start.margin if shift.event.start else 0)
    return _single(shift.event, replace(start, margin=margin), wall + shift.by, shift.event.length)


def _end(master: EventText, start: Moment, latest: int) -> int:
    """When a series that is not expanded is over at most: `latest`, unless its rules say that it is earlier."""
    if master.overfull:
        return latest
    first = zones.clock(start.wall)
    walls = [first, *(zones.clock(extra.start.wall) + rrule.DAY for extra in master.extras)]
    for text in master.rules:
        for rule in read_rule(text).rules:
            last = rrule.end(rule, first, _until(rule.until, start, []))
            if last is None:
                return latest
            walls.append(last)
    wall = min(max(walls), _LATEST)
    return min(latest, master.length.end(wall, zones.instant_at(wall, start.zone), start) + start.margin)


def _shifts(start: Moment, overrides: _Overrides) -> list[_Shift]:
    found = []
    for event in (event for some in overrides.values() for event in some if event.this_and_future):
        if event.recurrence_id is not None and event.start is not None:
            named = event.recurrence_id
            since = zones.clock(named.wall) if named.bare else _in_clock_of(start, named)
            found.append(_Shift(since=since, by=_in_clock_of(start, event.start) - since, event=event))
    return sorted(found, key=lambda item: item.since)


def _in_clock_of(start: Moment, other: Moment) -> int:
    same = other.all_day or other.zone is start.zone
    return zones.clock(other.wall if same else zones.wall_of(other.instant, start.zone))


def _walls(
    master: EventText, start: Moment, low: int, high: int, codes: list[Code], work: Work
) -> tuple[list[int], bool]:
    """The wall times of DTSTART and the rules, ascending; and whether they are a guess that covers a bad rule."""
    if master.overfull:
        raise TooDense
    first = zones.clock(start.wall)
    walls = {first}
    for text in master.rules:
        read = read_rule(text)
        if read.unread:
            codes.append(Code.UNTIL if read.unread == ("UNTIL",) else Code.RULE)
        if read.any_time:
            raise TooDense
        for rule in read.rules:
            walls.update(rrule.walls(rule, first, _until(rule.until, start, codes), low, high, work))
        if len(walls) > MAX_OCCURRENCES:
            raise TooDense
    return sorted(walls), bool(codes)


def _until(text: str | None, start: Moment, codes: list[Code]) -> int | None:
    """UNTIL as an inclusive wall time in the clock of DTSTART. A DATE for a timed series means that whole day,
    as its authors do; an unreadable one does not end the series."""
    if text is None:
        return None
    try:
        until = moment(text, {}, Places(owner=start.zone, embedded={}))
    except Unreadable:
        codes.append(Code.UNTIL)
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
