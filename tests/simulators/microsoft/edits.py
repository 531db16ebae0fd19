"""What becomes of an event's properties when somebody writes them: checked, completed, stored."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import cast

from tests.simulators.microsoft import recurrence, zones
from tests.simulators.microsoft.errors import GraphError, Json, failed_validation, invalid
from tests.simulators.microsoft.mailbox import Exception_, Instance, Item

_PROPERTY = re.compile(
    r"(String|Integer|Boolean|SystemTime|Double|CLSID|Binary) "
    r"(\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\} (Name \S.*|Id 0x[0-9a-fA-F]+)|0x[0-9a-fA-F]+)"
)
_LONGEST = timedelta(days=5 * 366)
_NESTED = ("singleValueExtendedProperties", "multiValueExtendedProperties", "attachments", "extensions", "calendar")
_DEFAULTS: Json = {"firstDayOfWeek": "sunday", "index": "first", "month": 0, "dayOfMonth": 0}


def complete(given: Mapping[str, object], before: Json, *, series: bool) -> Json:
    """The stored properties after `given` was written over `before`. Raises GraphError 400."""
    data = dict(before)
    for name, value in given.items():
        if name in _NESTED or name.startswith("@"):
            continue
        if value is None and name not in ("start", "end", "recurrence"):
            data.pop(name, None)
        else:
            data[name] = value
    for name in ("start", "end"):
        if name in given or name not in data:
            moment, zone = zones.read(given.get(name))
            data[name] = zones.stored(moment, zone)
            if name in given:
                data[f"original{name.title()}TimeZone"] = given.get(f"original{name.title()}TimeZone") or zone
    _check_times(data)
    data["subject"] = data.get("subject") or ""
    if "body" in given:
        body = cast("Json", given["body"] or {})
        data["body"] = {"contentType": body.get("contentType") or "text", "content": body.get("content") or ""}
    if "location" in given:
        data["location"] = _location(cast("Json", given["location"] or {}))
        data["locations"] = [data["location"]] if cast("Json", data["location"])["displayName"] else []
    if series and data.get("recurrence") is not None:
        start = cast("Json", data["start"])
        data["recurrence"] = _recurrence(cast("Json", data["recurrence"]), start)
    elif not series and given.get("recurrence") is not None:
        raise failed_validation("An occurrence cannot recur.")
    return data


def _check_times(data: Json) -> None:
    start, end = cast("Json", data["start"]), cast("Json", data["end"])
    length = zones.instant(end) - zones.instant(start)
    if length < timedelta():
        raise failed_validation("The end of the event is earlier than its start.")
    if length > _LONGEST:
        raise invalid("The duration of the event is too long.", "ErrorCalendarDurationIsTooLong")
    if data.get("isAllDay"):
        first, last = (datetime.fromisoformat(str(each["dateTime"])) for each in (start, end))
        if first.time() != time() or last.time() != time() or start["timeZone"] != end["timeZone"] or first == last:
            raise invalid(
                "The Event.Start and Event.End of an all-day event need to be set to midnight, in the same zone.",
                "ErrorInvalidRequest",
            )


def _location(given: Json) -> Json:
    name = given.get("displayName") or ""
    return {"locationType": "default", "uniqueId": name, "uniqueIdType": "private", **given, "displayName": name}


def _recurrence(given: Json, start: Json) -> Json:
    recurrence.check(given, datetime.fromisoformat(str(start["dateTime"])).date())
    pattern, span = cast("Json", given["pattern"]), cast("Json", given["range"])
    blank: Json = {"endDate": "0001-01-01", "numberOfOccurrences": 0, "recurrenceTimeZone": start["timeZone"]}
    return {"pattern": _DEFAULTS | pattern, "range": blank | {name: it for name, it in span.items() if it is not None}}


def marks(given: Mapping[str, object]) -> dict[str, str]:
    """The extended properties in a body. Raises GraphError 400."""
    found = {}
    for each in cast("list[Json]", given.get("singleValueExtendedProperties") or []):
        name, value = each.get("id"), each.get("value")
        check_property(str(name))
        if not isinstance(value, str):
            raise invalid("The value of an extended property is required.", "ErrorInvalidRequest")
        found[str(name)] = value
    for name in ("multiValueExtendedProperties", "attachments", "extensions"):
        if given.get(name):
            raise GraphError(501, "NotImplemented", f"{name} are not simulated.")
    return found


def check_property(name: str) -> None:
    """Raises GraphError 400 for what cannot name an extended property."""
    if not _PROPERTY.fullmatch(name):
        raise invalid(f"The property id '{name}' is invalid.", "ErrorInvalidProperty")


def write(instance: Instance, given: Mapping[str, object]) -> None:
    """Write over an item or one of its occurrences, which then is an exception. Raises GraphError 400."""
    item = instance.item
    kept = dict(instance.marks) | marks(given)
    data = complete(given, instance.data, series=not instance.day)
    if instance.day:
        _check_neighbours(item, instance.day, data)
        other = {name: value for name, value in data.items() if item.data.get(name) != value}
        other.pop("recurrence", None)
        version = item.calendar.touch(instance.ref)
        item.exceptions[instance.day] = Exception_(data=other, marks=kept, version=version)
    else:
        placed = {name for name in ("start", "end", "recurrence") if item.data.get(name) != data.get(name)}
        if placed and item.is_series:  # a new pattern forgets what was said about the old one's days
            item.exceptions.clear()
            item.cancelled.clear()
        item.data, item.marks = data, kept
        item.version = item.calendar.touch(instance.ref)
    item.changed = item.calendar.mailbox.now()


def _check_neighbours(item: Item, day: str, data: Json) -> None:
    """An occurrence stays between the days of its neighbours. Raises GraphError 400."""
    days, position = list(_until_after(item, day)), 0
    if day not in days:
        return
    position = days.index(day)
    name = str(item.times()[2])
    begins = zones.instant(cast("Json", data["start"])).astimezone(zones.known(name)).date().isoformat()
    living = [each for each in days if each not in item.cancelled]
    before = [each for each in living if each < days[position]]
    after = [each for each in living if each > days[position]]
    if (before and begins <= _day_of(item, before[-1])) or (after and begins >= _day_of(item, after[0])):
        raise invalid(
            "Modified occurrence is crossing or overlapping adjacent occurrence.", "ErrorOccurrenceCrossingBoundary"
        )


def _until_after(item: Item, day: str) -> list[str]:
    found = []
    for each in item.days():
        found.append(each)
        if each > day and each not in item.cancelled:
            break
    return found


def _day_of(item: Item, day: str) -> str:
    return str(cast("Json", item.instance(day).data["start"])["dateTime"])[:10]


def change_key(key: str, version: int) -> str:
    raw = f"{key[:12]}{version:08d}".encode()
    return base64.b64encode(b"\x0f\x00\x00\x00" + raw).decode()
