"""Times and names as mails write them: in full, in the reader's zone, with the zone's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from booking_app.domain.local import local_times
from booking_app.domain.zones import local_date, offset_at

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple(
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def day_words(day: date) -> str:
    """`Thursday 10 December 2026`."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def clock_words(instant: int, zone: str) -> str:
    """`9:30`, on a 24-hour clock."""
    [time] = local_times((instant,), zone)
    return time.removeprefix("0")


def offset_words(offset: int) -> str:
    """An offset in seconds as `UTC+1`, `UTC−3:30`, `UTC`."""
    minutes = abs(offset) // 60
    if not minutes:
        return "UTC"
    hours, rest = divmod(minutes, 60)
    return f"UTC{'−' if offset < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}"


def place_words(zone: str) -> str:
    """`Amsterdam time`; empty for zones that are not named after a place."""
    area, slash, place = zone.rpartition("/")
    if not slash or area == "Etc":
        return ""
    return f"{place.replace('_', ' ')} time"


def zone_words(zone: str, instant: int) -> str:
    """The zone as of an instant: `Amsterdam time, UTC+1`."""
    return ", ".join(part for part in (place_words(zone), offset_words(offset_at(zone, instant))) if part)


def span_words(start: int, end: int, zone: str) -> str:
    """`Thursday 10 December 2026, 9:30–10:15 (Amsterdam time, UTC+1)`.

    An end on another day says which; where the clocks change in between, each time carries its own offset."""
    first, last = local_date(zone, start), local_date(zone, end)
    begins, ends = clock_words(start, zone), clock_words(end, zone)
    before, after = offset_at(zone, start), offset_at(zone, end)
    if before != after:
        begins, ends = f"{begins} ({offset_words(before)})", f"{ends} ({offset_words(after)})"
    if last != first:
        ends = f"{day_words(last)}, {ends}"
    dash = "–" if before == after and last == first else " – "
    name = zone_words(zone, start) if before == after else place_words(zone)
    return f"{day_words(first)}, {begins}{dash}{ends}" + (f" ({name})" if name else "")


def start_words(start: int, zone: str) -> str:
    """For a subject: `Thursday 10 December 2026, 9:30`."""
    return f"{day_words(local_date(zone, start))}, {clock_words(start, zone)}"


def lasting(seconds: float) -> str:
    """A duration as people say it: `6 s`, `4 min`, `3 h`, `4 days`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86400:
        return f"{whole // 3600} h"
    return f"{whole // 86400} days"


def names_words(names: Sequence[str]) -> str:
    """`Anna`, `Anna and Chris`, `Anna, Chris and Esra`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, for a subject or a calendar's title."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
