"""The owner's Outlook: what a person does to their own events, in Graph's JSON; every change is told to subscribers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tests.simulators.microsoft import edits, views
from tests.simulators.microsoft.errors import GraphError, Json, not_found
from tests.simulators.microsoft.ical import Draft, Inexpressible, from_ical
from tests.simulators.microsoft.mailbox import Calendar, Instance, Item, Ref
from tests.simulators.microsoft.tokens import new_guid

if TYPE_CHECKING:
    from tests.simulators.microsoft.world import MicrosoftWorld, User

_IMMUTABLE = views.Prefs(immutable=True)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One that the owner looks at: `data` is what was said of it and no more, `properties` are what programs marked it
    with, by property id."""

    id: str
    data: Json
    properties: dict[str, str]

    @property
    def series(self) -> bool:
        return self.data.get("recurrence") is not None


@dataclass(frozen=True, repr=False)
class CalendarApp:
    """Events are named by their immutable ids. Methods raise GraphError for what Outlook cannot hold."""

    world: MicrosoftWorld
    user: User
    calendar: Calendar

    @property
    def id(self) -> str:
        return self.calendar.id

    def put(self, event: Mapping[str, object], *, name: str | None = None, quiet: bool = False) -> str:
        """Add an event, or write over the one called `name`; its id. Also takes what only Outlook sets, as
        `isCancelled`, `responseStatus` and `organizer`. `quiet`: no subscriber hears of it."""
        with self.world.lock:
            if name is None:
                item = create(self.calendar, event)
                what = "created"
            else:
                instance = self._find(name)
                edits.write(instance, event)
                item, what = instance.item, "updated"
            if not quiet:
                self.world.tell(self.calendar, item, what)
            return name or self._name(item)

    def change(self, name: str, day: date | None = None, **fields: object) -> None:
        """Set some properties of an event, or of the occurrence that was to begin on `day`."""
        self.put(fields, name=name if day is None else self.occurrence(name, day))

    def cancel(self, name: str, day: date) -> None:
        """Delete one occurrence."""
        self.delete(self.occurrence(name, day))

    def occurrence(self, name: str, day: date) -> str:
        """The id of the occurrence of a series that was to begin on `day`."""
        with self.world.lock:
            item = self._find(name).item
            if not item.names_day(day.isoformat()):
                raise not_found()
            return self.user.mailbox.name(Ref(key=item.key, day=day.isoformat()), immutable=True)

    def put_ical(self, text: str, *, name: str | None = None) -> str:
        """Add the event of an iCalendar text, or replace `name` with it; marks of programs stay. A text of several
        single instances makes as many events, under the id of the first. Raises Inexpressible."""
        with self.world.lock:
            drafts = from_ical(text, zone=self.user.mailbox.zone, owner=self.user.email)
            if name is not None and len(drafts) > 1:
                raise Inexpressible("one event becomes several")
            made: list[Item] = []
            try:
                for draft in drafts:
                    made.append(create(self.calendar, draft.data) if name is None else self._replaced(name, draft))
                    self._except(made[-1], draft)
            except (GraphError, Inexpressible) as error:
                for item in made if name is None else []:
                    del self.calendar.items[item.key]
                raise Inexpressible(str(error)) from None
            for item in made:
                self.world.tell(self.calendar, item, "created" if name is None else "updated")
            return self._name(made[0])

    def _except(self, item: Item, draft: Draft) -> None:
        for day in draft.cancelled | set(draft.exceptions):
            if not item.names_day(day):
                raise Inexpressible("an exception of a day that the rule does not name")
        item.cancelled |= draft.cancelled
        for day, data in draft.exceptions.items():
            edits.write(item.instance(day), data)
        if item.is_series:
            item.version = self.calendar.touch(Ref(key=item.key))

    def _replaced(self, event_id: str, draft: Draft) -> Item:
        item = self._find(event_id).item
        blank: Json = {"recurrence": None, "isAllDay": False, "showAs": "busy", "isCancelled": False}
        blank |= {"attendees": [], "organizer": None, "responseStatus": None}
        item.exceptions.clear()
        item.cancelled.clear()
        edits.write(item.instance(), blank | draft.data)
        return item

    def delete(self, event_id: str) -> None:
        """Delete an event, a series or one occurrence."""
        with self.world.lock:
            remove(self.world, self._find(event_id))

    def restore(self, event_id: str) -> None:
        """Take an event out of Deleted Items, back into this calendar; its immutable id stays."""
        with self.world.lock:
            deleted = self.user.mailbox.deleted
            item = next((each for each in deleted.values() if self._name(each) == event_id), None)
            if item is None:
                raise not_found()
            del deleted[item.key]
            self._place(item, self.calendar)

    def move(self, event_id: str, target: CalendarApp) -> None:
        """Drag an event into another calendar of the same person; its immutable id stays."""
        with self.world.lock:
            item = self._find(event_id).item
            self.world.tell(self.calendar, item, "deleted")
            del self.calendar.items[item.key]
            self.calendar.touch(*_refs(item))
            self._place(item, target.calendar)

    def _place(self, item: Item, calendar: Calendar) -> None:
        item.calendar = calendar
        item.place += 1
        calendar.items[item.key] = item
        item.version = calendar.touch(Ref(key=item.key))
        self.world.tell(calendar, item, "created")

    def occurrences(self, event_id: str, low: str, high: str) -> list[str]:
        """The ids of a series' occurrences in a span of UTC date-times, by start."""
        with self.world.lock:
            item = self._find(event_id).item
            span = (views.date_of(low, "low"), views.date_of(high, "high"))
            return [views.identifier(each, _IMMUTABLE) for each in self.calendar.view(span) if each.item is item]

    def get(self, event_id: str) -> Json:
        """Complete, as Graph shows it."""
        with self.world.lock:
            return views.event(self.user, self._find(event_id), views.Prefs(immutable=True, text=True))

    def events(self) -> list[Event]:
        """All single events and series, in the order of their making."""
        with self.world.lock:
            found = [(self._name(item), item) for item in self.calendar.items.values()]
            return [Event(id=name, data=dict(item.data), properties=dict(item.marks)) for name, item in found]

    def rename(self, name: str) -> None:
        self.calendar.name = name

    def remove(self) -> None:
        """Delete the calendar with all that is in it."""
        with self.world.lock:
            del self.user.mailbox.calendars[self.calendar.id]

    def expire_delta(self) -> None:
        """The next delta rounds of this calendar answer 410."""
        with self.world.lock:
            for cursor in self.world.cursors.values():
                if cursor.calendar is self.calendar:
                    cursor.expired = True

    def _find(self, event_id: str) -> Instance:
        return self.user.mailbox.find(event_id, self.calendar)

    def _name(self, item: Item) -> str:
        return self.user.mailbox.name(Ref(key=item.key), immutable=True)


def create(calendar: Calendar, event: Mapping[str, object]) -> Item:
    """A new item. Raises GraphError 400."""
    data = edits.complete(event, {}, series=True)
    marks = edits.marks(event)
    now = calendar.mailbox.now()
    key = new_guid()
    data.setdefault("iCalUId", f"040000008200E00074C5B7101A82E008{key.replace('-', '').upper()}")
    item = Item(key=key, calendar=calendar, data=data, made=now, changed=now, marks=marks)
    calendar.items[key] = item
    item.version = calendar.touch(Ref(key=key))
    return item


def remove(world: MicrosoftWorld, instance: Instance) -> None:
    """Into Deleted Items, or an occurrence out of its series. Attendees of one's own meetings are told."""
    item, calendar = instance.item, instance.item.calendar
    if views.event(world.user(calendar.mailbox.owner), instance, _IMMUTABLE)["isOrganizer"]:
        world.mail(instance, "cancellation")
    if instance.day:
        item.cancelled.add(instance.day)
        item.exceptions.pop(instance.day, None)
        item.version = calendar.touch(instance.ref)
        world.tell(calendar, item, "updated")
        return
    world.tell(calendar, item, "deleted")
    del calendar.items[item.key]
    calendar.mailbox.deleted[item.key] = item
    calendar.touch(*_refs(item))
    item.place += 1


def _refs(item: Item) -> list[Ref]:
    return [Ref(key=item.key), *(Ref(key=item.key, day=day) for day in item.exceptions)]
