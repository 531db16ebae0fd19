"""iCalendar texts as the events that Outlook makes of them, for tests that speak iCalendar to every provider."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, cast

from icalendar import Calendar, Event, Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tests.simulators.microsoft import recurrence, zones
from tests.simulators.microsoft.errors import GraphError, Json
from tests.simulators.microsoft.rrule import Inexpressible as Inexpressible
from tests.simulators.microsoft.rrule import recurrence_of

_ANSWERS = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentativelyAccepted",
    "NEEDS-ACTION": "notResponded",
}
_SENSITIVITY = {"PRIVATE": "private", "CONFIDENTIAL": "confidential"}
Rules = Mapping[str, tzinfo]


@dataclass(kw_only=True)
class Draft:
    """An event in Graph's JSON; of a series the days that were taken out, and what is different on others."""

    data: Json
    cancelled: set[str] = field(default_factory=set)
    exceptions: dict[str, Json] = field(default_factory=dict)


def from_ical(text: str, *, zone: str, owner: str) -> list[Draft]:
    """The event or series of a text; of single instances without their series, each as an event of its own, as an
    invitation to them is. `zone` is the mailbox's, a Windows name: floating times and whole days are in it.

    Raises Inexpressible for zones, rules and times that Outlook cannot hold.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # guesses at zone names; those we make ourselves
            whole = Calendar.from_ical(text)
            rules: dict[str, tzinfo] = {
                str(item["TZID"]): item.to_tz(lookup_tzid=False)
                for item in whole.walk("VTIMEZONE")
                if isinstance(item, Timezone)
            }
            found = [item for item in whole.walk("VEVENT") if isinstance(item, Event)]
            return _Reader(zone, owner, rules).drafts(found)
    except (ValueError, GraphError, KeyError) as error:
        raise Inexpressible(str(error)) from None


class _Reader:
    def __init__(self, zone: str, owner: str, rules: Rules) -> None:
        self._zone, self._owner, self._rules = zone, owner, rules

    def drafts(self, events: list[Event]) -> list[Draft]:
        masters = [item for item in events if "RECURRENCE-ID" not in item]
        if len(masters) > 1 or not events:
            raise Inexpressible(f"{len(masters)} series or single events in one text")
        if not masters:
            return [Draft(data=self._event(item)) for item in events]
        draft = Draft(data=self._event(masters[0]))
        if rule := self._recurrence(masters[0], draft.data):
            draft.data["recurrence"] = rule
            draft.cancelled = self._exdates(masters[0], draft.data)
        for item in events:
            if "RECURRENCE-ID" in item:
                self._except(draft, item)
        return [draft]

    def _except(self, draft: Draft, item: Event) -> None:
        if "recurrence" not in draft.data:
            raise Inexpressible("an exception of nothing")
        if item["RECURRENCE-ID"].params.get("RANGE"):
            raise Inexpressible("this and all following")
        named = item["RECURRENCE-ID"].params.get("TZID")
        day = self._day(_value(item, "RECURRENCE-ID"), named, draft.data)
        if day is None or day in draft.exceptions or day in draft.cancelled:
            raise Inexpressible("an exception of an instance that is none, or two of one")
        other = self._event(item)
        if draft.data.get("isCancelled"):
            other["isCancelled"] = True
        draft.exceptions[day] = other

    def _event(self, item: Event) -> Json:
        data: Json = {"iCalUId": str(item["UID"]), "isAllDay": not isinstance(_value(item, "DTSTART"), datetime)}
        data["start"], original = self._moment(item, "DTSTART")
        data["end"], _ = self._end(item)
        data |= original
        data["subject"] = str(item.get("SUMMARY", ""))
        if "DESCRIPTION" in item:
            data["body"] = {"contentType": "text", "content": str(item["DESCRIPTION"])}
        if "LOCATION" in item:
            data["location"] = {"displayName": str(item["LOCATION"])}
        data["sensitivity"] = _SENSITIVITY.get(str(item.get("CLASS", "PUBLIC")).upper(), "normal")
        status = str(item.get("STATUS", "CONFIRMED")).upper()
        data["isCancelled"] = status == "CANCELLED"
        data["showAs"] = "tentative" if status == "TENTATIVE" else "busy"
        self._people(item, data)
        if str(item.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT":
            data["showAs"] = "free"
        return data

    def _people(self, item: Event, data: Json) -> None:
        guests = item.get("ATTENDEE") or []
        listed = []
        for guest in guests if isinstance(guests, list) else [guests]:
            answer = _ANSWERS.get(str(guest.params.get("PARTSTAT", "NEEDS-ACTION")).upper())
            address = _mail(guest.params.get("EMAIL") or guest)
            if answer is None:
                raise Inexpressible("an answer that Outlook does not know")
            status = {"response": answer, "time": "2027-01-01T00:00:00Z"}
            listed.append({"type": "required", "status": status, "emailAddress": {"name": "", "address": address}})
            if address == self._owner:
                data["responseStatus"] = status
                if answer in ("tentativelyAccepted", "notResponded"):
                    data["showAs"] = "tentative"  # as Outlook marks an invitation
        if listed:
            data["attendees"] = listed
        if "ORGANIZER" in item:
            data["organizer"] = {"emailAddress": {"name": "", "address": _mail(item["ORGANIZER"])}}

    def _moment(self, item: Event, name: str) -> tuple[Json, Json]:
        """A dateTimeTimeZone, and the original zone if it is none that Outlook knows by name."""
        value = _value(item, name)
        if not isinstance(value, datetime):
            return zones.stored(datetime(value.year, value.month, value.day), self._zone), {}
        named = str(item[name].params.get("TZID") or "").strip('"')
        if not named:
            zone = "UTC" if value.tzinfo is not None else self._zone
            return zones.stored(value.replace(tzinfo=None), zone), {}
        found = _outlook_zone(named)
        wall = value.replace(tzinfo=None)
        if found is None:
            if named not in self._rules:
                raise Inexpressible("a zone that nobody knows")
            if "RRULE" in item:
                raise Inexpressible("a series in a zone of its own")
            moment = wall.replace(tzinfo=self._rules[named]).astimezone(UTC).replace(tzinfo=None)
            side = "Start" if name == "DTSTART" else "End"
            return zones.stored(moment, "UTC"), {f"original{side}TimeZone": zones.CUSTOM}
        _check_exists(wall, found)
        return zones.stored(wall, found), {}

    def _end(self, item: Event) -> tuple[Json, Json]:
        start = _value(item, "DTSTART")
        if "DTEND" in item:
            if isinstance(_value(item, "DTEND"), datetime) != isinstance(start, datetime):
                raise Inexpressible("a day and a time")
            return self._moment(item, "DTEND")
        begin, _ = self._moment(item, "DTSTART")
        length = cast("timedelta | None", cast("Any", item["DURATION"]).dt if "DURATION" in item else None)
        if not isinstance(start, datetime):
            wall = datetime.fromisoformat(str(begin["dateTime"])) + (length or timedelta(days=1))
            return zones.stored(wall, self._zone), {}
        zone = str(begin["timeZone"])
        end = (zones.instant(begin) + (length or timedelta())).astimezone(zones.known(zone))
        return zones.stored(end.replace(tzinfo=None), zone), {}

    def _recurrence(self, item: Event, data: Json) -> Json | None:
        if any(name in item for name in ("RDATE", "EXRULE")):
            raise Inexpressible("extra dates")
        if "RRULE" not in item:
            return None
        lines = [str(line) for line in item.content_lines() if re.match("RRULE[:;]", str(line), re.IGNORECASE)]
        if len(lines) != 1:
            raise Inexpressible("several rules")
        start = cast("Json", data["start"])
        first = datetime.fromisoformat(str(start["dateTime"]))
        rule = recurrence_of(lines[0].partition(":")[2], first, str(start["timeZone"]))
        recurrence.check(rule, first.date())
        if next(recurrence.days(rule)) != first.date():
            raise Inexpressible("a start outside its rule")
        return rule

    def _exdates(self, item: Event, data: Json) -> set[str]:
        given = item.get("EXDATE") or []
        found = set()
        for line in given if isinstance(given, list) else [given]:
            for each in line.dts:
                day = self._day(each.dt, line.params.get("TZID"), data)
                if day is not None:
                    found.add(day)
        return {day for day in found if _names(data, day)}

    def _day(self, value: date, tzid: object, data: Json) -> str | None:
        """The day of an instance, in the series' own zone; None for a time at which none begins."""
        if not isinstance(value, datetime):
            return value.isoformat()
        start = cast("Json", data["start"])
        own = str(start["timeZone"])
        if value.tzinfo is None or tzid:
            named = _outlook_zone(str(tzid).strip('"')) if tzid else self._zone
            if named is None:
                raise Inexpressible("an exception in a zone of its own")
            value = value.replace(tzinfo=zones.known(named))
        wall = value.astimezone(zones.known(own)).replace(tzinfo=None)
        return wall.date().isoformat() if wall.time() == datetime.fromisoformat(str(start["dateTime"])).time() else None


def _names(data: Json, day: str) -> bool:
    for each in recurrence.days(cast("Json", data["recurrence"])):
        if each.isoformat() >= day:
            return each.isoformat() == day
    return False


def _outlook_zone(name: str) -> str | None:
    """The Windows name, or an IANA name that has none."""
    if name in WINDOWS_TO_OLSON:
        return name
    if zones.zone(name) is None:
        name = next((name[place + 1 :] for place in _slashes(name) if zones.zone(name[place + 1 :])), "")
    if not name:
        return None
    try:
        return zones.windows(name)
    except KeyError:
        return name


def _slashes(name: str) -> list[int]:
    return [place for place, letter in enumerate(name) if letter == "/"]


def _check_exists(wall: datetime, zone: str) -> None:
    """Raises Inexpressible for a time that the clock leaps over."""
    named = zones.known(zone)
    if wall.replace(tzinfo=named).astimezone(UTC).astimezone(named).replace(tzinfo=None) != wall:
        raise Inexpressible("a time that does not exist")


def _value(item: Event, name: str) -> date:
    try:
        value = cast("Any", item[name]).dt
    except (AttributeError, KeyError, ValueError) as error:
        raise Inexpressible(f"{name}: {error}") from None
    if not isinstance(value, date):
        raise Inexpressible(f"{name} is no time")
    return value


def _mail(value: object) -> str:
    return re.sub(r"^mailto:", "", str(value), flags=re.IGNORECASE).lower()


def to_ical(data: Json, uid: str) -> str:
    """A single event in Graph's JSON as iCalendar, with all that invites and reminds; times in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//simulation//EN", "BEGIN:VEVENT", f"UID:{uid}"]
    lines.append(f"SUMMARY:{data['subject']}")
    for name, field_ in (("DTSTART", "start"), ("DTEND", "end")):
        moment = zones.instant(cast("Json", data[field_]))
        lines.append(
            f"{name};VALUE=DATE:{moment:%Y%m%d}" if data.get("isAllDay") else f"{name}:{moment:%Y%m%dT%H%M%SZ}"
        )
    guests = cast("list[dict[str, dict[str, str]]]", data.get("attendees") or [])
    lines += [f"ATTENDEE:mailto:{guest['emailAddress']['address']}" for guest in guests]
    if data.get("isReminderOn", True):
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "END:VALARM"]
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])
