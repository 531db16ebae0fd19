"""One VEVENT as what decides busy time: when it starts, how long it lasts, how it repeats, whether it blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from booking_app.sync import zones
from booking_app.sync.ical_text import Component, Moment, Places, Property, Unreadable, duration, moment

MAX_RULES = 10
MAX_DATES = 20_000
"""EXDATE and RDATE values read of one event; more is not a calendar any more."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class EventText:
    """A VEVENT that was read. `start` is None if it cannot be known; `problems` are sentences without content."""

    uid: str
    start: Moment | None
    length: Length
    weight: Weight
    confirmed: bool = False
    recurrence_id: Moment | None = None
    this_and_future: bool = False
    version: tuple[int, str] = (0, "")
    rules: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    excluded: tuple[Moment, ...] = ()
    uncertain: bool = False
    overfull: bool = False
    """More dates or rules than anybody keeps in a calendar: not expanded."""
    problems: tuple[str, ...] = field(default=())


def read_event(component: Component, places: Places, addresses: frozenset[str]) -> EventText:
    """Read a VEVENT. Never raises: what cannot be read becomes a problem and errs towards blocking."""
    problems = [f"{name} cannot be read" for name in dict.fromkeys(component.broken)]
    start = _moment(component.first("DTSTART"), places, problems)
    recurrence = component.first("RECURRENCE-ID")
    status = component.value("STATUS").upper()
    uncertain = start is None or start.unknown is not None
    if start is None and not component.first("DTSTART"):
        problems.append("DTSTART is missing")
    length = Length(exact=0, wall=0)
    if start is not None:
        start, length, sure = _length(component, start, places, problems)
        uncertain = uncertain or not sure
        if start.unknown is not None:
            problems.append("the time zone is unknown")
    return EventText(
        uid=component.value("UID"),
        start=start,
        length=length,
        weight=_weight(component, status, addresses),
        confirmed=status == "CONFIRMED",
        recurrence_id=_moment(recurrence, places, problems),
        this_and_future=bool(recurrence and recurrence.params.get("RANGE", "").upper() == "THISANDFUTURE"),
        version=(_integer(component.value("SEQUENCE")), component.value("DTSTAMP")),
        rules=tuple(item.value for item in component.all("RRULE")),
        extras=_extras(component, places, problems),
        excluded=_excluded(component, places, problems),
        uncertain=uncertain,
        overfull=len(component.all("RRULE")) > MAX_RULES or len(_values(component, "RDATE")) > MAX_DATES,
        problems=tuple(dict.fromkeys(problems)),
    )


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _moment(item: Property | None, places: Places, problems: list[str]) -> Moment | None:
    if item is None:
        return None
    try:
        return moment(item.value, item.params, places)
    except Unreadable:
        problems.append(f"{item.name} cannot be read")
        return None


def _length(component: Component, start: Moment, places: Places, problems: list[str]) -> tuple[Moment, Length, bool]:
    """(start, length, whether both are certain). An end before the start is read the other way round."""
    default = Length(exact=86_400, wall=86_400) if start.all_day else Length(exact=0, wall=0)
    unknown = Length(exact=86_400, wall=86_400)
    item = component.first("DTEND")
    if item is not None:
        end = _moment(item, places, problems)
        if end is None:
            return start, unknown, False
        if end.unknown is not None and start.unknown is None:
            problems.append("the time zone of the end is unknown")
            return start, unknown, False
        length = between(start, end)
        if length.exact < 0:
            problems.append("the end lies before the start")
            return end, between(end, start), False
        return start, default if start.all_day and length.exact == 0 else length, True
    item = component.first("DURATION")
    if item is None:
        broken = "DTEND" in component.broken or "DURATION" in component.broken
        return start, unknown if broken else default, not broken
    try:
        span = duration(item.value)
    except Unreadable:
        problems.append("DURATION cannot be read")
        return start, unknown, False
    if span < timedelta(0):
        problems.append("the end lies before the start")
        return (
            replace(start, wall=zones.from_clock(zones.clock(start.wall) + _whole(span))),
            Length(exact=-_whole(span), wall=-_whole(span)),
            False,
        )
    if start.all_day and not span:
        return start, default, True
    return start, Length(exact=_whole(span), wall=_whole(span)), True


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


def _extras(component: Component, places: Places, problems: list[str]) -> tuple[Extra, ...]:
    found: list[Extra] = []
    for item, text in _values(component, "RDATE")[:MAX_DATES]:
        begin, slash, rest = text.partition("/")
        try:
            start = moment(begin, item.params, places)
            length = None
            if slash and rest.strip().upper().startswith(("P", "+P")):
                span = duration(rest)
                length = Length(exact=_whole(span), wall=_whole(span))
            elif slash:
                length = between(start, moment(rest, item.params, places))
            found.append(Extra(start=start, length=length))
        except Unreadable:
            problems.append("RDATE cannot be read")
    return tuple(found)


def _excluded(component: Component, places: Places, problems: list[str]) -> tuple[Moment, ...]:
    found: list[Moment] = []
    for item, text in _values(component, "EXDATE")[:MAX_DATES]:
        try:
            found.append(moment(text, item.params, places))
        except Unreadable:
            problems.append("EXDATE cannot be read")
    return tuple(found)


def _values(component: Component, name: str) -> list[tuple[Property, str]]:
    return [(item, text) for item in component.all(name) for text in item.value.split(",") if text.strip()]
