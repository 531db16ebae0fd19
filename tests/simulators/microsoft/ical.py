"""iCalendar texts as the events that Outlook makes of them, with its zone names, for tests that speak iCalendar to
every provider."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from dateutil import rrule
from icalendar import Calendar, Event
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tests.simulators.microsoft.errors import Json

_ZONES = available_timezones()
_WINDOWS = {"Europe/Amsterdam": "W. Europe Standard Time", "America/New_York": "Eastern Standard Time"}
_ANSWERS = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentativelyAccepted",
    "NEEDS-ACTION": "notResponded",
}
_DAYS = {
    "MO": "monday",
    "TU": "tuesday",
    "WE": "wednesday",
    "TH": "thursday",
    "FR": "friday",
    "SA": "saturday",
    "SU": "sunday",
}
_INDEX = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
FLOATING = "Europe/Amsterdam"
"""Outlook knows no floating times: it takes the mailbox's zone."""


class Inexpressible(ValueError):
    """Graph has no way to say this."""


def from_ical(text: str) -> tuple[Json, dict[date, Json | None]]:
    """The event, and for a series what became of its occurrences by date. Raises Inexpressible."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = [each for each in Calendar.from_ical(text).walk("VEVENT") if isinstance(each, Event)]
            return _event_and_changes(events)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Inexpressible(str(error)) from None


def _event_and_changes(events: list[Event]) -> tuple[Json, dict[date, Json | None]]:
    masters = [each for each in events if "RECURRENCE-ID" not in each]
    if len(masters) != 1:
        raise Inexpressible("not one event or series")
    data = _event(masters[0])
    changes: dict[date, Json | None] = {}
    if "RDATE" in masters[0]:
        raise Inexpressible("extra dates")
    start = cast("Json", data["start"])
    zone = _iana(str(start["timeZone"]))
    for lists in [masters[0].get("EXDATE", [])]:
        for each in lists if isinstance(lists, list) else [lists]:
            for value in each.dts:
                changes[_day(value.dt, zone)] = None
    for each in events:
        if "RECURRENCE-ID" in each:
            if each["RECURRENCE-ID"].params.get("RANGE") or "recurrence" not in data:
                raise Inexpressible("this and following, or an exception of nothing")
            other = _event(each)
            day = _day(cast("Any", each["RECURRENCE-ID"]).dt, zone)
            changes[day] = None if each.get("STATUS") == "CANCELLED" else other
    return data, changes


def _event(item: Event) -> Json:
    first = cast("Any", item["DTSTART"]).dt
    last = (
        cast("Any", item["DTEND"]).dt
        if "DTEND" in item
        else first
        + (
            cast("Any", item["DURATION"]).dt
            if "DURATION" in item
            else timedelta(0 if isinstance(first, datetime) else 1)
        )
    )
    whole = not isinstance(first, datetime)
    if last < first or whole != (not isinstance(last, datetime)):
        raise Inexpressible("an end before the start")
    data: Json = {
        "subject": str(item.get("SUMMARY", "")),
        "start": _moment(item, "DTSTART", first),
        "end": _moment(item, "DTEND" if "DTEND" in item else "DTSTART", last),
        "isAllDay": whole,
        "showAs": "free"
        if item.get("TRANSP") == "TRANSPARENT"
        else "tentative"
        if item.get("STATUS") == "TENTATIVE"
        else "busy",
        "isCancelled": item.get("STATUS") == "CANCELLED",
        "responseStatus": {"response": "organizer"},
        "iCalUId": str(item["UID"]),
    }
    guests = item.get("ATTENDEE")
    for guest in guests if isinstance(guests, list) else [guests] if guests else []:
        if str(guest).lower() == "mailto:ann@example.com":
            answer = _ANSWERS.get(str(guest.params.get("PARTSTAT", "NEEDS-ACTION")).upper())
            if answer is None:
                raise Inexpressible("an answer that Outlook does not know")
            data["responseStatus"] = {"response": answer}
    if "RRULE" in item:
        data["recurrence"] = _recurrence(cast("Any", item["RRULE"]), first)
    return data


def _moment(item: Event, name: str, value: date) -> Json:
    if not isinstance(value, datetime):
        return {"dateTime": f"{value.isoformat()}T00:00:00.0000000", "timeZone": _WINDOWS[FLOATING]}
    named = str(item[name].params.get("TZID", "")).strip('"')
    if value.tzinfo is not None and not named:
        return {"dateTime": f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}
    zone = named or FLOATING
    if zone not in _ZONES and zone not in WINDOWS_TO_OLSON:
        raise Inexpressible("a zone of its own")
    return {"dateTime": f"{value.replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": _WINDOWS.get(zone, zone)}


def _iana(zone: str) -> ZoneInfo:
    return ZoneInfo(WINDOWS_TO_OLSON.get(zone, zone))


def _day(value: date, zone: ZoneInfo) -> date:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(zone).date() if value.tzinfo else value.date()


def _recurrence(rule: Any, start: date) -> Json:
    parts = {name.upper(): values if isinstance(values, list) else [values] for name, values in rule.items()}
    allowed = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "COUNT", "UNTIL", "WKST", "BYSETPOS"}
    if set(parts) - allowed:
        raise Inexpressible("a rule that Outlook does not have")
    frequency, days = str(parts["FREQ"][0]), [str(each) for each in parts.get("BYDAY", [])]
    pattern: Json = {"interval": int(parts.get("INTERVAL", [1])[0])}
    names = [_DAYS.get(each[-2:], "") for each in days]
    numbered = [each[:-2] for each in days if each[:-2]]
    weekday = list(_DAYS.values())[start.weekday()]
    if frequency == "DAILY" and not days:
        pattern |= {"type": "daily"}
    elif frequency in ("WEEKLY", "DAILY") and not numbered:
        if frequency == "DAILY" and pattern["interval"] != 1:
            raise Inexpressible("every n-th day on some weekdays")
        pattern |= {"type": "weekly", "daysOfWeek": names or [weekday]}
        pattern["firstDayOfWeek"] = _DAYS[str(parts.get("WKST", ["MO"])[0])]
    elif frequency in ("MONTHLY", "YEARLY") and days:
        position = int(numbered[0]) if numbered else int(parts.get("BYSETPOS", [0])[0])
        if position not in _INDEX or len(numbered) > 1:
            raise Inexpressible("a position that Outlook does not have")
        pattern |= {"type": f"relative{frequency.title()}", "daysOfWeek": names, "index": _INDEX[position]}
    elif frequency in ("MONTHLY", "YEARLY"):
        day = int(parts.get("BYMONTHDAY", [start.day])[0])
        if not 1 <= day <= 28:
            raise Inexpressible("the last days of a month mean something else at Outlook")
        pattern |= {"type": f"absolute{frequency.title()}", "dayOfMonth": day}
    else:
        raise Inexpressible("a frequency that Outlook does not have")
    if frequency == "YEARLY":
        pattern["month"] = int(parts.get("BYMONTH", [start.month])[0])
    elif "BYMONTH" in parts:
        raise Inexpressible("a rule for some months")
    extent: Json = {"type": "noEnd", "startDate": start.isoformat()[:10]}
    if "COUNT" in parts:
        extent |= {"type": "numbered", "numberOfOccurrences": int(parts["COUNT"][0])}
    elif "UNTIL" in parts:
        extent |= {"type": "endDate", "endDate": _last(rule, start).isoformat()}
    return {"pattern": pattern, "range": extent}


def _last(rule: Any, start: date) -> date:
    text = rule.to_ical().decode()
    naive = start.replace(tzinfo=None) if isinstance(start, datetime) else datetime.combine(start, datetime.min.time())
    moments = list(rrule.rrulestr(text.replace("Z", ""), dtstart=naive, ignoretz=True))
    if not moments:
        raise Inexpressible("a rule without an occurrence")
    last: datetime = moments[-1]
    return last.date()


def to_ical(data: Json, uid: str) -> str:
    """A single event as iCalendar, with all that invites and reminds; times in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{data.get('subject', '')}"]
    for name, field in (("DTSTART", "start"), ("DTEND", "end")):
        value = cast("dict[str, str]", data[field])
        moment = datetime.fromisoformat(value["dateTime"]).replace(tzinfo=_iana(value["timeZone"]))
        lines.append(f"{name}:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    lines += [f"ATTENDEE:{each}" for each in cast("list[Json]", data.get("attendees") or [])]
    if data.get("isReminderOn", True):
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "END:VALARM"]
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])
