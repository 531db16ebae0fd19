"""Instants as a reader in some zone sees them, from tables rather than a `datetime` each.

All functions take instants in ascending order and an IANA zone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from booking_app.domain.zones import DAY, date_of, offsets


@lru_cache(maxsize=4096)
def _day_label(day: int) -> str:
    return date_of(day).isoformat()


@cache
def _clock_labels() -> tuple[str, ...]:
    return tuple(f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440))


def offset_label(offset: int) -> str:
    """An offset in seconds as ISO 8601 writes it: `+05:45`; seconds only where history has them."""
    sign = "-" if offset < 0 else "+"
    minutes, seconds = divmod(abs(offset), 60)
    label = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{label}:{seconds:02d}" if seconds else label


def _stretches(instants: Sequence[int], zone: str) -> Iterator[tuple[Sequence[int], int]]:
    """The instants in runs of one offset, each with that offset."""
    if not instants:
        return
    for start, end, offset in offsets(zone, (instants[0], instants[-1] + 1)):
        low = bisect_left(instants, start)
        yield instants[low : bisect_left(instants, end, low)], offset


def by_local_date(starts: Sequence[int], zone: str) -> dict[str, list[str]]:
    """The instants as ISO 8601 with offset, grouped by the ISO date of the reader's zone, both ascending."""
    clock = _clock_labels()
    days: dict[str, list[str]] = {}
    for run, offset in _stretches(starts, zone):
        tail = offset_label(offset)
        current, label, times = None, "", [""]
        for start in run:
            day, second = divmod(start + offset, DAY)
            if day != current:
                current = day
                date = _day_label(day)
                label = date + "T"
                times = days.setdefault(date, [])
            minute, second = divmod(second, 60)
            times.append(f"{label}{clock[minute]}:{second:02d}{tail}")
    return days


def local_days(starts: Sequence[int], zone: str) -> dict[str, list[int]]:
    """The instants grouped by the ISO date of the reader's zone, both ascending."""
    days: dict[str, list[int]] = {}
    for run, offset in _stretches(starts, zone):
        for start in run:
            days.setdefault(_day_label((start + offset) // DAY), []).append(start)
    return days


def local_times(starts: Sequence[int], zone: str) -> list[str]:
    """The wall clock of each instant in the reader's zone: `09:30`."""
    clock = _clock_labels()
    return [clock[(start + offset) % DAY // 60] for run, offset in _stretches(starts, zone) for start in run]


def iso(instant: int, zone: str) -> str:
    """One instant as ISO 8601 with the zone's offset."""
    [times] = by_local_date((instant,), zone).values()
    return times[0]
