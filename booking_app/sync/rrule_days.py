"""Which days pass the filters of a recurrence rule (RFC 5545 section 3.3.10). Days are numbered from 1970-01-01 on."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date

from booking_app.sync.rule_text import Rule

_EPOCH = date(1970, 1, 1).toordinal()
LAST_DAY = date.max.toordinal() - _EPOCH
THURSDAY = 3
"""The weekday of day number 0, from Monday on."""


def date_of(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def day_of(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH


def days_of_month(rule: Rule, year: int, month: int) -> list[int]:
    """The days that pass; one that the month does not have is made up for as RFC 7529 section 4.1 says."""
    begin, length = day_of(year, month, 1), calendar.monthrange(year, month)[1]
    found = [day for day in range(begin, begin + length) if passes(rule, day)]
    if rule.skip == "OMIT" or not any(number > length for number in rule.bymonthday):
        return found
    instead = begin + length - (rule.skip == "BACKWARD")
    days_only = replace(rule, bymonth=(), bymonthday=frozenset())
    return sorted({*found, instead}) if instead <= LAST_DAY and passes(days_only, instead) else found


def passes(rule: Rule, day: int) -> bool:
    """Whether every filter by day lets it pass; BYSETPOS is none."""
    weekday = (day + THURSDAY) % 7
    if rule.byday and (0, weekday) not in rule.byday and rule.byday.isdisjoint(_numbered(rule, day, weekday)):
        return False
    if not (rule.bymonth or rule.bymonthday or rule.byyearday or rule.byweekno):
        return True
    moment = date_of(day)
    if rule.bymonth and moment.month not in rule.bymonth:
        return False
    if rule.bymonthday:
        length = calendar.monthrange(moment.year, moment.month)[1]
        if moment.day not in rule.bymonthday and moment.day - length - 1 not in rule.bymonthday:
            return False
    if rule.byyearday:
        number = day - day_of(moment.year, 1, 1) + 1
        length = 365 + calendar.isleap(moment.year)
        if number not in rule.byyearday and number - length - 1 not in rule.byyearday:
            return False
    return not rule.byweekno or _in_week(rule, day, moment.year)


def _numbered(rule: Rule, day: int, weekday: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Which of its weekday the day is within its month or year, counted from the front and from the back."""
    moment = date_of(day)
    if rule.freq == "MONTHLY" or rule.bymonth:
        before, after = moment.day - 1, calendar.monthrange(moment.year, moment.month)[1] - moment.day
    else:
        before = day - day_of(moment.year, 1, 1)
        after = day_of(moment.year, 12, 31) - day
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
    january = day_of(min(max(year, 1), 9999), 1, 1)
    back = (january + THURSDAY - wkst) % 7
    return january - back if back <= 3 else january - back + 7
