"""What Google accepts as an event. Source: the reference of `events` and "Extended properties"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from tests.simulators.google.calendar import Calendar
from tests.simulators.google.errors import ApiError, Json, invalid, required
from tests.simulators.google.recurrence import check_times

READ_ONLY = frozenset(
    {
        *("kind", "etag", "htmlLink", "created", "updated", "creator", "organizer", "recurringEventId"),
        *("originalStartTime", "attendeesOmitted", "hangoutLink", "privateCopy", "locked", "endTimeUnspecified"),
    }
)
"""Fields that a writer may send back and that are not taken from there."""
_ID = re.compile(r"[0-9a-v]{5,1024}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_KEY, _VALUE, _COUNT, _BYTES = 44, 1024, 300, 32 * 1024


def check_id(event_id: str) -> None:
    if not _ID.fullmatch(event_id):
        raise invalid("Invalid resource id value.")


def check_event(data: Mapping[str, object], calendar: Calendar) -> None:
    """Raises ApiError for an event that Google does not store."""
    if data.get("status") == "cancelled" and not data.get("start"):
        return
    check_times(data, calendar.owner_zone)
    for guest in cast("list[Mapping[str, object]]", data.get("attendees") or []):
        if not guest.get("email"):
            raise required("Missing attendee email.")
        if not _MAIL.fullmatch(str(guest["email"])):
            raise invalid("Invalid attendee email.")
    kind = data.get("eventType", "default")
    all_day = "date" in cast("Json", data.get("start") or {})
    if kind in ("outOfOffice", "focusTime") and all_day:
        raise invalid("Out of office and focus time events must be timed.")
    if kind in ("outOfOffice", "focusTime", "workingLocation", "birthday") and not calendar.primary:
        raise ApiError(400, "eventTypeRestriction", "This event type is only allowed on primary calendars.")
    if kind == "birthday" and not all_day:
        raise invalid("A birthday event must be an all-day event.")
    if kind == "workingLocation" and not data.get("workingLocationProperties"):
        raise required("Missing working location properties.")


def writable(body: Json) -> Json:
    """What is taken from a request: nothing read-only, extended properties within their limits."""
    data = {name: value for name, value in body.items() if name not in READ_ONLY}
    extended = cast("dict[str, dict[str, str]] | None", data.get("extendedProperties"))
    if extended is not None:
        data["extendedProperties"] = {kind: _limited(values) for kind, values in extended.items()}
        pairs = [pair for values in extended.values() for pair in (values or {}).items()]
        size = sum(len(f"{key}{value}".encode()) for key, value in pairs)
        if len(pairs) > _COUNT or size > _BYTES:
            raise invalid("Too many extended properties.")
    return data


def _limited(values: Mapping[str, str | None]) -> dict[str, str | None]:
    # Long keys are dropped and long values cut without a word.
    return {key: value and value[:_VALUE] for key, value in (values or {}).items() if len(key) <= _KEY}


def merge(old: Json, patch: Mapping[str, object]) -> Json:
    """PATCH semantics: null removes, objects merge, arrays replace."""
    found = dict(old)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict) and isinstance(found.get(name), dict) and name not in ("start", "end"):
            found[name] = merge(cast("Json", found[name]), value)
        elif isinstance(value, dict) and name in ("start", "end"):
            found[name] = _moment(cast("Json", found.get(name) or {}), value)
        else:
            found[name] = value
    return found


def _moment(old: Json, patch: Json) -> Json:
    found = {name: value for name, value in (old | patch).items() if value is not None}
    if "date" in found and "dateTime" in found:  # the kind changes only if the other one is set to null
        raise invalid("Start and end times must either both be date or both be dateTime.")
    return found
