"""Time zones as tables of integers, taken from the rules once and kept.

A zone's *offset* is what is added to an instant to get its wall time, in seconds. Between two changes it is
constant, so everything local is arithmetic on whole stretches. A *day* is a local date counted in days since
1970-01-01.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from booking_app.domain.errors import Invalid
from booking_app.domain.rules import Span
from booking_app.domain.zone_rules import zone_keys, zone_rules

DAY = 86400
_BLOCK = 1 << 25
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def checked_zone(name: str, field: str = "timezone") -> str:
    """`name` itself if it is a known IANA zone; else `Invalid` that names `field`."""
    if name not in zone_keys():
        raise Invalid(field, "Choose a time zone by its name, for example Europe/Amsterdam.")
    return name


def day_number(day: date) -> int:
    """The days from 1970-01-01 to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


@lru_cache(maxsize=2048)
def _block(zone: str, number: int) -> tuple[tuple[int, int], ...]:
    """(first instant, offset) of each stretch of constant offset in the block of about a year.

    One probe a day finds every change: the zone database has none closer together than four days.
    """
    rules = zone_rules(zone)

    def offset_at(instant: int) -> int:
        offset = datetime.fromtimestamp(instant, rules).utcoffset()
        return 0 if offset is None else offset.days * DAY + offset.seconds

    start, end = number * _BLOCK, (number + 1) * _BLOCK
    offset = offset_at(start)
    stretches = [(start, offset)]
    for probe in range(start, end, DAY):
        following = min(probe + DAY, end - 1)
        later = offset_at(following)
        if later != offset:
            change = bisect_left(range(probe, following + 1), True, key=lambda t: offset_at(t) == later)
            stretches.append((probe + change, later))
            offset = later
    return tuple(stretches)


def offsets(zone: str, span: Span) -> list[tuple[int, int, int]]:
    """(start, end, offset in seconds) of each stretch of constant offset, ascending; together they are `span`."""
    start, end = span
    if start >= end:
        return []
    stretches: list[tuple[int, int]] = []
    for number in range(start // _BLOCK, (end - 1) // _BLOCK + 1):
        for since, offset in _block(zone, number):
            if since >= end:
                break
            if since <= start:
                stretches = [(start, offset)]
            elif stretches[-1][1] != offset:
                stretches.append((since, offset))
    ends = [since for since, _ in stretches[1:]]
    return [(since, until, offset) for (since, offset), until in zip(stretches, [*ends, end], strict=True)]


def offset_at(zone: str, instant: int) -> int:
    """The zone's offset from UTC in seconds at an instant."""
    stretches = _block(zone, instant // _BLOCK)
    return next(offset for since, offset in reversed(stretches) if since <= instant)


def offset_in(stretches: Sequence[Sequence[int]], instant: int) -> int | None:
    """The offset at an instant by (first instant, offset) pairs, ascending; None before the first."""
    return next((offset for since, offset in reversed(stretches) if since <= instant), None)


def local_day(zone: str, instant: int) -> int:
    """The day number of the local date of an instant."""
    return (instant + offset_at(zone, instant)) // DAY


def local_date(zone: str, instant: int) -> date:
    """The local date of an instant."""
    return date_of(local_day(zone, instant))


def day_start(zone: str, day: date) -> int:
    """The first instant whose local date is `day` or later: midnight, or the end of the gap that swallowed it."""
    midnight = day_number(day) * DAY
    for start, end, offset in offsets(zone, (midnight - 2 * DAY, midnight + 2 * DAY)):
        if midnight - offset < end:
            return max(start, midnight - offset)
    raise AssertionError("no zone is two days from UTC")


def day_span(zone: str, first: date, days: int = 1) -> Span:
    """The instants of `days` local dates from `first`; 23 or 25 hours long on some days, empty on a skipped one."""
    return day_start(zone, first), day_start(zone, date_of(day_number(first) + days))


@lru_cache(maxsize=512)
def span_through(zone: str, span: Span, last_day: int) -> tuple[Span, ...]:
    """The instants of `span` whose local date is at most the day number `last_day`.

    One span, or two where clocks are set back across midnight and the date returns for a while.
    """
    kept: list[Span] = []
    for start, end, offset in offsets(zone, span):
        until = min(end, (last_day + 1) * DAY - offset)
        if start < until:
            if kept and kept[-1][1] == start:
                start = kept.pop()[0]
            kept.append((start, until))
    return tuple(kept)
