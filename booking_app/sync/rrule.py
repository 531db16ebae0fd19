"""Recurrence rules (RFC 5545 section 3.3.10, RFC 7529) to wall times, by arithmetic on day numbers.

Each period (year, month, week, day) is a set of days that pass the rule's filters; only periods that touch the asked
span are looked at, so a rule that began decades ago costs nothing, and one that can never match ends. Years and months
of one shape have the same days, which are looked for once. The result equals python-dateutil's, which the tests check
over random rules.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache

from booking_app.sync.rrule_days import LAST_DAY, THURSDAY, date_of, day_of, days_of_month, passes
from booking_app.sync.rule_text import UNITS, Rule
from booking_app.sync.work import OBJECT_STEPS, Work

DAY = 86_400
_MOST_TIMES = 1_440

_Shape = tuple[int, ...]
_Shapes = dict[_Shape, tuple[int, ...]]


def walls(rule: Rule, start: int, until: int | None, low: int, high: int, work: Work | None = None) -> list[int]:
    """The rule's wall times t, ascending, with `low` <= t <= `high`, t >= `start` and t <= `until`.

    A wall time is what the clock shows, as seconds since 1970-01-01T00:00 on that clock. `start` is DTSTART; it
    counts for COUNT only if it matches the rule. Raises `TooDense` if it takes more work than there is."""
    work = work or Work(OBJECT_STEPS)
    work.spend(_times_of_day(rule))
    until = end(rule, start, until)
    counts = rule.count is not None and _regular(rule, start) is None
    stop = min(high, LAST_DAY * DAY) if until is None else min(high, until)
    first = start if counts else max(start, low)
    if stop < first:
        return []
    found: list[int] = []
    counted = 0
    for group in (_by_seconds if rule.freq in UNITS else _by_days)(rule, start, first, stop, work):
        if found and group and group[0] <= found[-1]:
            # The day that stands for the last one of a month may be the next month's own.
            group = [wall for wall in group if wall > found[-1]]
        work.spend(len(group))
        if counts and rule.count is not None:
            group = [wall for wall in group if wall >= start][: rule.count - counted]
            counted += len(group)
            found += [wall for wall in group if wall >= low]
            if counted >= rule.count:
                break
        else:
            found += group
    return [wall for wall in found if first <= wall <= stop and wall >= low]


def end(rule: Rule, start: int, until: int | None) -> int | None:
    """The wall time of the last occurrence at most, as far as it can be told without looking at each; None if the rule
    goes on for ever. `until` is that of the rule on the clock of DTSTART."""
    bounds = [until] if until is not None else []
    if rule.lasts is not None:
        bounds.append(start + rule.lasts * DAY)
    if rule.count is not None and (regular := _regular(rule, start)) is not None:
        every, period = regular
        periods, place = divmod(rule.count - 1 + bisect_left(every, start), len(every))
        bounds.append(every[place] + periods * period)
    return min(bounds, default=None)


def _regular(rule: Rule, start: int) -> tuple[list[int], int] | None:
    """The wall times of the first period and the seconds to the next, of a rule whose periods are all alike."""
    if rule.bymonth or rule.bymonthday or rule.byyearday or rule.byweekno or _times_of_day(rule) > _MOST_TIMES:
        return None
    if rule.freq in UNITS:
        plain = not (rule.byday or rule.byhour or rule.byminute or rule.bysecond or rule.bysetpos)
        return ([start], UNITS[rule.freq] * rule.interval) if plain else None
    if rule.freq not in ("WEEKLY", "DAILY") or (rule.freq == "DAILY" and rule.byday and rule.interval > 1):
        return None
    times, day = _times(rule, start % DAY), start // DAY
    weekly = rule.freq == "WEEKLY" or (bool(rule.byday) and not rule.bysetpos)
    if not weekly and rule.byday:
        return None
    every = _placed(rule, [each * DAY + time for each in (_week(rule, day) if weekly else [day]) for time in times])
    return (every, (7 if weekly else 1) * rule.interval * DAY) if every else None


def _by_days(rule: Rule, start: int, first: int, stop: int, work: Work) -> Iterator[list[int]]:
    times = _times(rule, start % DAY)
    origin, begin, end = (wall // DAY for wall in (start, first, stop))
    for days in _periods(_with_defaults(rule, origin), origin, begin, end, work):
        if len(times) > 1:
            work.spend(len(days) * len(times))
        yield _placed(rule, [day * DAY + time for day in days for time in times])


def _placed(rule: Rule, every: list[int]) -> list[int]:
    """Those of a period that BYSETPOS asks for."""
    if not rule.bysetpos:
        return every
    places = (position - 1 if position > 0 else position for position in rule.bysetpos)
    return sorted({every[place] for place in places if -len(every) <= place < len(every)})


def _times_of_day(rule: Rule) -> int:
    return max(1, len(rule.byhour)) * max(1, len(rule.byminute)) * max(1, len(rule.bysecond))


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
    if rule.byday or rule.bymonthday or rule.byyearday or rule.byweekno or rule.freq in ("DAILY", "WEEKLY"):
        return rule
    moment = date_of(start)
    months = rule.bymonth or ((moment.month,) if rule.freq == "YEARLY" else ())
    return replace(rule, bymonth=months, bymonthday=frozenset({moment.day}))


def _week(rule: Rule, start: int) -> list[int]:
    """The days of the rule in the week of DTSTART."""
    weekdays = {weekday for _, weekday in rule.byday} or {(start + THURSDAY) % 7}
    return sorted(_week_start(rule, start) + (weekday - rule.wkst) % 7 for weekday in weekdays)


def _week_start(rule: Rule, day: int) -> int:
    return day - (day + THURSDAY - rule.wkst) % 7


def _periods(rule: Rule, start: int, first: int, last: int, work: Work) -> Iterator[list[int]]:
    """The matching days of each period that touches the day numbers [first, last]."""
    step = rule.interval
    only_weekdays = not (rule.bymonth or rule.bymonthday or rule.byyearday or rule.byweekno)
    if rule.freq == "DAILY":
        wanted = {weekday for _, weekday in rule.byday} or set(range(7))
        every = range(start + -(-(first - start) // step) * step, last + 1, step)
        together = 1 if rule.bysetpos else 100
        for number in range(0, len(every), together):
            some = every[number : number + together]
            work.spend(len(some))
            yield [day for day in some if (day + THURSDAY) % 7 in wanted and (only_weekdays or passes(rule, day))]
    elif rule.freq == "WEEKLY":
        days, origin = _week(rule, start), _week_start(rule, start)
        skipped = max(0, (first - origin) // 7 // step) * step * 7
        for ahead in range(skipped, last - origin + 1, 7 * step):
            work.spend()
            yield [day + ahead for day in days if only_weekdays or passes(rule, day + ahead)]
    elif rule.freq == "MONTHLY":
        shapes, looked_at = _shapes(rule), set[_Shape]()
        origin, begin, end = (_month_number(day) for day in (start, first, last))
        if rule.skip == "FORWARD":
            begin -= 1
        for month in range(begin + (origin - begin) % step, end + 1, step):
            yield _month_days(rule, *divmod(month, 12), shapes, looked_at, work)
    else:
        shapes, looked_at = _shapes(rule), set[_Shape]()
        origin, begin, end = (date_of(day).year for day in (start, first, last))
        for year in range(begin + (origin - begin) % step, end + 1, step):
            yield _year_days(rule, year, shapes, looked_at, work)


@lru_cache(maxsize=512)
def _shapes(rule: Rule) -> _Shapes:  # noqa: ARG001
    """Where the days of a rule lie in months or years of a shape, filled as they are met; at most some hundred."""
    return {}


def _month_number(day: int) -> int:
    moment = date_of(day)
    return moment.year * 12 + moment.month - 1


def _month_days(rule: Rule, year: int, month0: int, shapes: _Shapes, looked_at: set[_Shape], work: Work) -> list[int]:
    if year < 1 or (rule.bymonth and month0 + 1 not in rule.bymonth):
        work.spend()
        return []
    begin = day_of(year, month0 + 1, 1)
    shape: _Shape = calendar.monthrange(year, month0 + 1)
    if rule.byyearday or rule.byweekno:
        shape = (*_year_shape(year), month0)
    if shape not in looked_at:
        looked_at.add(shape)
        work.spend(31)
    if shape not in shapes:
        shapes[shape] = tuple(day - begin for day in days_of_month(rule, year, month0 + 1))
    return [begin + offset for offset in shapes[shape]]


def _year_days(rule: Rule, year: int, shapes: _Shapes, looked_at: set[_Shape], work: Work) -> list[int]:
    begin, shape = day_of(year, 1, 1), _year_shape(year)
    if shape not in looked_at:
        looked_at.add(shape)
        work.spend(31 * len(rule.bymonth or range(12)))
    if shape not in shapes:
        days = [day for month in rule.bymonth or range(1, 13) for day in days_of_month(rule, year, month)]
        shapes[shape] = tuple(sorted({day - begin for day in days}))
    return [begin + offset for offset in shapes[shape]]


def _year_shape(year: int) -> _Shape:
    """What decides on which days of a year weekdays, months and numbered weeks fall."""
    return calendar.isleap(year - 1), calendar.isleap(year), date(year, 1, 1).weekday()


def _by_seconds(rule: Rule, start: int, first: int, stop: int, work: Work) -> Iterator[list[int]]:
    """Whatever a filter excludes is jumped over: a rule for one minute of one day a year is a step a day."""
    unit = UNITS[rule.freq]
    step = unit * rule.interval
    minutes = rule.byminute if unit == 3600 else ()
    seconds = rule.bysecond if unit > 1 else ()
    base = start + (first - start) // step * step
    while base <= stop:
        work.spend()
        jump = _excluded_until(rule, base, unit)
        if jump is not None:
            base += -(-(jump - base) // step) * step
            continue
        hours = [base - base % 3600 + minute * 60 + base % 60 for minute in minutes] or [base]
        group = [
            wall for hour in hours for wall in [hour - hour % 60 + min(second, 59) for second in seconds] or [hour]
        ]
        yield _placed(rule, group)
        base += step


def _excluded_until(rule: Rule, wall: int, unit: int) -> int | None:
    """The end of the day, hour, minute or second that a filter excludes and `wall` lies in; None if none does."""
    if not passes(rule, wall // DAY):
        return (wall // DAY + 1) * DAY
    if rule.byhour and wall // 3600 % 24 not in rule.byhour:
        return (wall // 3600 + 1) * 3600
    if unit < 3600 and rule.byminute and wall // 60 % 60 not in rule.byminute:
        return (wall // 60 + 1) * 60
    return wall + 1 if unit == 1 and rule.bysecond and wall % 60 not in rule.bysecond else None
