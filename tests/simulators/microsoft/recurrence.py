"""Outlook's recurrence: which days a pattern names. Source: "patternedRecurrence resource type" and its parts."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import takewhile
from typing import cast

from tests.simulators.microsoft.errors import failed_validation
from tests.simulators.microsoft.zones import zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
INDEXES = ("first", "second", "third", "fourth", "last")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "daily": (),
    "weekly": ("daysOfWeek",),
    "absoluteMonthly": ("dayOfMonth",),
    "relativeMonthly": ("daysOfWeek",),
    "absoluteYearly": ("dayOfMonth", "month"),
    "relativeYearly": ("daysOfWeek", "month"),
}
_MOST = 999
Pattern = Mapping[str, object]


def check(recurrence: Mapping[str, object], start: date) -> None:
    """Raises GraphError 400 for what Outlook cannot follow. `start` is the day of the first occurrence."""
    pattern, span = recurrence.get("pattern"), recurrence.get("range")
    if not isinstance(pattern, dict) or not isinstance(span, dict):
        raise failed_validation("A recurrence has a pattern and a range.")
    kind, interval = str(pattern.get("type")), pattern.get("interval")
    if kind not in _NEEDED or not isinstance(interval, int) or not 1 <= interval <= _MOST:
        raise failed_validation("The recurrence pattern is invalid.")
    for name in _NEEDED[kind]:
        if not pattern.get(name):
            raise failed_validation(f"The recurrence pattern lacks '{name}'.")
    if not 1 <= int(cast("int", pattern.get("dayOfMonth") or 1)) <= 31:
        raise failed_validation("The day of the month is invalid.")
    if not 1 <= int(cast("int", pattern.get("month") or 1)) <= 12:
        raise failed_validation("The month is invalid.")
    if span.get("startDate") != start.isoformat():
        raise failed_validation("The start date of the range is not that of the event.")
    if (named := span.get("recurrenceTimeZone")) and zone(named) is None:
        raise failed_validation(f"The time zone '{named}' is not supported.")
    if span.get("type") == "numbered":
        count = span.get("numberOfOccurrences")
        if not isinstance(count, int) or not 1 <= count <= _MOST:
            raise failed_validation("The number of occurrences is invalid.")
    elif span.get("type") == "endDate":
        if not isinstance(span.get("endDate"), str) or date.fromisoformat(str(span["endDate"])) < start:
            raise failed_validation("The end date of the range is invalid.")
    elif span.get("type") != "noEnd":
        raise failed_validation("The range of the recurrence is invalid.")
    if next(days(recurrence), None) is None:
        raise failed_validation("The recurrence has no occurrence.")


def days(recurrence: Mapping[str, object]) -> Iterator[date]:
    """The days of the occurrences, rising."""
    pattern, span = cast("Pattern", recurrence["pattern"]), cast("Mapping[str, object]", recurrence["range"])
    start = date.fromisoformat(str(span["startDate"]))
    found = (day for day in _KINDS[str(pattern["type"])](pattern, start) if day >= start)
    if span["type"] == "numbered":
        return (day for _, day in zip(range(int(cast("int", span["numberOfOccurrences"]))), found, strict=False))
    if span["type"] == "endDate":
        last = date.fromisoformat(str(span["endDate"]))
        return takewhile(lambda day: day <= last, found)
    return found


def _interval(pattern: Pattern) -> int:
    return int(cast("int", pattern["interval"]))


def _weekdays(pattern: Pattern) -> set[int]:
    return {DAYS.index(name) for name in cast("list[str]", pattern["daysOfWeek"])}


def _daily(pattern: Pattern, start: date) -> Iterator[date]:
    step = timedelta(days=_interval(pattern))
    while start.year < 2100:
        yield start
        start += step


def _weekly(pattern: Pattern, start: date) -> Iterator[date]:
    wanted, first = _weekdays(pattern), DAYS.index(str(pattern.get("firstDayOfWeek") or "sunday"))
    week = start - timedelta(days=(start.weekday() - first) % 7)
    while week.year < 2100:
        for number in range(7):
            day = week + timedelta(days=number)
            if day.weekday() in wanted:
                yield day
        week += timedelta(weeks=_interval(pattern))


def _months(start: date, step: int) -> Iterator[tuple[int, int]]:
    number = start.year * 12 + start.month - 1
    while number < 2100 * 12:
        yield number // 12, number % 12 + 1
        number += step


def _on_day(year: int, month: int, pattern: Pattern) -> date:
    """A day that the month does not have is its last one."""
    return date(year, month, min(int(cast("int", pattern["dayOfMonth"])), calendar.monthrange(year, month)[1]))


def _relative(year: int, month: int, pattern: Pattern) -> date:
    wanted = _weekdays(pattern)
    last = calendar.monthrange(year, month)[1]
    fitting = [day for day in range(1, last + 1) if date(year, month, day).weekday() in wanted]
    index = INDEXES.index(str(pattern.get("index") or "first"))
    return date(year, month, fitting[-1] if index == 4 else fitting[index])


def _monthly(pick: Callable[[int, int, Pattern], date]) -> Callable[[Pattern, date], Iterator[date]]:
    return lambda pattern, start: (pick(*month, pattern) for month in _months(start, _interval(pattern)))


def _yearly(pick: Callable[[int, int, Pattern], date]) -> Callable[[Pattern, date], Iterator[date]]:
    def found(pattern: Pattern, start: date) -> Iterator[date]:
        for year in range(start.year, 2100):
            if (year - start.year) % _interval(pattern) == 0:
                yield pick(year, int(cast("int", pattern["month"])), pattern)

    return found


_KINDS: Mapping[str, Callable[[Pattern, date], Iterator[date]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "absoluteMonthly": _monthly(_on_day),
    "relativeMonthly": _monthly(_relative),
    "absoluteYearly": _yearly(_on_day),
    "relativeYearly": _yearly(_relative),
}
