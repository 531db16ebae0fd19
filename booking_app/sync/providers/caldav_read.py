"""What changed in a calendar, completely or not at all (RFC 6578, RFC 4791 sections 7.8 and 7.9)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from booking_app.sync import ical, limits
from booking_app.sync.errors import CursorExpired, Gone, Rejected, Transient
from booking_app.sync.model import Busy, CalendarRef, Delta, Known, RemoteCalendar, RemoteObject
from booking_app.sync.providers import caldav_xml as xml
from booking_app.sync.providers.caldav_cursor import Cursor, State
from booking_app.sync.providers.caldav_discovery import list_calendars
from booking_app.sync.providers.caldav_wire import Wire
from booking_app.sync.providers.caldav_zone import zone_of

BATCH = 50
_MAX_PAGES = 2_000
MAX_OBJECTS = 100_000
"""Events of a calendar, series counted once."""
_DAY = 86_400
_PAUSE = 100
_INVALID_TOKEN = frozenset({400, 403, 404, 405, 409, 410, 412, 415, 422, 500, 501})
_NO_REPORT = frozenset({400, 403, 404, 405, 409, 412, 415, 422, 500, 501})

Expand = Callable[[list[ical.RawObject], str, Collection[str], tuple[int, int]], Awaitable[list[RemoteObject]]]
"""Where calendar objects are expanded: inline, or in a worker process."""


async def expand_inline(
    objects: list[ical.RawObject], zone: str, addresses: Collection[str], window: tuple[int, int]
) -> list[RemoteObject]:
    return ical.expand_objects(objects, zone, addresses, window)


@dataclass(kw_only=True, slots=True)
class _Listing:
    """Members (comparable path -> path as sent, etag) and removals, later pages over earlier ones."""

    members: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    token: str | None = None


class Reader:
    """`address` is a URL or a mail address: where the search for calendars begins."""

    def __init__(self, wire: Wire, address: str, expand: Expand) -> None:
        self._wire = wire
        self._address = address
        self._expand = expand

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        return await list_calendars(self._wire, self._address)

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        """See `CalendarProvider.changes`."""
        before = Cursor.read(cursor) if cursor else None
        state = await self._state(calendar)
        if before is not None and not before.pending and before.holds(state):
            return Delta(objects=(), cursor=cursor, zone=state.zone)
        held = await known()
        keys = {xml.comparable(key): key for key in held}
        full = before is None or not before.token
        if before is not None and before.token:
            listing = await self._changed_since(calendar, before.token)
            full = await self._leaves_out(calendar, listing, keys)
        if full:
            listing = await self._everything(calendar, state, keys)
        pending = before.pending if before else ()
        for path in pending:
            listing.members.setdefault(xml.comparable(path), (path, None))
        wanted, unchanged = [], set()
        for same, (path, etag) in listing.members.items():
            key = keys.get(same, path)
            if etag is not None and held.get(key) == etag:
                unchanged.add(key)
            else:
                wanted.append(key)
        absent = keys.keys() - listing.members.keys()
        if before is not None and (not full or before.leaves_open(wanted, absent)):
            # The server says that these changed, so that they bear the same version means nothing.
            again = random.sample(sorted(unchanged), min(len(unchanged), BATCH))
            wanted += again
            unchanged -= set(again)
        objects, missing = await self._download(calendar, wanted, window)
        gone = {keys[same] for same in listing.removed if same in keys}
        gone.update(path for path in missing if path in held)
        # A new member that is listed but cannot be read yet is asked for once more in the next round.
        late = tuple(path for path in missing if path not in held and path not in pending)
        ctag = state.ctag if listing.token is None else None
        after = Cursor(token=listing.token, ctag=ctag, pending=late)
        return Delta(
            objects=tuple(objects),
            gone=frozenset() if full else frozenset(gone),
            unchanged=frozenset(unchanged),
            cursor=after.write(),
            full=full,
            zone=state.zone,
        )

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        """See `CalendarProvider.busy_now`. The query is a day wider on both sides: servers place floating and
        all-day events in UTC."""
        wide = (window[0] - _DAY, window[1] + _DAY)
        reply = await self._wire.report(calendar.remote_id, 1, xml.time_range(wide))
        listed = self._wire.multistatus(reply, "reading the busy times")
        if any(item.status is not None and item.status >= 400 for item in listed.responses):
            raise Transient("The calendar server could not list all events.")
        raw: list[ical.RawObject] = []
        async for path, _, item in self._members(calendar, listed):
            with contextlib.suppress(Gone):  # deleted while it was being read
                raw.append(await self._object(calendar, path, item))
        found = await self._expand(raw, calendar.zone, calendar.addresses, window) if raw else []
        return tuple((item.uid, busy) for item in found for busy in ical.within(item.busy, window))

    async def _state(self, calendar: CalendarRef) -> State:
        url = calendar.remote_id
        listed = await self._wire.propfind(url, 0, xml.STATE, "looking at the calendar")
        own = xml.comparable(urlsplit(url).path).rstrip("/")
        response = next(
            (item for item in listed.responses if xml.comparable(xml.path_of(item.href, url)).rstrip("/") == own), None
        )
        if response is None:
            raise Transient("The calendar server's answer does not name the calendar.")
        if response.status in (404, 410):
            raise Gone("The calendar does not exist any more.")
        if not response.has_kind(f"{xml.CALDAV}calendar"):
            raise Rejected("What stands at the calendar's address is not a calendar.")
        reports = response.props.get(f"{xml.DAV}supported-report-set")
        token = response.text(f"{xml.DAV}sync-token")
        can_sync = (
            any(True for _ in reports.iter(f"{xml.DAV}sync-collection")) if reports is not None else token is not None
        )
        return State(token=token, ctag=response.text(xml.CTAG), zone=zone_of(response), can_sync=can_sync)

    async def _everything(self, calendar: CalendarRef, state: State, keys: dict[str, str]) -> _Listing:
        """All members now. A list that misses known members is checked against the server's other list."""
        if not state.can_sync:
            return await self._listed(calendar)
        listing = await self._sync(calendar, "")
        if listing is None:
            return await self._listed(calendar)
        if not listing.members or any(key not in listing.members for key in keys):
            other = await self._listed(calendar)
            if any(same not in listing.members for same in other.members):
                raise Transient("The calendar server gave two different lists of its events.")
        return listing

    async def _leaves_out(self, calendar: CalendarRef, listing: _Listing, keys: Mapping[str, str]) -> bool:
        """Whether changes are missing from a list of changes: one of the objects that it does not mention is gone. So
        it is where a server forgot the token and answers, not with an error, but as if it had been given none: then
        whatever was deleted is unmentioned, and any of these objects shows it."""
        silent = sorted(key for same, key in keys.items() if same not in listing.members.keys() | listing.removed)
        return bool(silent) and not await self._wire.exists(calendar.remote_id, random.choice(silent))

    async def _changed_since(self, calendar: CalendarRef, token: str) -> _Listing:
        listing = await self._sync(calendar, token)
        if listing is None:
            raise CursorExpired("The calendar server no longer knows what changed since the last read.")
        return listing

    async def _sync(self, calendar: CalendarRef, token: str) -> _Listing | None:
        """All pages of a sync-collection report; None if the server refuses the token or the report."""
        found = _Listing()
        for _ in range(_MAX_PAGES):
            reply = await self._wire.report(calendar.remote_id, 0, xml.sync_collection(token))
            if reply.status in (_INVALID_TOKEN if token else _NO_REPORT):
                return None
            if reply.status != 207 and f"{xml.DAV}valid-sync-token" in xml.error_elements(reply.body):
                return None
            page = self._wire.multistatus(reply, "reading what changed")
            if page.token is None:
                raise Transient("The calendar server's list of changes is not complete.")
            async for path, same, item in self._members(calendar, page):
                if item.status in (404, 410):
                    found.members.pop(same, None)
                    found.removed.add(same)
                else:
                    found.removed.discard(same)
                    found.members[same] = (path, item.text(f"{xml.DAV}getetag"))
            _check_size(found)
            found.token = page.token
            if all(item.status != 507 for item in page.responses):
                return found
            # A page that says that there is more brings some of it.
            if page.token == token or len(page.responses) < 2:
                break
            token = page.token
        raise Transient("The calendar server's list of changes does not end.")

    async def _listed(self, calendar: CalendarRef) -> _Listing:
        """All members by PROPFIND, for servers without sync-collection."""
        url = calendar.remote_id
        page = await self._wire.propfind(url, 1, xml.MEMBERS, "listing the events")
        own = xml.comparable(urlsplit(url).path).rstrip("/")
        if all(xml.comparable(xml.path_of(item.href, url)).rstrip("/") != own for item in page.responses):
            raise Transient("The calendar server's list of events is not complete.")
        if any(item.status is not None and item.status >= 400 for item in page.responses):
            raise Transient("The calendar server could not list all events.")
        found = _Listing()
        async for path, same, item in self._members(calendar, page):
            found.members[same] = (path, item.text(f"{xml.DAV}getetag"))
        _check_size(found)
        return found

    async def _members(
        self, calendar: CalendarRef, page: xml.Multistatus
    ) -> AsyncIterator[tuple[str, str, xml.Response]]:
        """(path, comparable path, answer) of the objects of a list: neither the collection itself nor collections in
        it. A long list lets others have their turn."""
        own = xml.comparable(urlsplit(calendar.remote_id).path).rstrip("/")
        for number, item in enumerate(page.responses):
            if number % _PAUSE == 0:
                await asyncio.sleep(0)
            path = xml.path_of(item.href, calendar.remote_id)
            same = xml.comparable(path)
            if same.rstrip("/") == own or same.endswith("/") or item.has_kind(f"{xml.DAV}collection"):
                continue
            yield path, same, item

    async def _download(
        self, calendar: CalendarRef, paths: Sequence[str], window: tuple[int, int]
    ) -> tuple[list[RemoteObject], list[str]]:
        """The objects at `paths`, expanded, and the paths that the server confirms do not exist."""
        gathered = limits.Gathered(limits.BLOCKS)
        missing: list[str] = []
        for begin in range(0, len(paths), BATCH):
            batch = paths[begin : begin + BATCH]
            reply = await self._wire.report(calendar.remote_id, 0, xml.multiget(batch))
            listed = self._wire.multistatus(reply, "reading events")
            answers = {xml.comparable(xml.path_of(item.href, calendar.remote_id)): item for item in listed.responses}
            asked = {xml.comparable(path): path for path in batch}
            if len(batch) > 1 and not answers.keys() & asked.keys():
                raise Transient("The calendar server answered for none of the events.")
            raw: list[ical.RawObject] = []
            for same, path in asked.items():
                try:
                    raw.append(await self._object(calendar, path, answers.get(same)))
                except Gone:
                    missing.append(path)
            if raw:
                gathered.add(await self._expand(raw, calendar.zone, calendar.addresses, window))
        return gathered.objects, missing

    async def _object(self, calendar: CalendarRef, path: str, answer: xml.Response | None) -> ical.RawObject:
        """(path, etag, bytes) from a report's answer; asked for singly where the answer lacks them. Raises
        `Gone` only when the object itself was asked for and does not exist."""
        if answer is not None:
            etag, data = answer.text(f"{xml.DAV}getetag"), answer.text(f"{xml.CALDAV}calendar-data")
            if etag and data and answer.status in (None, 200):
                return path, etag, data.encode()
        stored = await self._wire.fetch(calendar.remote_id, path)
        if stored is None:
            raise Gone("The event does not exist any more.")
        return path, stored.etag, stored.data


def _check_size(listing: _Listing) -> None:
    if len(listing.members) + len(listing.removed) > MAX_OBJECTS:
        raise Rejected(
            f"The calendar has more than {MAX_OBJECTS:,} events, which is more than can be read. Move old ones into "
            "another calendar."
        )
