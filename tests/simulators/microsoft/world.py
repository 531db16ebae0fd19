"""A simulated Microsoft: people, their mailboxes, calendars and events, and who changed what."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import cast

from tests.simulators.microsoft import ical
from tests.simulators.microsoft.errors import GraphError, Json, missing
from tests.simulators.microsoft.recurrence import dates, instant, wall, written
from tests.simulators.microsoft.subscriptions import Subscription
from tests.simulators.microsoft.tokens import App, Consents
from tests.simulators.panel import Fault, Panel, Seen


def new_id(prefix: str = "AAkALg") -> str:
    """As Graph's: case counts, and `-`, `_`, `=` occur."""
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(42)).decode() + "A="


@dataclass(kw_only=True)
class Event:
    """A single event or a series. `data` is what was written; `changed` replaces fields of the occurrences of some
    dates, None stands for a cancelled one. `rest_id` is the id for those who do not ask for immutable ones."""

    id: str
    rest_id: str
    data: Json
    properties: dict[str, str] = field(default_factory=dict)
    changed: dict[date, Json | None] = field(default_factory=dict)
    version: int = 1
    transaction: str = ""

    @property
    def series(self) -> bool:
        return bool(self.data.get("recurrence"))

    @property
    def etag(self) -> str:
        return f'W/"{self.id[-8:]}{self.version}"'


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An event as a view holds it; `moment` None for a single event, else the date of the occurrence."""

    event: Event
    data: Json
    start: datetime
    end: datetime
    day: date | None = None

    @property
    def kind(self) -> str:
        if self.day is None:
            return "singleInstance"
        return "exception" if self.day in self.event.changed else "occurrence"


@dataclass(kw_only=True)
class Calendar:
    """`log` holds (change number, id of the event) for delta queries; `epoch` kills links of earlier ones."""

    id: str
    name: str
    owner: str
    default: bool = False
    can_edit: bool = True
    events: dict[str, Event] = field(default_factory=dict)
    deleted: dict[str, Event] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)
    epoch: int = 0

    def find(self, name: str) -> Event:
        """By either id. Raises GraphError 404."""
        for event in self.events.values():
            if name in (event.id, event.rest_id):
                return event
        raise missing()

    def occurrences(self, event: Event) -> Iterator[Shown]:
        """All of a series, or the single event."""
        start, zone = wall(event.data["start"], "start")
        end, end_zone = wall(event.data["end"], "end")
        if not event.series:
            yield Shown(event=event, data=event.data, start=instant(start, zone), end=instant(end, end_zone))
            return
        for day in dates(cast("Json", event.data["recurrence"]), start):
            other = event.changed.get(day, {})
            if other is None:
                continue
            data = event.data | other
            if "start" in other:
                (first, first_zone), (last, last_zone) = wall(data["start"], "start"), wall(data["end"], "end")
            else:
                first = datetime.combine(day, start.time())
                last, first_zone, last_zone = first + (end - start), zone, end_zone
            yield Shown(event=event, data=data, day=day, start=instant(first, first_zone), end=instant(last, last_zone))

    def view(self, low: datetime, high: datetime) -> list[Shown]:
        found = [
            shown
            for event in self.events.values()
            for shown in self.occurrences(event)
            if (shown.start < high and shown.end > low) or (shown.start == shown.end and low <= shown.start < high)
        ]
        return sorted(found, key=lambda each: (each.start, each.event.id))


class CalendarApp:
    """What the owner does in Outlook."""

    def __init__(self, world: MicrosoftWorld, calendar: Calendar) -> None:
        self.world, self.calendar = world, calendar

    def put(self, event: Json) -> str:
        """Add an event in Graph's JSON; its id."""
        with self.world.lock:
            return self.world.store(self.calendar, event, by_owner=True).id

    def change(self, name: str, day: date | None = None, **fields: object) -> None:
        """Set fields of an event, or of a series' occurrence of a date."""
        with self.world.lock:
            event = self.calendar.find(name)
            if day is None:
                event.data = event.data | fields
            else:
                event.changed[day] = {**(event.changed.get(day) or {}), **fields}
            self.world.touch(self.calendar, event)

    def cancel(self, name: str, day: date) -> None:
        """Delete one occurrence."""
        with self.world.lock:
            event = self.calendar.find(name)
            event.changed[day] = None
            self.world.touch(self.calendar, event)

    def delete(self, name: str) -> None:
        with self.world.lock:
            self.world.remove(self.calendar, self.calendar.find(name))

    def put_ical(self, text: str, *, name: str | None = None) -> str:
        """Add the event of an iCalendar text, or replace `name`; marks of programs stay. Raises Inexpressible."""
        with self.world.lock:
            data, changed = ical.from_ical(text)
            if name is None:
                event = self.world.store(self.calendar, data, by_owner=True)
            else:
                event = self.calendar.find(name)
                event.data = data
            event.changed = changed
            self.world.touch(self.calendar, event)
            return event.id

    def events(self) -> list[Event]:
        with self.world.lock:
            return list(self.calendar.events.values())

    def expire_delta(self) -> None:
        """The delta links that are out answer 410."""
        self.calendar.epoch += 1


@dataclass(kw_only=True)
class User:
    world: MicrosoftWorld
    email: str
    sub: str
    personal: bool
    calendars: dict[str, Calendar] = field(default_factory=dict)
    blocked: bool = False
    """Their organisation wants an administrator's consent."""

    def calendar(self) -> CalendarApp:
        return CalendarApp(self.world, next(each for each in self.calendars.values() if each.default))

    def add_calendar(self, name: str, *, can_edit: bool = True) -> CalendarApp:
        made = Calendar(id=new_id("AAMkAGI"), name=name, owner=self.email, can_edit=can_edit)
        self.calendars[made.id] = made
        return CalendarApp(self.world, made)


@dataclass
class MicrosoftWorld:
    """`mails` is what Outlook would have sent to attendees. `rotate`: a used refresh token is dead at once.
    `page_cap` bounds every page. `replay`: delta rounds show each item twice. `lag`: how many of the newest changes a
    delta round does not know yet. `at_once` requests of one mailbox are served at a time, more answer 429."""

    panel: Panel = field(default_factory=lambda: Panel("Microsoft"))
    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    mails: list[Json] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    rotate: bool = False
    page_cap: int | None = None
    replay: bool = False
    lag: int = 0
    at_once: int = 4
    most_at_once: int = 0
    max_subscription: timedelta = timedelta(minutes=10_080)
    seq: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    busy: dict[str, int] = field(default_factory=dict)
    rounds: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.consents = Consents(self)
        self.told: list[Callable[[Calendar, Event, str], None]] = []

    def now(self) -> datetime:
        return self.panel.now()

    @property
    def requests(self) -> list[Seen]:
        return self.panel.requests

    def add_user(self, email: str, *, personal: bool = False) -> User:
        """A person with an empty default calendar."""
        user = User(world=self, email=email, sub=secrets.token_urlsafe(24), personal=personal)
        user.add_calendar("Calendar").calendar.default = True
        self.users[email] = user
        return user

    def user(self, email: str) -> User:
        return self.users[email]

    def app(self, client_id: str, secret: str, redirect_uris: tuple[str, ...] | list[str]) -> App:
        app = App(client_id=client_id, secret=secret, redirect_uris=tuple(redirect_uris))
        self.apps[client_id] = app
        return app

    def store(self, calendar: Calendar, data: Json, *, by_owner: bool = False) -> Event:
        """A new event."""
        data = dict(data)
        properties = cast("list[dict[str, str]]", data.pop("singleValueExtendedProperties", []))
        event = Event(
            id=new_id(),
            rest_id=new_id("AAMkAG"),
            data=data,
            properties={each["id"]: each["value"] for each in properties},
            transaction=str(data.pop("transactionId", "")),
        )
        list(zip(range(3), calendar.occurrences(event), strict=False))  # refuses what cannot be read
        calendar.events[event.id] = event
        if data.get("attendees") and not by_owner:
            self.mails.append({"to": data["attendees"], "event": event.id, "what": "invitation"})
        self.touch(calendar, event, "created", new=True)
        return event

    def touch(self, calendar: Calendar, event: Event, what: str = "updated", *, new: bool = False) -> None:
        """Count a change and tell the subscriptions."""
        self.seq += 1
        event.version += 0 if new else 1
        calendar.log.append((self.seq, event.id))
        for tell in self.told:
            tell(calendar, event, what)

    def remove(self, calendar: Calendar, event: Event) -> None:
        """To Deleted Items."""
        del calendar.events[event.id]
        calendar.deleted[event.id] = event
        self.touch(calendar, event, "deleted")

    def refuse(self, error: GraphError, *, method: str = "*", path: str = "^/v1.0/", **when: object) -> Fault:
        """Answer matching requests with an error in Graph's shape; `when` as for Panel.fault."""
        return self.panel.fault(method, path, status=error.status, body=error.body, headers=error.headers, **when)


def shown_times(shown: Shown) -> Json:
    """start and end in UTC; of a whole day the wall date, as midnight "UTC"."""
    if shown.data.get("isAllDay"):
        found: Json = {}
        for name in ("start", "end"):
            moment, _ = wall(shown.data[name], name)
            if shown.day is not None and "start" not in (shown.event.changed.get(shown.day) or {}):
                first, _ = wall(shown.event.data["start"], "start")
                moment += datetime.combine(shown.day, first.time()) - first
            found[name] = {"dateTime": f"{moment:%Y-%m-%dT00:00:00}.0000000", "timeZone": "UTC"}
        return found
    zones = {name: str(cast("Mapping[str, object]", shown.data[name]).get("timeZone")) for name in ("start", "end")}
    timed: Json = {"start": written(shown.start), "end": written(shown.end)}
    for name, zone in zones.items():
        if "Custom" in zone:
            # Nobody can convert from such a zone: it comes back as it was written.
            timed[name] = {"dateTime": str(cast("Json", shown.data[name])["dateTime"]), "timeZone": zone}
    return timed
