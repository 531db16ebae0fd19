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

from booking_app.sync.rule_text import UNITS, Rule
from booking_app.sync.work import OBJECT_STEPS, Work

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _EPOCH
_MOST_TIMES = 1_440
_THURSDAY = 3  # the weekday of day number 0

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
    stop = min(high, _LAST_DAY * DAY) if until is None else min(high, until)
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
    moment = _date(start)
    months = rule.bymonth or ((moment.month,) if rule.freq == "YEARLY" else ())
    return replace(rule, bymonth=months, bymonthday=frozenset({moment.day}))


def _week(rule: Rule, start: int) -> list[int]:
    """The days of the rule in the week of DTSTART."""
    weekdays = {weekday for _, weekday in rule.byday} or {(start + _THURSDAY) % 7}
    return sorted(_week_start(rule, start) + (weekday - rule.wkst) % 7 for weekday in weekdays)


def _week_start(rule: Rule, day: int) -> int:
    return day - (day + _THURSDAY - rule.wkst) % 7


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
            yield [day for day in some if (day + _THURSDAY) % 7 in wanted and (only_weekdays or _passes(rule, day))]
    elif rule.freq == "WEEKLY":
        days, origin = _week(rule, start), _week_start(rule, start)
        skipped = max(0, (first - origin) // 7 // step) * step * 7
        for ahead in range(skipped, last - origin + 1, 7 * step):
            work.spend()
            yield [day + ahead for day in days if only_weekdays or _passes(rule, day + ahead)]
    elif rule.freq == "MONTHLY":
        shapes, looked_at = _shapes(rule), set[_Shape]()
        origin, begin, end = (_month_number(day) for day in (start, first, last))
        if rule.skip == "FORWARD":
            begin -= 1
        for month in range(begin + (origin - begin) % step, end + 1, step):
            yield _month_days(rule, *divmod(month, 12), shapes, looked_at, work)
    else:
        shapes, looked_at = _shapes(rule), set[_Shape]()
        origin, begin, end = (_date(day).year for day in (start, first, last))
        for year in range(begin + (origin - begin) % step, end + 1, step):
            yield _year_days(rule, year, shapes, looked_at, work)


@lru_cache(maxsize=512)
def _shapes(rule: Rule) -> _Shapes:  # noqa: ARG001
    """Where the days of a rule lie in months or years of a shape, filled as they are met; at most some hundred."""
    return {}


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def _day(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH


def _month_number(day: int) -> int:
    moment = _date(day)
    return moment.year * 12 + moment.month - 1


def _month_days(rule: Rule, year: int, month0: int, shapes: _Shapes, looked_at: set[_Shape], work: Work) -> list[int]:
    if year < 1 or (rule.bymonth and month0 + 1 not in rule.bymonth):
        work.spend()
        return []
    begin = _day(year, month0 + 1, 1)
    shape: _Shape = calendar.monthrange(year, month0 + 1)
    if rule.byyearday or rule.byweekno:
        shape = (*_year_shape(year), month0)
    if shape not in looked_at:
        looked_at.add(shape)
        work.spend(31)
    if shape not in shapes:
        shapes[shape] = tuple(day - begin for day in _days_of_month(rule, year, month0 + 1))
    return [begin + offset for offset in shapes[shape]]


def _year_days(rule: Rule, year: int, shapes: _Shapes, looked_at: set[_Shape], work: Work) -> list[int]:
    begin, shape = _day(year, 1, 1), _year_shape(year)
    if shape not in looked_at:
        looked_at.add(shape)
        work.spend(31 * len(rule.bymonth or range(12)))
    if shape not in shapes:
        days = [day for month in rule.bymonth or range(1, 13) for day in _days_of_month(rule, year, month)]
        shapes[shape] = tuple(sorted({day - begin for day in days}))
    return [begin + offset for offset in shapes[shape]]


def _year_shape(year: int) -> _Shape:
    """What decides on which days of a year weekdays, months and numbered weeks fall."""
    return calendar.isleap(year - 1), calendar.isleap(year), date(year, 1, 1).weekday()


def _days_of_month(rule: Rule, year: int, month: int) -> list[int]:
    """The days that pass; one that the month does not have is made up for as RFC 7529 section 4.1 says."""
    begin, length = _day(year, month, 1), calendar.monthrange(year, month)[1]
    found = [day for day in range(begin, begin + length) if _passes(rule, day)]
    if rule.skip == "OMIT" or not any(number > length for number in rule.bymonthday):
        return found
    instead = begin + length - (rule.skip == "BACKWARD")
    days_only = replace(rule, bymonth=(), bymonthday=frozenset())
    return sorted({*found, instead}) if instead <= _LAST_DAY and _passes(days_only, instead) else found


def _passes(rule: Rule, day: int) -> bool:
    weekday = (day + _THURSDAY) % 7
    if rule.byday and (0, weekday) not in rule.byday and rule.byday.isdisjoint(_numbered(rule, day, weekday)):
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


def _numbered(rule: Rule, day: int, weekday: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Which of its weekday the day is within its month or year, counted from the front and from the back."""
    moment = _date(day)
    if rule.freq == "MONTHLY" or rule.bymonth:
        before, after = moment.day - 1, calendar.monthrange(moment.year, moment.month)[1] - moment.day
    else:
        before = day - _day(moment.year, 1, 1)
        after = _day(moment.year, 12, 31) - day
    return (before // 7 + 1, weekday), (-(after // 7 + 1), weekday)


def _in_week(rule: Rule, day: int, year: int) -> bool:
    for week_year in (year - 1, year, year + 1):
        begin, end = _week_one(week_year, rule.wkst), _week_one(week_year + 1, rule.wkst)
        if begin <= day < end:
            number, total = (day - begin) // 7 + 1, (end - begin) // 7
            return number in rule.byweekno or number - total - 1 in rule.byweekno
    return False


def _week_one(year: int, wkst: int) -> int:
    """The first day of the week that has at least four days in `year`."""
    january = _day(min(max(year, 1), 9999), 1, 1)
    back = (january + _THURSDAY - wkst) % 7
    return january - back if back <= 3 else january - back + 7


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
    if not _passes(rule, wall // DAY):
        return (wall // DAY + 1) * DAY
    if rule.byhour and wall // 3600 % 24 not in rule.byhour:
        return (wall // 3600 + 1) * 3600
    if unit < 3600 and rule.byminute and wall // 60 % 60 not in rule.byminute:
        return (wall // 60 + 1) * 60
    return wall + 1 if unit == 1 and rule.bysecond and wall % 60 not in rule.bysecond else None
