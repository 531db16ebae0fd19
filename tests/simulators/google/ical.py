"""iCalendar texts as the events that Google makes of them, for tests that speak iCalendar to every provider."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Calendar, Event
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tests.simulators.google.errors import Json

_ZONES = available_timezones()
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative", "NEEDS-ACTION": "needsAction"}
_DAILY = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


class Inexpressible(ValueError):
    """Google's API has no way to say this."""


def from_ical(text: str, *, event_id: str, zone: str) -> list[Json]:
    """The event (or series) with id `event_id` and its exceptions. `zone` is the calendar's: floating times are in it.
    A text with exceptions alone gives those: the owner was invited to single instances of a series they do not have.

    Raises Inexpressible for zones, rules and times that Google does not store.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # guesses at zone names; those we make ourselves
            events = [item for item in Calendar.from_ical(text).walk("VEVENT") if isinstance(item, Event)]
            return _events(events, event_id, zone)
    except ValueError as error:
        raise Inexpressible(str(error)) from None


def _events(events: list[Event], event_id: str, zone: str) -> list[Json]:
    masters = [item for item in events if "RECURRENCE-ID" not in item]
    if len(masters) > 1 or not events:
        raise Inexpressible(f"{len(masters)} series or single events in one text")
    found = [_event(item, zone) | {"id": event_id} for item in masters]
    for item in events:
        if "RECURRENCE-ID" in item:
            if item["RECURRENCE-ID"].params.get("RANGE"):
                raise Inexpressible("this and all following")
            if masters and "recurrence" not in found[0]:
                raise Inexpressible("an exception of nothing")
            found.append(_exception(item, found[0] if masters else None, event_id, zone))
    names = [str(item["id"]) for item in found]
    if len(set(names)) != len(names):
        raise Inexpressible("two exceptions of one instance")
    return found


def _exception(item: Event, master: Json | None, event_id: str, zone: str) -> Json:
    original = _moment(item, "RECURRENCE-ID", zone)
    if "date" in original:
        stamp = str(original["date"]).replace("-", "")
    else:
        at = datetime.fromisoformat(str(original["dateTime"]))
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(str(original["timeZone"])))
        stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    if master is not None and ("date" in original) != ("date" in cast("Json", master["start"])):
        raise Inexpressible("an exception named by a day in a timed series")
    data = {name: value for name, value in _event(item, zone).items() if name != "recurrence"}
    return data | {"id": f"{event_id}_{stamp}", "recurringEventId": event_id, "originalStartTime": original}


def _event(item: Event, zone: str) -> Json:
    data: Json = {"iCalUID": str(item["UID"]), "start": _moment(item, "DTSTART", zone), "end": _end(item, zone)}
    for name, field in (("SUMMARY", "summary"), ("DESCRIPTION", "description"), ("LOCATION", "location")):
        if name in item:
            data[field] = str(item[name])
    data["status"] = str(item.get("STATUS", "CONFIRMED")).lower()
    if str(item.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT":
        data["transparency"] = "transparent"
    if str(item.get("CLASS", "PUBLIC")).upper() in ("PRIVATE", "CONFIDENTIAL"):
        data["visibility"] = str(item["CLASS"]).lower()
    if guests := item.get("ATTENDEE"):
        data["attendees"] = [_guest(guest) for guest in (guests if isinstance(guests, list) else [guests])]
    if "ORGANIZER" in item:
        data["organizer"] = {"email": _mail(item["ORGANIZER"])}
    if lines := _recurrence(item):
        data["recurrence"] = lines
        start = cast("Json", data["start"])
        if "dateTime" in start and "timeZone" not in start:
            start["timeZone"] = "UTC"
    return data


def _mail(value: object) -> str:
    return re.sub(r"^mailto:", "", str(value), flags=re.IGNORECASE).lower()


def _guest(guest: Any) -> Json:
    answer = _ANSWERS.get(str(guest.params.get("PARTSTAT", "NEEDS-ACTION")).upper())
    if answer is None:
        raise Inexpressible("an answer that Google does not know")
    return {"email": _mail(guest.params.get("EMAIL") or guest), "responseStatus": answer}


def _value(item: Event, name: str) -> date:
    try:
        value = cast("Any", item[name]).dt
    except (AttributeError, KeyError, ValueError) as error:
        raise Inexpressible(f"{name}: {error}") from None
    if not isinstance(value, date):
        raise Inexpressible(f"{name} is no time")
    return value


def _zone(item: Event, name: str, fallback: str) -> str:
    text = str(item[name].params.get("TZID", "")).strip('"')
    if not text:
        return fallback
    if text not in _ZONES:
        text = next((zone for zone in _ZONES if text.endswith("/" + zone)), WINDOWS_TO_OLSON.get(text, ""))
    if not text:
        raise Inexpressible("a zone of its own")
    return text


def _moment(item: Event, name: str, zone: str) -> Json:
    value = _value(item, name)
    if not isinstance(value, datetime):
        return {"date": value.isoformat()}
    if value.tzinfo is not None and not item[name].params.get("TZID"):
        return {"dateTime": value.astimezone(UTC).isoformat().replace("+00:00", "Z"), "timeZone": "UTC"}
    local = value.replace(tzinfo=None).isoformat()
    return {"dateTime": local, "timeZone": _zone(item, name, zone)}


def _end(item: Event, zone: str) -> Json:
    start = _value(item, "DTSTART")
    if "DTEND" in item:
        if isinstance(_value(item, "DTEND"), datetime) != isinstance(start, datetime):
            raise Inexpressible("a day and a time")
        return _moment(item, "DTEND", zone)
    begin = _moment(item, "DTSTART", zone)
    length = cast("timedelta | None", cast("Any", item["DURATION"]).dt if "DURATION" in item else None)
    if not isinstance(start, datetime):
        return {"date": (start + (length or timedelta(days=1))).isoformat()}
    at = datetime.fromisoformat(str(begin["dateTime"]))
    named = ZoneInfo(str(begin["timeZone"]))
    at = at if at.tzinfo else at.replace(tzinfo=named)
    end = (at.astimezone(UTC) + (length or timedelta())).astimezone(named)
    return {"dateTime": end.isoformat(), "timeZone": begin["timeZone"]}


def _recurrence(item: Event) -> list[str]:
    lines = []
    for raw in item.content_lines():
        line = str(raw)
        name = re.split("[;:]", line, maxsplit=1)[0].upper()
        if name in ("RRULE", "EXRULE"):
            frequency = re.search(r"FREQ=(\w+)", line)
            if frequency is None or frequency[1] not in _DAILY:
                raise Inexpressible("a rule that Google does not take")
        if name in ("RDATE", "EXDATE") and "VALUE=PERIOD" in line.upper():
            raise Inexpressible("a period as an extra date")
        named = re.search(r"TZID=\"?([^;:\"]+)", line)
        if name in ("RDATE", "EXDATE") and named and named[1] not in _ZONES:
            raise Inexpressible("a zone of its own")
        if name in ("RRULE", "EXRULE", "RDATE", "EXDATE"):
            lines.append(line)
    return lines


def to_ical(event: Json) -> str:
    """A single event of Google's as iCalendar, with all that invites and reminds; times in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//simulation//EN", "BEGIN:VEVENT", f"UID:{event['iCalUID']}"]
    for name, field in (("DTSTART", "start"), ("DTEND", "end")):
        value = cast("dict[str, str]", event[field])
        if "date" in value:
            lines.append(f"{name};VALUE=DATE:{value['date'].replace('-', '')}")
        else:
            at = datetime.fromisoformat(value["dateTime"])
            at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(value["timeZone"]))
            lines.append(f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    lines += [f"{name.upper()}:{event[name]}" for name in ("summary", "location", "status") if name in event]
    lines += [f"ATTENDEE:mailto:{guest['email']}" for guest in cast("list[Json]", event.get("attendees") or [])]
    if cast("Json", event.get("reminders") or {"useDefault": True}).get("useDefault"):
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "END:VALARM"]
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])
