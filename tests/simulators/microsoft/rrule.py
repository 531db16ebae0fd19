"""Recurrence rules of RFC 5545 as patterns of Outlook, where there is one that names the same days."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from tests.simulators.microsoft import zones
from tests.simulators.microsoft.errors import Json
from tests.simulators.microsoft.recurrence import DAYS, INDEXES

_SHORT = {name[:2].upper(): name for name in DAYS}
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"})
_POSITIONS = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}
_SAFE_DAY = 28
"""Of a day that a month does not have, Outlook takes the last one, and RFC 5545 none."""
_MOST = 999


class Inexpressible(ValueError):
    """Graph has no way to say this."""


def recurrence_of(rule: str, first: datetime, zone: str) -> Json:
    """The patternedRecurrence of a rule whose series starts at `first` on the clock of `zone`. Raises Inexpressible."""
    parts = dict(part.upper().partition("=")[::2] for part in rule.split(";"))
    if unknown := set(parts) - _PARTS:
        raise Inexpressible(f"a rule with {min(unknown)}")
    pattern = _pattern(parts, first.date())
    pattern["interval"] = _number(parts.get("INTERVAL", "1"))
    span: Json = {"startDate": first.date().isoformat(), "recurrenceTimeZone": zone, "type": "noEnd"}
    if "COUNT" in parts:
        if _number(parts["COUNT"]) > _MOST:
            raise Inexpressible("more than 999 instances")
        span |= {"type": "numbered", "numberOfOccurrences": _number(parts["COUNT"])}
    if "UNTIL" in parts:
        last = _last_day(parts["UNTIL"], first, zone)
        if last < first.date():
            raise Inexpressible("a series that ends before it starts")
        span |= {"type": "endDate", "endDate": last.isoformat()}
    return {"pattern": pattern, "range": span}


def _number(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise Inexpressible(f"{text} is no number")
    return int(text)


def _pattern(parts: dict[str, str], first: date) -> Json:
    kind = parts.get("FREQ")
    week = _SHORT.get(parts.get("WKST", "MO"))
    if week is None:
        raise Inexpressible("a rule that cannot be read")
    days = [
        re.fullmatch(r"([+-]?\d+)?(MO|TU|WE|TH|FR|SA|SU)", each) for each in parts.get("BYDAY", "").split(",") if each
    ]
    found = [match for match in days if match is not None]
    if len(found) != len(days):
        raise Inexpressible("a rule that cannot be read")
    named = [(match[1], _SHORT[match[2]]) for match in found]
    if kind == "DAILY" and not set(parts) & {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"}:
        return {"type": "daily"}
    if kind == "WEEKLY" and not set(parts) & {"BYMONTHDAY", "BYMONTH", "BYSETPOS"}:
        if any(place for place, _ in named):
            raise Inexpressible("a rule that cannot be read")
        on = [name for _, name in named] or [DAYS[first.weekday()]]
        return {"type": "weekly", "daysOfWeek": on, "firstDayOfWeek": week}
    if kind == "MONTHLY" and "BYMONTH" not in parts:
        return _in_month(parts, named, first, "Monthly")
    if kind == "YEARLY":
        month = int(parts.get("BYMONTH", first.month)) if parts.get("BYMONTH", "1").isdigit() else 0
        if not 1 <= month <= 12 or (named and "BYMONTH" not in parts):
            raise Inexpressible("a rule over several months")
        return _in_month(parts, named, first, "Yearly") | {"month": month}
    raise Inexpressible("a rule that Outlook does not have")


def _in_month(parts: dict[str, str], named: list[tuple[str | None, str]], first: date, kind: str) -> Json:
    if not named:
        text = parts.get("BYMONTHDAY", str(first.day))
        if not text.isdigit() or not 1 <= int(text) <= _SAFE_DAY or "BYSETPOS" in parts:
            if not (kind == "Yearly" and text.isdigit() and (first.month, int(text)) != (2, 29) and int(text) <= 31):
                raise Inexpressible("a day that not every month has")
            if "BYSETPOS" in parts:
                raise Inexpressible("a rule that Outlook does not have")
        return {"type": f"absolute{kind}", "dayOfMonth": int(text)}
    if "BYMONTHDAY" in parts:
        raise Inexpressible("a rule that Outlook does not have")
    places = {place for place, _ in named}
    if "BYSETPOS" in parts and places == {None}:
        place = parts["BYSETPOS"]
    elif len(named) == 1 and named[0][0] and "BYSETPOS" not in parts:
        place = named[0][0].lstrip("+")
    else:
        raise Inexpressible("several days of a month")
    if place not in _POSITIONS:
        raise Inexpressible("a week that not every month has")
    assert _POSITIONS[place] in INDEXES
    return {"type": f"relative{kind}", "daysOfWeek": [name for _, name in named], "index": _POSITIONS[place]}


def _last_day(text: str, first: datetime, zone: str) -> date:
    """The last day on which an instance may begin. A day alone includes all of itself."""
    if "T" not in text:
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text.rstrip("Z"))
    if text.endswith("Z"):
        moment = moment.replace(tzinfo=UTC).astimezone(zones.known(zone)).replace(tzinfo=None)
    return moment.date() if moment.time() >= first.time() else moment.date() - timedelta(days=1)
