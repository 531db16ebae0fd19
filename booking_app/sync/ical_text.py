"""From the text of a calendar object to its components, reading only what decides busy time.

Titles, descriptions, places and attendees are skipped while reading: what is not parsed cannot be stored. Only for
an event of our own are its text fields read, to compare them with what we wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from icalendar.parser import Contentline

from booking_app.sync import zones

MAX_DEPTH = 10
_NAME = re.compile(r"[A-Za-z0-9-]+")
_READ = frozenset(
    {"BEGIN", "END", "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
    | {"SEQUENCE", "DTSTAMP", "STATUS", "TRANSP", "ATTENDEE", "TZID"}
)
_READ_OWN = _READ | {"SUMMARY", "DESCRIPTION", "LOCATION", "URL"}
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_DATETIME = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})?(Z?)$")
_DURATION = re.compile(r"([+-]?)P(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$")


class Unreadable(ValueError):
    """A value or a file that cannot be understood; the message names the property, never its text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    name: str
    value: str
    params: dict[str, str]


@dataclass(kw_only=True, slots=True)
class Component:
    """A component with the properties that were read, in order. `broken` names lines that could not be split."""

    name: str
    properties: list[Property] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def first(self, name: str) -> Property | None:
        return next((item for item in self.properties if item.name == name), None)

    def all(self, name: str) -> list[Property]:
        return [item for item in self.properties if item.name == name]

    def value(self, name: str, default: str = "") -> str:
        item = self.first(name)
        return item.value.strip() if item else default


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A DATE or DATE-TIME value: naive wall time and its zone. `all_day` for DATE. `unknown` holds a TZID that
    nothing explains; `zone` is UTC then."""

    wall: datetime
    zone: tzinfo
    all_day: bool = False
    unknown: str | None = None

    @property
    def instant(self) -> int:
        return zones.instant_of(self.wall, self.zone)


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """What a value's zone is resolved with: the owner's zone for floating and DATE, the file's VTIMEZONEs."""

    owner: tzinfo
    embedded: dict[str, str]


def read(data: bytes, *, own: bool) -> Component:
    """The VCALENDAR component of `data`. Raises `Unreadable` if it is not one complete calendar object."""
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "").replace("\n\t", "")
    wanted = _READ_OWN if own else _READ
    root: Component | None = None
    stack: list[Component] = []
    for line in text.split("\n"):
        match = _NAME.match(line)
        if match is None:
            continue
        name = match[0].upper()
        if name == "BEGIN":
            child = Component(name=line[6:].strip().upper())
            if stack:
                stack[-1].children.append(child)
            elif root is None:
                root = child
            stack.append(child)
            if len(stack) > MAX_DEPTH:
                raise Unreadable("components are nested too deep")
        zone = next((item for item in stack if item.name == "VTIMEZONE"), None)
        if zone is not None:
            zone.text.append(line)
        if name == "END":
            if not stack or stack.pop().name != line[4:].strip().upper():
                raise Unreadable("components are not closed in order")
        elif name != "BEGIN" and name in wanted and stack:
            try:
                stack[-1].properties.append(_property(line))
            except ValueError:
                stack[-1].broken.append(name)
    if root is None or root.name != "VCALENDAR" or stack:
        raise Unreadable("not one complete calendar object")
    return root


def _property(line: str) -> Property:
    head, colon, tail = line.partition(":")
    if not colon:
        raise Unreadable("a line has no value")
    if '"' not in head and "^" not in head:
        first, *rest = head.split(";")
        pairs = (item.partition("=") for item in rest)
        return Property(name=first.upper(), value=tail, params={key.upper(): text for key, _, text in pairs})
    name, params, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
    flat = {str(key).upper(): ",".join(raw) if isinstance(raw, list) else str(raw) for key, raw in params.items()}
    return Property(name=name.upper(), value=str(value), params=flat)


def embedded_zones(calendar: Component) -> dict[str, str]:
    """TZID -> text of each VTIMEZONE of the file."""
    found: dict[str, str] = {}
    for component in calendar.children:
        if component.name == "VTIMEZONE":
            tzid = component.value("TZID")
            if tzid:
                found[tzid] = "\r\n".join(component.text) + "\r\n"
    return found


def moment(text: str, params: dict[str, str], places: Places) -> Moment:
    """A DATE or DATE-TIME (RFC 5545 sections 3.3.4 and 3.3.5). Raises `Unreadable`."""
    text = text.strip()
    day = _DATE.match(text)
    try:
        if day:
            wall = datetime(int(day[1]), int(day[2]), int(day[3]))  # noqa: DTZ001
            return Moment(wall=wall, zone=places.owner, all_day=True)
        stamp = _DATETIME.match(text)
        if stamp is None:
            raise Unreadable("a date cannot be read")
        year, month, date, hour, minute, second = (int(part or 0) for part in stamp.groups()[:6])
        wall = datetime(year, month, date, hour, minute, min(second, 59))  # noqa: DTZ001
    except ValueError as error:
        raise Unreadable("a date cannot be read") from error
    if stamp[7]:
        return Moment(wall=wall, zone=UTC)
    tzid = params.get("TZID")
    if not tzid:
        return Moment(wall=wall, zone=places.owner)
    zone = zones.resolve(tzid, places.embedded)
    return Moment(wall=wall, zone=zone or UTC, unknown=None if zone else tzid)


def duration(text: str) -> timedelta:
    """A DURATION (RFC 5545 section 3.3.6). Raises `Unreadable`."""
    match = _DURATION.match(text.strip().upper())
    if match is None or not any(match.groups()[1:]):
        raise Unreadable("a duration cannot be read")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    try:
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise Unreadable("a duration cannot be read") from error
    return -length if match[1] == "-" else length
