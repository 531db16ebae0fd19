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
from booking_app.sync.problems import Code
from booking_app.sync.work import OBJECT_STEPS, Work

MAX_DEPTH = 10
_NAME = re.compile(r"[A-Za-z0-9-]+")
_READ = frozenset(
    {"BEGIN", "END", "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
    | {"SEQUENCE", "DTSTAMP", "STATUS", "TRANSP", "ATTENDEE", "TZID", "FREEBUSY", "X-APPLE-TRAVEL-DURATION"}
)
_READ_OWN = _READ | {"SUMMARY", "DESCRIPTION", "LOCATION", "URL"}
_ESCAPED = re.compile(r"\\(.)")
_DATED = frozenset({"DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID", "FREEBUSY"})
"""Their values are known by their shape, so that whatever stands unquoted before them does not matter."""
_PARAM = re.compile(r';([^;:="]+)=("[^"]*"|[^;]*)')
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")
_DATETIME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):?(\d{2}):?(\d{2})?(Z?)$")
_AT_A_DATE = re.compile(r":(?=\s*\d{4}-?\d{2}-?\d{2}(?:T\d{2}:?\d{2}:?(?:\d{2})?Z?)?\s*(?:[,/]|$))")
LINE_END = re.compile(r"\r*\n|\r")
_DURATION = re.compile(r"([+-]?)P(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$")


class Unreadable(ValueError):
    """A value or a file that cannot be understood; it says which kind of thing, never its text."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


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
    """A DATE or DATE-TIME value: naive wall time and its zone. `all_day` for DATE. `margin` are the seconds by which it
    may be earlier or later, because nothing explains its TZID. `bare`: it names no zone itself."""

    wall: datetime
    zone: tzinfo
    all_day: bool = False
    margin: int = 0
    bare: bool = False

    @property
    def instant(self) -> int:
        return zones.instant_of(self.wall, self.zone)


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """What a value's zone is resolved with: `owner` for floating and DATE, the file's VTIMEZONEs; and the work that it
    may cost."""

    owner: tzinfo
    embedded: dict[str, str]
    work: Work = field(default_factory=lambda: Work(OBJECT_STEPS))

    def on_the_clock_of(self, start: Moment) -> Places:
        """For what belongs to an event: where DTSTART names a zone, a bare value has the same (RFC 5545 sections
        3.8.2.2, 3.8.4.4, 3.8.5.1 and 3.8.5.2)."""
        return Places(owner=start.zone, embedded=self.embedded, work=self.work)


def unescaped(text: str) -> str:
    """A TEXT value as it was meant (RFC 5545 section 3.3.11)."""
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)


def read(data: bytes, *, own: bool) -> list[Component]:
    """The VCALENDAR components of `data`: a stream of one or more (RFC 5545 section 3.4). Raises `Unreadable` if it is
    anything else, or cut off."""
    # Some programs end lines twice over, with more than one carriage return.
    text = LINE_END.sub("\n", data.decode("utf-8-sig", errors="replace"))
    text = text.replace("\n ", "").replace("\n\t", "")
    wanted = _READ_OWN if own else _READ
    roots: list[Component] = []
    stack: list[Component] = []
    for line in text.split("\n"):
        match = _NAME.match(line)
        if match is None:
            continue
        name = match[0].upper()
        if name == "BEGIN":
            child = Component(name=line[6:].strip().upper())
            (stack[-1].children if stack else roots).append(child)
            stack.append(child)
            if len(stack) > MAX_DEPTH:
                raise Unreadable(Code.NESTED)
        zone = next((item for item in stack if item.name == "VTIMEZONE"), None)
        if zone is not None:
            zone.text.append(line)
        if name == "END":
            if not stack or stack.pop().name != line[4:].strip().upper():
                raise Unreadable(Code.NO_CALENDAR)
        elif name != "BEGIN" and name in wanted and stack:
            try:
                stack[-1].properties.append(_property(name, line))
            except ValueError:
                stack[-1].broken.append(name)
    if not roots or stack or any(root.name != "VCALENDAR" for root in roots):
        raise Unreadable(Code.NO_CALENDAR)
    return roots


def _property(name: str, line: str) -> Property:
    if name in _DATED:
        head, colon, value = _at_the_date(line)
        # Some write a colon where the parameters begin.
        if not colon:
            raise Unreadable(Code.NO_CALENDAR)
        rest = head[len(name) :].lstrip(";:")
        params = {key.strip().upper(): text.strip('"') for key, text in _PARAM.findall(";" + rest)} if rest else {}
        return Property(name=name, value=value, params=params)
    head, colon, tail = line.partition(":")
    if not colon and name == "RRULE":
        return Property(name=name, value=head[len(name) :], params={})
    if not colon:
        raise Unreadable(Code.NO_CALENDAR)
    if '"' not in head and "^" not in head:
        pairs = (item.partition("=") for item in head.split(";")[1:])
        return Property(name=name, value=tail, params={key.upper(): text for key, _, text in pairs})
    _, params, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
    flat = {str(key).upper(): ",".join(raw) if isinstance(raw, list) else str(raw) for key, raw in params.items()}
    return Property(name=name, value=str(value), params=flat)


def _at_the_date(line: str) -> tuple[str, str, str]:
    """`line` parted at the colon behind which a date begins, else at the last one: times may be written with colons."""
    found = _AT_A_DATE.search(line)
    return line.rpartition(":") if found is None else (line[: found.start()], ":", line[found.end() :])


def embedded_zones(calendar: Component) -> dict[str, str]:
    """Plain TZID, lower case -> text of each VTIMEZONE of the file."""
    found: dict[str, str] = {}
    for component in calendar.children:
        if component.name == "VTIMEZONE":
            tzid = zones.plain_name(component.value("TZID")).lower()
            if tzid:
                found[tzid] = "\r\n".join(component.text) + "\r\n"
    return found


def moment(text: str, params: dict[str, str], places: Places) -> Moment:
    """A DATE or DATE-TIME (RFC 5545 sections 3.3.4 and 3.3.5); 24:00, which ISO 8601 allows, is the end of the day.
    What is said to be a DATE is one, whatever time is written behind it. Raises `Unreadable`."""
    text = text.strip()
    day = _DATE.match(text)
    try:
        if day:
            wall = datetime(int(day[1]), int(day[2]), int(day[3]))  # noqa: DTZ001
            return Moment(wall=wall, zone=places.owner, all_day=True, bare=True)
        stamp = _DATETIME.match(text)
        if stamp is None:
            raise Unreadable(Code.START)
        year, month, date, hour, minute, second = (int(part or 0) for part in stamp.groups()[:6])
        if params.get("VALUE", "").strip().upper() == "DATE":
            return Moment(wall=datetime(year, month, date), zone=places.owner, all_day=True, bare=True)  # noqa: DTZ001
        late = hour == 24 and not minute and not second
        wall = datetime(year, month, date, 0 if late else hour, minute, min(second, 59))  # noqa: DTZ001
        if late:
            wall += timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Unreadable(Code.START) from error
    if stamp[7]:
        return Moment(wall=wall, zone=UTC)
    tzid = params.get("TZID")
    if not tzid:
        return Moment(wall=wall, zone=places.owner, bare=True)
    zone, margin = zones.resolve(tzid, places.embedded, places.work)
    return Moment(wall=wall, zone=zone, margin=margin)


def duration(text: str) -> timedelta:
    """A DURATION (RFC 5545 section 3.3.6). Raises `Unreadable`."""
    match = _DURATION.match(text.strip().upper())
    if match is None or not any(match.groups()[1:]):
        raise Unreadable(Code.LENGTH)
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    try:
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise Unreadable(Code.LENGTH) from error
    return -length if match[1] == "-" else length
