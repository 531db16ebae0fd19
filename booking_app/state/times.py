"""Instants in a visitor's words. English, 24-hour clock; every function takes the reader's IANA zone."""

from __future__ import annotations

from datetime import date

from booking_app.domain.local import local_times, offset_label
from booking_app.domain.zones import DAY, local_date, offset_at, offsets

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def clock(instant: int, zone: str) -> str:
    """`9:30`."""
    [time] = local_times((instant,), zone)
    return time.removeprefix("0")


def clocks(instants: tuple[int, ...], zone: str) -> list[str]:
    """The clock of each of a day's ascending instants; where clocks are set back and a time comes twice, both carry
    their offset: `2:30 (+02:00)`."""
    times = [time.removeprefix("0") for time in local_times(instants, zone)]
    return [
        f"{time} ({offset_label(offset_at(zone, instant))})" if times.count(time) > 1 else time
        for instant, time in zip(instants, times, strict=True)
    ]


def short_day(day: date) -> str:
    """`Thu 10 December`."""
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {MONTHS[day.month - 1]}"


def brief_day(day: date) -> str:
    """`Thu 10 Dec`."""
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {MONTHS[day.month - 1][:3]}"


def long_day(day: date) -> str:
    """`Thursday 10 December 2026`."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def near_day(day: date, today: date) -> str:
    """`Today`, `Tomorrow`, else as `short_day`."""
    return {0: "Today", 1: "Tomorrow"}.get((day - today).days, short_day(day))


def month_title(year: int, month: int) -> str:
    """`December 2026`."""
    return f"{MONTHS[month - 1]} {year}"


def moment(instant: int, zone: str) -> str:
    """`Thursday 10 December 2026, 9:30`."""
    return f"{long_day(local_date(zone, instant))}, {clock(instant, zone)}"


def span_words(start: int, end: int, zone: str) -> tuple[str, str]:
    """The day and the times of an appointment: (`Thursday 10 December 2026`, `9:30 to 10:15`); the end names its
    day when that is another one."""
    first, last = local_date(zone, start), local_date(zone, end)
    until = clock(end, zone) if last == first else f"{clock(end, zone)} on {long_day(last)}"
    return long_day(first), f"{clock(start, zone)} to {until}"


_TURNED = str.maketrans("+-", "-+")


def place(zone: str) -> str:
    """The place that a zone is named after: `Amsterdam`, `New York`, `UTC`; `UTC+3` for `Etc/GMT-3`, whose sign is
    turned round."""
    if zone.startswith(("Etc/GMT-", "Etc/GMT+")):
        return "UTC" + zone.removeprefix("Etc/GMT").translate(_TURNED)
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def clock_rules(zone: str, now: int) -> str:
    """The offsets of the next year for `data-clock` (components/browser.py)."""
    return " ".join(f"{since}:{offset}" for since, _, offset in offsets(zone, (now - DAY, now + 366 * DAY)))


def zone_words(zone: str) -> str:
    """`Amsterdam time (Europe/Amsterdam)`."""
    return zone if zone == place(zone) else f"{place(zone)} time ({zone})"


def duration_words(minutes: int) -> str:
    """`45 minutes`, `1 hour`, `1 hour 30 minutes`."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours != 1)}"] if hours else []
    if rest or not hours:
        parts.append(f"{rest} minute{'s' * (rest != 1)}")
    return " ".join(parts)


def names(people: list[str]) -> str:
    """`Anna`, `Anna and Chris`, `Anna, Chris and Esra`."""
    return people[0] if len(people) == 1 else f"{', '.join(people[:-1])} and {people[-1]}" if people else ""
