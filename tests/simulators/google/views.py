"""Events as the API shows them: to their owner, to a reader, or as bare availability."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from tests.simulators.google.calendar import Calendar, Stored
from tests.simulators.google.errors import Json
from tests.simulators.google.recurrence import read_moment

_AVAILABILITY = (
    "kind",
    "etag",
    "id",
    "status",
    "start",
    "end",
    "recurringEventId",
    "originalStartTime",
    "transparency",
)


def show(
    stored: Stored,
    calendar: Calendar,
    email: str,
    *,
    availability: bool = False,
    zone: str | None = None,
    max_attendees: int | None = None,
    bare: bool = False,
) -> Json:
    """The event for `email`. `bare`: of a cancelled event only what is guaranteed. `availability`: when and whether it
    takes time, nothing else. That a declined event is left out there and a transparent one marked is an assumption."""
    data: Json = {"kind": "calendar#event", "etag": calendar.etag(stored), **stored.data}
    if stored.cancelled and (bare or availability or email != calendar.owner):
        return _zoned(_stub(data), calendar, zone)
    if availability:
        if declined(stored.data, calendar):
            return _stub(data)
        return _zoned({name: data[name] for name in _AVAILABILITY if name in data}, calendar, zone)
    data |= {"htmlLink": f"https://www.google.com/calendar/event?eid={_link(stored, calendar)}"}
    data.setdefault("sequence", 0)
    data.setdefault("eventType", "default")
    data.setdefault("reminders", {"useDefault": True})
    for name in ("creator", "organizer"):
        if isinstance(person := data.get(name), dict):
            data[name] = {**person, **({"self": True} if person.get("email") == calendar.id else {})}
    if guests := cast("list[Json] | None", data.get("attendees")):
        shown = [_guest(guest, calendar) for guest in guests]
        if max_attendees is not None and len(shown) > max_attendees:
            # The participant stays, whatever the limit.
            own = [guest for guest in shown if guest.get("self")]
            shown = (own + [guest for guest in shown if not guest.get("self")])[:max_attendees]
            data["attendeesOmitted"] = True
        data["attendees"] = shown
    if data.get("visibility") in ("private", "confidential") and calendar.roles.get(email) in (
        "reader",
        "writerWithoutPrivateAccess",
    ):
        data = {name: data[name] for name in (*_AVAILABILITY, "visibility", "iCalUID", "updated") if name in data}
    return _zoned({name: value for name, value in data.items() if value is not None}, calendar, zone)


def _stub(data: Mapping[str, object]) -> Json:
    kept = ("kind", "etag", "id", "recurringEventId", "originalStartTime")
    return {name: data[name] for name in kept if name in data} | {"status": "cancelled"}


def _guest(guest: Json, calendar: Calendar) -> Json:
    own = {"self": True} if str(guest.get("email", "")).lower() == calendar.id.lower() else {}
    return {"responseStatus": "needsAction", **guest, **own}


def declined(data: Mapping[str, object], calendar: Calendar) -> bool:
    return any(
        _guest(guest, calendar).get("self") and guest.get("responseStatus") == "declined"
        for guest in cast("list[Json]", data.get("attendees") or [])
    )


def busy(data: Mapping[str, object], calendar: Calendar) -> bool:
    """Whether free/busy counts it."""
    return (
        data.get("status") != "cancelled"
        and data.get("transparency") != "transparent"
        and data.get("eventType") not in ("workingLocation", "birthday")
        and not declined(data, calendar)
    )


def _zoned(data: Json, calendar: Calendar, zone: str | None) -> Json:
    """Times as offsets of the zone asked for, else of the calendar's; `timeZone` stays the event's."""
    shown = ZoneInfo(zone) if zone else calendar.owner_zone
    for name in ("start", "end", "originalStartTime"):
        if isinstance(value := data.get(name), dict):
            data[name] = read_moment(value, name, calendar.owner_zone).json(shown)
    return data


def _link(stored: Stored, calendar: Calendar) -> str:
    return base64.urlsafe_b64encode(f"{stored.data['id']} {calendar.id}".encode()).decode().rstrip("=")


def moment(value: datetime, zone: ZoneInfo) -> str:
    return value.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def stamp(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
