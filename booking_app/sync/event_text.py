"""One VEVENT as what decides busy time: when it starts, how long it lasts, how it repeats, whether it blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from booking_app.sync import zones
from booking_app.sync.ical_text import Component, Moment, Places, Property, Unreadable, duration, moment
from booking_app.sync.problems import Code
from booking_app.sync.rule_text import MAX_CHARS

MAX_RULES = 10
MAX_DATES = 20_000
"""EXDATE and RDATE values read of one event; more is not a calendar any more."""
_DAY = 86_400
_BROKEN = {"DTSTART": Code.START, "RDATE": Code.DATES, "EXDATE": Code.EXCEPTION, "RECURRENCE-ID": Code.EXCEPTION}
"""What a line that cannot even be split leaves unknown."""


class Weight(StrEnum):
    """Whether an event takes its owner's time (RFC 5545 sections 3.2.12, 3.8.1.11 and 3.8.2.7)."""

    FREE = "free"
    CANCELLED = "cancelled"
    TENTATIVE = "tentative"
    BUSY = "busy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Length:
    """How long an occurrence lasts, in seconds: `exact` as elapsed, and `wall` as shown on the clock. The two
    differ across a DST change; whoever blocks time takes the later end."""

    exact: int
    wall: int

    def end(self, start_wall: int, begin: int, start: Moment) -> int:
        """The end of the instance that starts when the clock of `start` shows `start_wall`, which is the instant
        `begin`."""
        nominal = zones.instant_at(start_wall + self.wall, start.zone)
        return nominal if start.all_day else max(nominal, begin + self.exact)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """An RDATE: its start and, for a PERIOD, its own length."""

    start: Moment
    length: Length | None


LONGEST_TRAVEL = 2 * 3600
"""What Apple's calendars offer at most: stands for a travel time that cannot be read."""
_STAMP = re.compile(r"\d{8}T\d{6}Z?$")
_A_DAY = Length(exact=_DAY, wall=_DAY)
"""What a length that cannot be read is taken for: the block contains the start, and what is left of the day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventText:
    """A VEVENT that was read. `start` is None if it cannot be known; `lead` are the seconds before it that its owner
    is on the way; `detached`: it stands for one instance of a series, and there is no telling which."""

    uid: str
    start: Moment | None
    length: Length
    weight: Weight
    lead: int = 0
    recurrence_id: Moment | None = None
    detached: bool = False
    this_and_future: bool = False
    version: tuple[int, str] = (0, "")
    rules: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    excluded: tuple[Moment, ...] = ()
    uncertain: bool = False
    overfull: bool = False
    """More dates or rules than anybody keeps in a calendar: not expanded."""
    problems: tuple[Code, ...] = ()


def read_event(component: Component, places: Places, addresses: frozenset[str]) -> EventText:
    """Read a VEVENT. What cannot be read becomes a problem and errs towards blocking; raises `TooDense` only."""
    problems = [_BROKEN[name] for name in component.broken if name in _BROKEN]
    start = _moment(component.first("DTSTART"), places, problems, Code.START)
    length = Length(exact=0, wall=0)
    if start is None:
        problems.append(Code.START)
    else:
        length = _length(component, start, places, problems)
        if start.margin:
            problems.append(Code.ZONE)
    recurrence = component.first("RECURRENCE-ID")
    recurrence_id = _moment(recurrence, places, problems, Code.EXCEPTION)
    if recurrence_id is not None and recurrence_id.margin:
        # Which instance is meant cannot be told: it stays, and so does this.
        recurrence_id = None
        problems.append(Code.ZONE)
    clock = places if start is None else places.on_the_clock_of(start)
    status = component.value("STATUS").upper()
    rules = tuple(item.value for item in component.all("RRULE"))
    return EventText(
        uid=component.value("UID"),
        start=start,
        length=length,
        weight=_weight(component, status, addresses),
        lead=_lead(component, problems),
        recurrence_id=recurrence_id,
        detached=recurrence_id is None and (recurrence is not None or "RECURRENCE-ID" in component.broken),
        this_and_future=bool(recurrence and recurrence.params.get("RANGE", "").upper() == "THISANDFUTURE"),
        version=(_integer(component.value("SEQUENCE")), _stamp(component.value("DTSTAMP"))),
        rules=rules,
        extras=_extras(component, clock, problems),
        excluded=_excluded(component, clock, problems),
        uncertain=bool(problems),
        overfull=len(rules) > MAX_RULES
        or any(len(text) > MAX_CHARS for text in rules)
        or len(_values(component, "RDATE")) > MAX_DATES,
        problems=tuple(dict.fromkeys(problems)),
    )


def _stamp(text: str) -> str:
    """A DTSTAMP that can be compared; empty if it says nothing."""
    return text if _STAMP.match(text) else ""


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _moment(item: Property | None, places: Places, problems: list[Code], code: Code) -> Moment | None:
    if item is None:
        return None
    try:
        return moment(item.value, item.params, places)
    except Unreadable:
        problems.append(code)
        return None


def _length(component: Component, start: Moment, places: Places, problems: list[Code]) -> Length:
    """How long it lasts; a day if that cannot be read, or if it would end before it starts."""
    default = _A_DAY if start.all_day else Length(exact=0, wall=0)
    given = [_until_end(item, start, places, default, problems) for item in component.all("DTEND")]
    given += [_lasting(item, start, default, problems) for item in component.all("DURATION")]
    if "DTEND" in component.broken or "DURATION" in component.broken:
        problems.append(Code.END)
        given.append(_A_DAY)
    if len(set(given)) > 1:
        # Only one may be given (RFC 5545 section 3.6.1); which of them is meant is not known.
        problems.append(Code.LENGTH)
    return max(given, key=lambda length: length.exact, default=default)


def _until_end(item: Property, start: Moment, places: Places, default: Length, problems: list[Code]) -> Length:
    end = _moment(item, places.on_the_clock_of(start), problems, Code.END)
    if end is None:
        return _A_DAY
    if end.margin and not start.margin:
        problems.append(Code.ZONE)
        return _A_DAY
    return _checked(between(start, end), start, default, problems)


def _lasting(item: Property, start: Moment, default: Length, problems: list[Code]) -> Length:
    try:
        span = _whole(duration(item.value))
    except Unreadable:
        problems.append(Code.LENGTH)
        return _A_DAY
    return _checked(Length(exact=span, wall=span), start, default, problems)


def _checked(length: Length, start: Moment, default: Length, problems: list[Code]) -> Length:
    """The length, if it can be; of whole days only where the start is a DATE (RFC 5545 section 3.8.2.5)."""
    if length.exact < 0:
        problems.append(Code.END_BEFORE_START)
        return _A_DAY
    if length.exact == 0:
        return default
    if start.all_day and length.wall % _DAY:
        problems.append(Code.LENGTH)
        whole = -(-length.wall // _DAY) * _DAY
        return Length(exact=whole, wall=whole)
    return length


def _lead(component: Component, problems: list[Code]) -> int:
    """The travel time, in seconds, that Apple's calendars draw in front of an event as part of it."""
    item = component.first("X-APPLE-TRAVEL-DURATION")
    if item is None:
        return 0
    try:
        span = _whole(duration(item.value))
    except Unreadable:
        span = -1
    if span >= 0:
        return span
    problems.append(Code.TRAVEL)
    return LONGEST_TRAVEL


def _whole(span: timedelta) -> int:
    return int(span.total_seconds())


def between(start: Moment, end: Moment) -> Length:
    """The length from `start` to `end`. A start inside a DST gap keeps the length that its clock shows."""
    exact = end.instant - start.instant
    same_clock = end.zone is start.zone
    wall = _whole((end.wall if same_clock else zones.wall_of(end.instant, start.zone)) - start.wall)
    if exact <= 0 < wall:
        exact = wall
    if wall < 0 < exact:
        wall = exact
    return Length(exact=exact, wall=wall)


def _weight(component: Component, status: str, addresses: frozenset[str]) -> Weight:
    if status == "CANCELLED":
        return Weight.CANCELLED
    if component.value("TRANSP").upper() == "TRANSPARENT":
        return Weight.FREE
    answers = {
        item.params.get("PARTSTAT", "NEEDS-ACTION").upper()
        for item in component.all("ATTENDEE")
        if _is_own(item, addresses)
    }
    if answers and answers <= {"DECLINED", "DELEGATED"}:
        return Weight.FREE
    if status == "TENTATIVE" or (answers and answers <= {"TENTATIVE", "NEEDS-ACTION", "DECLINED", "DELEGATED"}):
        return Weight.TENTATIVE
    return Weight.BUSY


def _is_own(item: Property, addresses: frozenset[str]) -> bool:
    names = (item.value, item.params.get("EMAIL", ""))
    return any(plain_address(name) in addresses for name in names if name)


def plain_address(text: str) -> str:
    """A calendar user address for comparing: lower case, without `mailto:`."""
    return text.strip().lower().removeprefix("mailto:")


def _extras(component: Component, places: Places, problems: list[Code]) -> tuple[Extra, ...]:
    found: list[Extra] = []
    for item, text in _values(component, "RDATE")[:MAX_DATES]:
        places.work.spend()
        begin, slash, rest = text.partition("/")
        try:
            start = moment(begin, item.params, places)
        except Unreadable:
            problems.append(Code.DATES)
            continue
        if start.margin:
            problems.append(Code.ZONE)
        found.append(Extra(start=start, length=period_length(start, rest, item, places, problems) if slash else None))
    return tuple(found)


def period_length(start: Moment, text: str, item: Property, places: Places, problems: list[Code]) -> Length:
    """The length of a PERIOD (RFC 5545 section 3.3.9) from what stands behind its slash; a day if that cannot be."""
    try:
        if text.strip().upper().startswith(("P", "+P", "-P")):
            span = _whole(duration(text))
            length = Length(exact=span, wall=span)
        else:
            length = between(start, moment(text, item.params, places.on_the_clock_of(start)))
    except Unreadable:
        problems.append(Code.LENGTH)
        return _A_DAY
    return _checked(length, start, length, problems)


def _excluded(component: Component, places: Places, problems: list[Code]) -> tuple[Moment, ...]:
    found: list[Moment] = []
    for item, text in _values(component, "EXDATE")[:MAX_DATES]:
        places.work.spend()
        try:
            named = moment(text, item.params, places)
        except Unreadable:
            problems.append(Code.EXCEPTION)
            continue
        if named.margin:
            # Which instance is meant cannot be told: all stay.
            problems.append(Code.ZONE)
        else:
            found.append(named)
    return tuple(found)


def _values(component: Component, name: str) -> list[tuple[Property, str]]:
    return [(item, text) for item in component.all(name) for text in item.value.split(",") if text.strip()]
