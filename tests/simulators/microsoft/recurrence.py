"""Patterns and ranges to dates ("patternedRecurrence resource type"), and Graph's ways of writing a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from dateutil import rrule
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tests.simulators.microsoft.errors import Json, bad

_DAYS = {
    "monday": rrule.MO,
    "tuesday": rrule.TU,
    "wednesday": rrule.WE,
    "thursday": rrule.TH,
    "friday": rrule.FR,
    "saturday": rrule.SA,
    "sunday": rrule.SU,
}
_INDEX = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_ZONES = available_timezones()
NO_END = timedelta(days=5 * 366)
"""How far endless series are expanded."""


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of a Windows or IANA name; None for one that nobody knows (`tzone://Microsoft/Custom`)."""
    known = WINDOWS_TO_OLSON.get(name, name)
    if known.upper() in ("UTC", "TZONE://MICROSOFT/UTC"):
        return ZoneInfo("UTC")
    return ZoneInfo(known) if known in _ZONES else None


def wall(value: object, name: str) -> tuple[datetime, str]:
    """The wall time and zone name of a dateTimeTimeZone. Raises GraphError 400."""
    if not isinstance(value, dict) or set(value) - {"dateTime", "timeZone"}:
        raise bad(f"{name} is not a dateTimeTimeZone", "RequestBodyRead")
    try:
        moment = datetime.fromisoformat(str(value["dateTime"]))
    except (KeyError, ValueError):
        raise bad(f"{name}.dateTime cannot be read", "ErrorInvalidRequest") from None
    zone = str(value.get("timeZone") or "UTC")
    if moment.tzinfo is not None:
        moment, zone = moment.astimezone(UTC).replace(tzinfo=None), "UTC"
    if zone_named(zone) is None and "Custom" not in zone:
        raise bad(
            f"A valid TimeZone value must be specified. The following value is not supported: {zone}",
            "TimeZoneNotSupportedException",
        )
    return moment, zone


def instant(moment: datetime, zone: str) -> datetime:
    """UTC; a zone that nobody knows counts as UTC here."""
    return moment.replace(tzinfo=zone_named(zone) or ZoneInfo("UTC")).astimezone(UTC)


def written(moment: datetime) -> Json:
    """As `Prefer: outlook.timezone="UTC"` has it."""
    return {"dateTime": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def dates(recurrence: Json, start: datetime) -> Iterator[date]:
    """The dates of a series whose first occurrence is at the wall time `start`. Raises GraphError 400."""
    pattern, extent = cast("dict[str, Any]", recurrence.get("pattern")), cast("dict[str, Any]", recurrence.get("range"))
    if not isinstance(pattern, dict) or not isinstance(extent, dict):
        raise bad("recurrence needs a pattern and a range", "ErrorInvalidRequest")
    values: dict[str, Any] = {"interval": int(pattern.get("interval", 1)), "dtstart": start}
    kind = pattern.get("type")
    days = [_DAYS[each] for each in pattern.get("daysOfWeek", [])]
    if kind == "daily":
        values["freq"] = rrule.DAILY
    elif kind == "weekly":
        values |= {"freq": rrule.WEEKLY, "byweekday": days, "wkst": _DAYS[pattern.get("firstDayOfWeek", "sunday")]}
    elif kind in ("absoluteMonthly", "absoluteYearly"):
        values |= {"freq": rrule.MONTHLY if kind == "absoluteMonthly" else rrule.YEARLY}
        values["bymonthday"] = pattern["dayOfMonth"]
        if kind == "absoluteYearly":
            values["bymonth"] = pattern["month"]
    elif kind in ("relativeMonthly", "relativeYearly"):
        values |= {"freq": rrule.MONTHLY if kind == "relativeMonthly" else rrule.YEARLY, "byweekday": days}
        values["bysetpos"] = _INDEX[pattern.get("index", "first")]
        if kind == "relativeYearly":
            values["bymonth"] = pattern["month"]
    else:
        raise bad(f"unknown pattern {kind}", "ErrorInvalidRequest")
    ends = extent.get("type")
    if ends == "numbered":
        values["count"] = int(extent["numberOfOccurrences"])
    elif ends == "endDate":
        values["until"] = datetime.combine(date.fromisoformat(extent["endDate"]), start.time())
    elif ends == "noEnd":
        values["until"] = start + NO_END
    else:
        raise bad(f"unknown range {ends}", "ErrorInvalidRequest")
    for moment in rrule.rrule(**values):  # type: ignore[no-untyped-call]
        yield moment.date()
