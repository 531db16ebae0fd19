"""A calendar server in memory, with the semantics of a real one: versions, cursors, conditions, and faults on demand.

It stores calendar objects as bytes and reads them with the same functions as CalDAV, so what blocks is decided in
one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC

from booking_app.sync import ical, zones
from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    EditConflict,
    Gone,
    ProviderError,
    Rejected,
    Transient,
)
from booking_app.sync.ical_merge import merge_event
from booking_app.sync.ical_text import Places
from booking_app.sync.ical_write import parse_own, write_event
from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    OwnEvent,
    RemoteCalendar,
    Written,
)

READS = frozenset({"list_calendars", "changes", "busy_now", "get", "find"})
WRITES = frozenset({"put", "remove"})


@dataclass(kw_only=True)
class _Fault:
    verbs: frozenset[str]
    error: Callable[[], ProviderError]
    times: int | None
    after: bool


@dataclass(kw_only=True)
class _Calendar:
    shown: RemoteCalendar
    account: str
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    """The keys touched, oldest first: the revision is its length."""
    oldest: int = 0
    """Cursors before this revision are no longer known."""


@dataclass(kw_only=True)
class MemoryServer:
    """Accounts and their calendars. The methods without `async` are what somebody does in their calendar app."""

    passwords: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds that every answer takes."""
    hidden: int = 0
    """How many objects the next complete reads leave out: a server whose reply silently lost its end."""
    denies: bool = False
    """Whether it says of every single object that there is none: a server that lost its data."""
    calls: list[str] = field(default_factory=list)
    """Every verb that a provider asked for, in order."""
    _calendars: dict[str, _Calendar] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)
    _versions: int = 0

    def add_calendar(self, account: str, name: str, *, zone: str = "UTC", can_write: bool = True) -> str:
        """Create a calendar; returns its remote id."""
        remote_id = f"memory://{account}/{name}/"
        shown = RemoteCalendar(remote_id=remote_id, name=name, zone=zone, can_write=can_write)
        self._calendars[remote_id] = _Calendar(shown=shown, account=account)
        return remote_id

    def move_calendar(self, remote_id: str, zone: str) -> None:
        """Set the zone of a calendar."""
        calendar = self._calendars[remote_id]
        calendar.shown = replace(calendar.shown, zone=zone)

    def drop_calendar(self, remote_id: str) -> None:
        del self._calendars[remote_id]

    def store(self, remote_id: str, name: str, data: bytes) -> str:
        """Write an object as its owner would; returns its key."""
        calendar = self._calendars[remote_id]
        key = f"/{calendar.account}/{calendar.shown.name}/{name}"
        self._versions += 1
        calendar.objects[key] = (f'"{self._versions}"', data)
        calendar.history.append(key)
        return key

    def erase(self, remote_id: str, key: str) -> None:
        calendar = self._calendars[remote_id]
        del calendar.objects[key]
        calendar.history.append(key)

    def read(self, remote_id: str) -> dict[str, bytes]:
        """All objects of a calendar: key -> bytes."""
        return {key: data for key, (_, data) in self._calendars[remote_id].objects.items()}

    def expire_cursors(self, remote_id: str) -> None:
        calendar = self._calendars[remote_id]
        calendar.oldest = len(calendar.history) + 1
        calendar.history.append("")

    def fail(
        self,
        error: Callable[[], ProviderError],
        *,
        verbs: frozenset[str] = READS | WRITES,
        times: int | None = None,
    ) -> None:
        """Answer `verbs` with an error, `times` times or until `heal`."""
        self._faults.append(_Fault(verbs=verbs, error=error, times=times, after=False))

    def lose_replies(self, *, verbs: frozenset[str] = WRITES, times: int | None = 1) -> None:
        """Do what is asked but break off before the answer."""
        broken = _Fault(verbs=verbs, error=lambda: Transient("The answer was lost."), times=times, after=True)
        self._faults.append(broken)

    def heal(self) -> None:
        self._faults.clear()
        self.delay, self.hidden, self.denies = 0.0, 0, False

    def account_calendars(self, account: str) -> tuple[RemoteCalendar, ...]:
        return tuple(item.shown for item in self._calendars.values() if item.account == account)

    def calendar(self, account: str, remote_id: str) -> _Calendar:
        found = self._calendars.get(remote_id)
        if found is None or found.account != account:
            raise Gone("The calendar does not exist.")
        return found

    def strike(self, verb: str, *, after: bool) -> None:
        """Raise the error that is due for `verb`, if one is."""
        for fault in self._faults:
            if verb in fault.verbs and fault.after is after and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                raise fault.error()


class MemoryProvider:
    """A `CalendarProvider` over a `MemoryServer`."""

    def __init__(self, server: MemoryServer, *, account: str, password: str = "") -> None:
        self._server = server
        self._account = account
        self._password = password

    async def _enter(self, verb: str) -> None:
        self._server.calls.append(verb)
        await asyncio.sleep(self._server.delay)
        if self._server.passwords.get(self._account, self._password) != self._password:
            raise AccessLost("The user name or password is wrong.")
        self._server.strike(verb, after=False)

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        await self._enter("list_calendars")
        return self._server.account_calendars(self._account)

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        await self._enter("changes")
        stored = self._server.calendar(self._account, calendar.remote_id)
        if cursor == str(len(stored.history)):
            self._server.strike("changes", after=True)
            return Delta(objects=(), cursor=cursor)
        held = await known()
        revision = str(len(stored.history))
        if cursor is None:
            visible = len(stored.objects) - self._server.hidden
            touched = list(stored.objects)[: max(0, visible)]
        else:
            if not cursor.isdecimal() or not stored.oldest <= int(cursor) <= len(stored.history):
                raise CursorExpired("The cursor is not known any more.")
            touched = list(dict.fromkeys(stored.history[int(cursor) :]))
        present = [key for key in touched if key in stored.objects]
        unchanged = frozenset(key for key in present if held.get(key) == stored.objects[key][0])
        raw = [(key, *stored.objects[key]) for key in present if key not in unchanged]
        found = ical.expand_objects(raw, calendar.zone, calendar.addresses, window)
        gone = frozenset(key for key in touched if key not in stored.objects and key in held)
        self._server.strike("changes", after=True)
        return Delta(objects=tuple(found), gone=gone, unchanged=unchanged, cursor=revision, full=cursor is None)

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        await self._enter("busy_now")
        stored = self._server.calendar(self._account, calendar.remote_id)
        raw = [(key, etag, data) for key, (etag, data) in stored.objects.items()]
        found = ical.expand_objects(raw, calendar.zone, calendar.addresses, window)
        return tuple((item.uid, busy) for item in found for busy in ical.within(item.busy, window))

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        await self._enter("put")
        stored = self._server.calendar(self._account, calendar.remote_id)
        if not stored.shown.can_write:
            raise AccessLost("The calendar may not be written to.")
        again = key is None or (etag is not None and key in stored.objects and stored.objects[key][0] != etag)
        if key is None:
            key = next((item for item, own in self._own(stored, calendar) if own.uid == draft.uid), None)
        elif key not in stored.objects:
            raise Gone("The event is no longer in the calendar.")
        elif etag is not None and stored.objects[key][0] != etag and not self._stands(stored, key, calendar, draft):
            raise EditConflict("Somebody else changed the event.")
        if key is None or not (again and self._stands(stored, key, calendar, draft)):
            name = key.rpartition("/")[2] if key else draft.uid.partition("@")[0] + ".ics"
            text = merge_event(stored.objects[key][1], draft) if key else write_event(draft)
            key = self._server.store(calendar.remote_id, name, text)
        self._server.strike("put", after=True)
        return Written(key=key, etag=stored.objects[key][0])

    def _own(self, stored: _Calendar, calendar: CalendarRef) -> Iterator[tuple[str, OwnEvent]]:
        for key, (_, data) in stored.objects.items():
            own = parse_own(data, _places(calendar)) if ical.OWN_UID_SUFFIX.encode() in data else None
            if own is not None:
                yield key, own

    def _stands(self, stored: _Calendar, key: str, calendar: CalendarRef, draft: EventDraft) -> bool:
        data = stored.objects[key][1]
        own, wanted = (parse_own(each, _places(calendar)) for each in (data, merge_event(data, draft)))
        return own is not None and wanted is not None and not own.cancelled and own.fields == wanted.fields

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        await self._enter("get")
        stored = self._server.calendar(self._account, calendar.remote_id)
        if key not in stored.objects or self._server.denies:
            return None
        etag, data = stored.objects[key]
        own = parse_own(data, _places(calendar))
        if own is None:
            raise Rejected("What stands at the event's place is not our event.")
        return own, etag

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        await self._enter("find")
        stored = self._server.calendar(self._account, calendar.remote_id)
        return next((key for key, own in self._own(stored, calendar) if own.uid == uid and not own.cancelled), None)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        await self._enter("remove")
        stored = self._server.calendar(self._account, calendar.remote_id)
        if key in stored.objects:
            if etag is not None and stored.objects[key][0] != etag:
                raise EditConflict("Somebody else changed the event.")
            self._server.erase(calendar.remote_id, key)
        self._server.strike("remove", after=True)

    async def close(self) -> None:
        return None


def _places(calendar: CalendarRef) -> Places:
    return Places(owner=zones.named(calendar.zone) or UTC, embedded={})
