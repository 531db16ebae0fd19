"""What a mailbox holds: calendars, their events, the occurrences of series, and the ids under which all go."""

from __future__ import annotations

import base64
import itertools
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import cast

from tests.simulators.microsoft import recurrence, zones
from tests.simulators.microsoft.errors import Json, malformed_id, not_found

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_VIEWS_KEPT = 6
Span = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True)
class Ref:
    """What an id names: an item, or the occurrence of a series that was to begin on `day`."""

    key: str
    day: str = ""


@dataclass(kw_only=True)
class Exception_:
    """What one occurrence says differently."""

    data: Json
    marks: dict[str, str] = field(default_factory=dict)
    version: int = 0


@dataclass(kw_only=True, repr=False)
class Item:
    """A single event, or a series with its exceptions by day. `marks` are the extended properties. `cancelled` are the
    days taken out of a series. `place` counts the moves between folders."""

    key: str
    calendar: Calendar
    data: Json
    made: datetime
    changed: datetime
    version: int = 0
    place: int = 0
    marks: dict[str, str] = field(default_factory=dict)
    exceptions: dict[str, Exception_] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    @property
    def is_series(self) -> bool:
        return self.data.get("recurrence") is not None

    def times(self) -> tuple[datetime, datetime, str]:
        """Wall times of start and end (the first occurrence's), and the zone they are in."""
        start, end = cast("Json", self.data["start"]), cast("Json", self.data["end"])
        name = str(start["timeZone"])
        finish = datetime.fromisoformat(str(end["dateTime"]))
        if end["timeZone"] != name:
            finish = zones.instant(end).astimezone(zones.known(name)).replace(tzinfo=None)
        return datetime.fromisoformat(str(start["dateTime"])), finish, name

    def days(self) -> Iterator[str]:
        """The days that the pattern names, those taken out included."""
        return (day.isoformat() for day in recurrence.days(cast("Json", self.data["recurrence"])))

    def names_day(self, day: str) -> bool:
        return self.is_series and day in itertools.takewhile(lambda each: each <= day, self.days())

    def instance(self, day: str = "") -> Instance:
        """The item itself (`day` empty), or one of its occurrences."""
        if not day:
            return Instance(item=self, day="", data=self.data, version=self.version, marks=self.marks)
        start, end, name = self.times()
        begin = datetime.combine(date.fromisoformat(day), start.time())
        # Outlook keeps where an occurrence ends on the clock, not how long it takes (MS-OXOCAL, EndTimeOffset).
        placed: Json = {"start": zones.stored(begin, name), "end": zones.stored(begin + (end - start), name)}
        other = self.exceptions.get(day)
        if other is None:
            return Instance(item=self, day=day, data=self.data | placed, version=self.version, marks=self.marks)
        data = self.data | placed | other.data
        if self.data.get("isCancelled"):
            data["isCancelled"] = True
        return Instance(item=self, day=day, data=data, version=max(other.version, self.version), marks=other.marks)


@dataclass(frozen=True, kw_only=True, repr=False)
class Instance:
    """One event as Graph lists it."""

    item: Item
    day: str
    data: Json
    version: int
    marks: dict[str, str]

    @property
    def ref(self) -> Ref:
        return Ref(key=self.item.key, day=self.day)

    @property
    def kind(self) -> str:
        if not self.day:
            return "seriesMaster" if self.item.is_series else "singleInstance"
        return "exception" if self.day in self.item.exceptions else "occurrence"

    @property
    def original(self) -> datetime:
        """When the occurrence was to begin by the pattern, UTC."""
        start, _, name = self.item.times()
        wall = datetime.combine(date.fromisoformat(self.day), start.time())
        return wall.replace(tzinfo=zones.known(name)).astimezone(UTC)

    def span(self, *, days_in_utc: bool = False) -> Span:
        start, end = cast("Json", self.data["start"]), cast("Json", self.data["end"])
        if days_in_utc and self.data.get("isAllDay"):
            first, last = (datetime.fromisoformat(str(each["dateTime"])).replace(tzinfo=UTC) for each in (start, end))
            return first, last
        return zones.instant(start), zones.instant(end)


@dataclass(kw_only=True, repr=False)
class Calendar:
    """`seq` is the number of its last change, of those of the whole mailbox; `log` are those (number, what) for whoever
    follows it, `shows` what `delta` keeps between rounds. `owner` by mail address."""

    id: str
    mailbox: Mailbox
    name: str
    owner: str
    default: bool = False
    can_edit: bool = True
    color: str = "auto"
    hex_color: str = ""
    items: dict[str, Item] = field(default_factory=dict)
    seq: int = 0
    log: list[tuple[int, Ref]] = field(default_factory=list)
    changed_at: datetime | None = None
    shows: dict[tuple[Span, bool, bool], tuple[int, dict[Ref, int]]] = field(default_factory=dict)
    _views: dict[tuple[Span, bool], tuple[int, list[Instance]]] = field(default_factory=dict)

    def touch(self, *refs: Ref) -> int:
        """Note a change of these; its number."""
        self.mailbox.counter += 1
        self.seq = self.mailbox.counter
        self.changed_at = self.mailbox.now()
        self.log += [(self.seq, ref) for ref in refs]
        return self.seq

    def view(self, span: Span, *, days_in_utc: bool = False) -> list[Instance]:
        """All single events, occurrences and exceptions in the half-open `span`, by start. Never changed in place."""
        held = self._views.get((span, days_in_utc))
        if held is not None and held[0] == self.seq:
            return held[1]
        found: list[tuple[datetime, int, Instance]] = []
        for item in self.items.values():
            for each in _instances(item, span):
                start, end = each.span(days_in_utc=days_in_utc)
                if start < span[1] and (end > span[0] or start == end == span[0]):
                    found.append((start, len(found), each))
        listed = [each for *_, each in sorted(found, key=lambda entry: entry[:2])]
        self._views[span, days_in_utc] = (self.seq, listed)
        while len(self._views) > _VIEWS_KEPT:
            del self._views[next(iter(self._views))]
        return listed


def _instances(item: Item, span: Span) -> Iterator[Instance]:
    """At least those that lie in the span."""
    if not item.is_series:
        yield item.instance()
        return
    start, end, _ = item.times()
    slack = timedelta(days=2)
    low = (span[0] - (end - start) - slack).date().isoformat()
    high = (span[1] + slack).date().isoformat()
    for day in itertools.takewhile(lambda each: each <= high, item.days()):
        if day >= low and day not in item.cancelled and day not in item.exceptions:
            yield item.instance(day)
    yield from (item.instance(day) for day in item.exceptions)


@dataclass(kw_only=True, repr=False)
class Mailbox:
    """`deleted` is the folder Deleted Items. `zone` is a Windows name."""

    owner: str
    zone: str
    now: Callable[[], datetime]
    calendars: dict[str, Calendar] = field(default_factory=dict)
    deleted: dict[str, Item] = field(default_factory=dict)
    counter: int = 0
    _ids: dict[str, Ref] = field(default_factory=dict)
    _names: dict[tuple[str, str, int], str] = field(default_factory=dict)
    _twins: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> Calendar:
        return next(calendar for calendar in self.calendars.values() if calendar.default)

    def add_calendar(self, name: str, **what: object) -> Calendar:
        made = Calendar(id=self.mint("AQMk"), mailbox=self, name=name, **{"owner": self.owner, **what})  # type: ignore[arg-type]
        self.calendars[made.id] = made
        return made

    def calendar(self, calendar_id: str) -> Calendar:
        """Raises GraphError 400, 404."""
        check_id(calendar_id)
        found = self.calendars.get(calendar_id)
        if found is None:
            raise not_found()
        return found

    def item(self, key: str) -> Item:
        """Raises GraphError 404."""
        for calendar in self.calendars.values():
            if key in calendar.items:
                return calendar.items[key]
        raise not_found()

    def find(self, identifier: str, calendar: Calendar | None = None) -> Instance:
        """The event with this id of either kind, if it is in the calendar. Raises GraphError 400, 404."""
        check_id(identifier)
        ref = self._ids.get(identifier)
        if ref is None:
            raise not_found()
        item = self.item(ref.key)
        if calendar is not None and item.calendar is not calendar:
            raise not_found()
        if identifier not in (self.name(ref, immutable=True), self.name(ref, immutable=False)):
            raise not_found()  # it went by this id before it was moved
        if ref.day and (ref.day in item.cancelled or not item.names_day(ref.day)):
            raise not_found()
        return item.instance(ref.day)

    def name(self, ref: Ref, *, immutable: bool) -> str:
        """The id: one that stays, or one that ends when the item is moved to another folder."""
        return self._named(ref, -1 if immutable else self._place(ref.key))

    def name_in(self, calendar: Calendar, ref: Ref, *, immutable: bool) -> str:
        """The id under which something is known, or was until it left, to whoever looks at this calendar."""
        gone = ref.key not in calendar.items
        return self._named(ref, -1 if immutable else self._place(ref.key) - gone)

    def _named(self, ref: Ref, place: int) -> str:
        made = self._names.get((ref.key, ref.day, place))
        if made is None:
            made = self.mint("AAkA" if place < 0 else "AAMk")
            self._names[ref.key, ref.day, place] = made
            self._ids[made] = ref
        return made

    def mint(self, head: str) -> str:
        """An id that nobody has. Every second one differs from the one before it in the case of a single letter."""
        if twin := self._twins.pop(head, ""):
            return twin
        while True:
            body = base64.urlsafe_b64encode(secrets.token_bytes(44)).decode()
            letters = [place for place, letter in enumerate(body[:40]) if letter.isalpha()]
            if "-" in body and "_" in body and letters:
                break
        place = secrets.choice(letters)
        self._twins[head] = head + body[:place] + body[place].swapcase() + body[place + 1 :]
        return head + body

    def _place(self, key: str) -> int:
        held = self.deleted.get(key)
        return held.place if held is not None else self.item(key).place


def check_id(identifier: str) -> None:
    """Raises GraphError 400 for what can be no id."""
    if not _WELL_FORMED.fullmatch(identifier) or len(identifier) % 4:
        raise malformed_id()
