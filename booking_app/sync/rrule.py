"""Recurrence rules (RFC 5545 section 3.3.10) to wall times, by arithmetic on day numbers.

Each period (year, month, week, day) is a set of days that pass the rule's filters; only periods that touch the asked
span are looked at, so a rule that began decades ago costs nothing, and one that can never match ends. The result
equals python-dateutil's, which the tests check over random rules.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

MAX_STEPS = 200_000
"""Candidates looked at for one rule before it is given up (a rule meant to exhaust the reader)."""

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_GREGORIAN = (date(1583, 1, 1).toordinal() - _EPOCH) * DAY
_THURSDAY = 3  # the weekday of day number 0
_UNITS = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600}
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", *_UNITS)
_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$")
_RANGES = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYSETPOS": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 60, False),
}


class BadRule(ValueError):
    """The rule breaks the grammar or uses parts that are not known here."""


class TooDense(Exception):
    """The rule asks for more work than a calendar has use for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A parsed RRULE. `until` is the raw text: its meaning depends on DTSTART. Empty tuples mean "not given"."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: str | None = None
    wkst: int = 0
    byday: tuple[tuple[int, int], ...] = ()
    bymonth: tuple[int, ...] = ()
    bymonthday: tuple[int, ...] = ()
    byyearday: tuple[int, ...] = ()
    byweekno: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    byhour: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    bysecond: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def parse(text: str) -> Rule:
    """Read an RRULE value. Raises `BadRule`."""
    parts: dict[str, str] = {}
    for piece in text.strip().upper().strip(";").split(";"):
        name, equals, value = piece.partition("=")
        if not equals or not value.strip():
            raise BadRule("a part of the rule has no value")
        if name.strip() in parts:
            raise BadRule("a part of the rule is given twice")
        parts[name.strip()] = value.strip()
    freq = parts.pop("FREQ", "")
    if freq not in _FREQUENCIES:
        raise BadRule("the rule has no known frequency")
    wkst = parts.pop("WKST", "MO")
    if wkst not in _WEEKDAYS:
        raise BadRule("WKST is not a weekday")
    until, count = parts.pop("UNTIL", None), parts.pop("COUNT", None)
    interval = _number(parts.pop("INTERVAL", "1"), 1, 100_000)
    days = []
    for item in parts.pop("BYDAY", "").split(",") if "BYDAY" in parts else ():
        match = _BYDAY.match(item.strip())
        if match is None or (match[1] and int(match[1]) == 0):
            raise BadRule("BYDAY cannot be read")
        nth = int(match[1] or 0) if freq in ("YEARLY", "MONTHLY") else 0
        days.append((nth, _WEEKDAYS[match[2]]))
    lists = {}
    for name, (low, high, negative) in _RANGES.items():
        if name in parts:
            numbers = {_number(item, -high if negative else low, high) for item in parts.pop(name).split(",")}
            if negative and 0 in numbers:
                raise BadRule(f"{name} contains 0")
            lists[name.lower()] = tuple(sorted(numbers))
    if parts:
        raise BadRule(f"unknown part {next(iter(parts))[:20]}")
    return Rule(
        freq=freq,
        interval=interval,
        count=None if count is None else _number(count, 1, 10_000_000),
        until=until,
        wkst=_WEEKDAYS[wkst],
        byday=tuple(days),
        **lists,
    )


def _number(text: str, low: int, high: int) -> int:
    try:
        value = int(text.strip())
    except ValueError as error:
        raise BadRule("a number of the rule cannot be read") from error
    if not low <= value <= high:
        raise BadRule("a number of the rule is out of range")
    return value


def walls(rule: Rule, start: int, until: int | None, low: int, high: int) -> list[int]:
    """The rule's wall times t, ascending, with `low` <= t <= `high`, t >= `start` and t <= `until`.

    A wall time is what the clock shows, as seconds since 1970-01-01T00:00 on that clock. `start` is DTSTART; it
    counts for COUNT only if it matches the rule. Raises `TooDense`."""
    stop = high if until is None else min(high, until)
    first = start if rule.count is not None else max(start, low)
    if stop < first:
        return []
    if rule.count is not None and start < _GREGORIAN:
        raise TooDense
    found: list[int] = []
    source = _by_seconds if rule.freq in _UNITS else _by_days
    for group in source(rule, start, first, stop):
        found += group
        if len(found) > MAX_STEPS:
            raise TooDense
        if rule.count is not None and len(found) > rule.count and found[-rule.count] >= start:
            break
    if rule.count is not None:
        return [wall for wall in [item for item in found if item >= start][: rule.count] if low <= wall <= stop]
    return [wall for wall in found if first <= wall <= stop]


def _by_days(rule: Rule, start: int, first: int, stop: int) -> Iterator[list[int]]:
    times = _times(rule, start % DAY)
    origin, begin, end = (wall // DAY for wall in (start, first, stop))
    for days in _periods(_with_defaults(rule, origin), origin, begin, end):
        if len(days) * len(times) > MAX_STEPS:
            raise TooDense
        every = [day * DAY + time for day in days for time in times]
        if rule.bysetpos:
            places = (position - 1 if position > 0 else position for position in rule.bysetpos)
            every = sorted({every[place] for place in places if -len(every) <= place < len(every)})
        yield every


def _times(rule: Rule, start: int) -> list[int]:
    return sorted(
        {
            hour * 3600 + minute * 60 + min(second, 59)
            for hour in rule.byhour or (start // 3600,)
            for minute in rule.byminute or (start // 60 % 60,)
            for second in rule.bysecond or (start % 60,)
        }
    )


def _with_defaults(rule: Rule, start: int) -> Rule:
    """What DTSTART's day fills in where the rule says no day."""
    if rule.byday or rule.bymonthday or rule.byyearday or rule.byweekno or rule.freq == "DAILY":
        return rule
    moment = _date(start)
    if rule.freq == "WEEKLY":
        return replace(rule, byday=((0, moment.weekday()),))
    months = rule.bymonth or ((moment.month,) if rule.freq == "YEARLY" else ())
    return replace(rule, bymonth=months, bymonthday=(moment.day,))


def _periods(rule: Rule, start: int, first: int, last: int) -> Iterator[list[int]]:
    """The matching days of each period that touches the day numbers [first, last]."""
    step = rule.interval
    only_weekdays = not (rule.bymonth or rule.bymonthday or rule.byyearday or rule.byweekno)
    if rule.freq == "DAILY":
        days = range(start + -(-(first - start) // step) * step, last + 1, step)
        wanted = {weekday for _, weekday in rule.byday} or set(range(7))
        for day in days:
            if (day + _THURSDAY) % 7 in wanted and (only_weekdays or _passes(rule, day)):
                yield [day]
    elif rule.freq == "WEEKLY":
        origin = start - (start + _THURSDAY - rule.wkst) % 7
        begin = origin + max(0, (first - origin) // 7 // step) * step * 7
        offsets = sorted({(weekday - rule.wkst) % 7 for _, weekday in rule.byday}) or list(range(7))
        for week in range(begin, last + 1, 7 * step):
            yield [week + offset for offset in offsets if only_weekdays or _passes(rule, week + offset)]
    elif rule.freq == "MONTHLY":
        origin, begin, end = (_month_number(day) for day in (start, first, last))
        for month in range(begin + (origin - begin) % step, end + 1, step):
            yield _month_days(rule, *divmod(month, 12))
    else:
        origin, begin, end = (_date(day).year for day in (start, first, last))
        for year in range(begin + (origin - begin) % step, end + 1, step):
            yield _year_days(rule, year)


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def _day(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH


def _month_number(day: int) -> int:
    moment = _date(day)
    return moment.year * 12 + moment.month - 1


@lru_cache(maxsize=8192)
def _month_days(rule: Rule, year: int, month0: int) -> list[int]:
    begin = _day(year, month0 + 1, 1)
    return [day for day in range(begin, begin + calendar.monthrange(year, month0 + 1)[1]) if _passes(rule, day)]


@lru_cache(maxsize=2048)
def _year_days(rule: Rule, year: int) -> list[int]:
    begin = _day(year, 1, 1)
    return [day for day in range(begin, _day(year, 12, 31) + 1) if _passes(rule, day)]


def _passes(rule: Rule, day: int) -> bool:
    weekday = (day + _THURSDAY) % 7
    if rule.byday and not any(plain == weekday and (nth == 0 or _is_nth(rule, day, nth)) for nth, plain in rule.byday):
        return False
    if not (rule.bymonth or rule.bymonthday or rule.byyearday or rule.byweekno):
        return True
    moment = _date(day)
    if rule.bymonth and moment.month not in rule.bymonth:
        return False
    if rule.bymonthday:
        length = calendar.monthrange(moment.year, moment.month)[1]
        if moment.day not in rule.bymonthday and moment.day - length - 1 not in rule.bymonthday:
            return False
    if rule.byyearday:
        number = day - _day(moment.year, 1, 1) + 1
        length = 365 + calendar.isleap(moment.year)
        if number not in rule.byyearday and number - length - 1 not in rule.byyearday:
            return False
    return not rule.byweekno or _in_week(rule, day, moment.year)


def _is_nth(rule: Rule, day: int, nth: int) -> bool:
    moment = _date(day)
    if rule.freq == "MONTHLY" or rule.bymonth:
        before, after = moment.day - 1, calendar.monthrange(moment.year, moment.month)[1] - moment.day
    else:
        before = day - _day(moment.year, 1, 1)
        after = _day(moment.year, 12, 31) - day
    return nth == before // 7 + 1 if nth > 0 else -nth == after // 7 + 1


def _in_week(rule: Rule, day: int, year: int) -> bool:
    for week_year in (year - 1, year, year + 1):
        begin, end = _week_one(week_year, rule.wkst), _week_one(week_year + 1, rule.wkst)
        if begin <= day < end:
            number, total = (day - begin) // 7 + 1, (end - begin) // 7
            return number in rule.byweekno or number - total - 1 in rule.byweekno
    return False


def _week_one(year: int, wkst: int) -> int:
    """The first day of the week that has at least four days in `year`."""
    january = _day(year, 1, 1)
    back = (january + _THURSDAY - wkst) % 7
    return january - back if back <= 3 else january - back + 7


def _by_seconds(rule: Rule, start: int, first: int, stop: int) -> Iterator[list[int]]:
    if rule.bysetpos:
        raise BadRule("BYSETPOS below a day is not known here")
    step = _UNITS[rule.freq] * rule.interval
    minutes = rule.byminute if rule.freq == "HOURLY" else ()
    seconds = rule.bysecond if rule.freq != "SECONDLY" else ()
    begin = start + (first - start) // step * step
    if (stop - begin) // step > MAX_STEPS:
        raise TooDense
    for base in range(begin, stop + 1, step):
        hours = [base - base % 3600 + minute * 60 + base % 60 for minute in minutes] or [base]
        yield [
            wall
            for hour in hours
            for wall in [hour - hour % 60 + min(second, 59) for second in seconds] or [hour]
            if (not rule.byhour or wall // 3600 % 24 in rule.byhour)
            and (not rule.byminute or wall // 60 % 60 in rule.byminute)
            and (not rule.bysecond or wall % 60 in rule.bysecond)
            and _passes(rule, wall // DAY)
        ]
