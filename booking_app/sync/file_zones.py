"""The rules of a time zone that come with a calendar file: a VTIMEZONE (RFC 5545 section 3.6.5)."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from booking_app.sync import rrule
from booking_app.sync.rule_text import MAX_CHARS, read_rule
from booking_app.sync.work import TooDense, Work

MAX_VTIMEZONE_CHARS = 65_536
STEPS = 10_000
"""For all the changes of a zone: two rules over the years below take a tenth of it."""
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2101, 1, 1)  # noqa: DTZ001
_EPOCH_DAY = _FIRST.toordinal()
_LINE = re.compile(r"([A-Za-z0-9-]+)(?:;[^:]*)?:(.*)$")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2}):?(\d{2})?$")
_WALL = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?)?(Z?)$")


class FileZone(tzinfo):
    """`changes` are (instant, offset from then on) in seconds, ascending; `before` is the offset before the first."""

    def __init__(self, before: int, changes: list[tuple[int, int]]) -> None:
        self._instants = [instant for instant, _ in changes]
        self._offsets = [before, *(offset for _, offset in changes)]
        # In a gap the offset before it counts, of two equal wall times the first: the change is at the later wall.
        self._walls = [instant + max(self._offsets[number], offset) for number, (instant, offset) in enumerate(changes)]

    def utcoffset(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return timedelta(0)
        return timedelta(seconds=self._offsets[bisect_right(self._walls, _seconds(moment))])

    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _: datetime | None) -> str | None:
        return None

    def fromutc(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._offsets[bisect_right(self._instants, _seconds(moment))])


def file_zone(text: str, work: Work) -> tzinfo | None:
    """The zone of a VTIMEZONE, unfolded; None if its rules cannot be read. Raises `TooDense` if less `work` is left
    than it may take."""
    if len(text) > MAX_VTIMEZONE_CHARS:
        return None
    work.spend(STEPS)
    zone, steps = _read(text)
    work.left += STEPS - steps
    return zone


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[FileZone | None, int]:
    work = Work(STEPS)
    changes: dict[int, tuple[int, int]] = {}
    try:
        for observance in _observances(text):
            before, after = (_offset(observance[name][0]) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
            for wall in _onsets(observance, before, work):
                changes[wall - before] = (before, after)
    except (ValueError, LookupError, TooDense):
        return None, STEPS - max(work.left, 0)
    if not changes:
        return None, STEPS - work.left
    ordered = sorted(changes.items())
    return FileZone(ordered[0][1][0], [(instant, after) for instant, (_, after) in ordered]), STEPS - work.left


def _observances(text: str) -> list[dict[str, list[str]]]:
    """The properties of each STANDARD and DAYLIGHT."""
    found: list[dict[str, list[str]]] = []
    inside = False
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        name, value = match[1].upper(), match[2].strip()
        if name in ("BEGIN", "END"):
            inside = name == "BEGIN" and value.upper() in ("STANDARD", "DAYLIGHT")
            if inside:
                found.append({})
        elif inside:
            found[-1].setdefault(name, []).append(value)
    return found


def _onsets(observance: dict[str, list[str]], before: int, work: Work) -> set[int]:
    """The wall times, on the clock of the offset `before`, at which it begins. Raises `ValueError`."""
    start = _wall(observance["DTSTART"][0], before)
    found = {start}
    for text in observance.get("RRULE", []):
        rule = read_rule(text[:MAX_CHARS])
        if rule.unread:
            raise ValueError("the rule cannot be read")
        until = rule.rules[0].until
        last = None if until is None else _wall(until, before)
        found.update(rrule.walls(rule.rules[0], start, last, _seconds(_FIRST), _seconds(_LAST), work))
    for text in observance.get("RDATE", []):
        found.update(_wall(each.partition("/")[0], before) for each in text.split(","))
    work.spend(len(found))
    return found


def _wall(text: str, offset: int) -> int:
    match = _WALL.match(text.strip())
    if match is None:
        raise ValueError("a date cannot be read")
    moment = datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type] # noqa: DTZ001
    return _seconds(moment) + (offset if match[7] else 0)


def _seconds(moment: datetime) -> int:
    return (moment.toordinal() - _EPOCH_DAY) * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second


def _offset(text: str) -> int:
    match = _OFFSET.match(text)
    if match is None or int(match[2]) > 23:
        raise ValueError("an offset cannot be read")
    seconds = int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4] or 0)
    return -seconds if match[1] == "-" else seconds
