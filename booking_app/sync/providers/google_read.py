"""What changed in a Google calendar, completely or not at all ("Synchronize resources efficiently", "Events: list")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from booking_app.domain.intervals import merge, subtract
from booking_app.sync import ical
from booking_app.sync.errors import AccessLost, CursorExpired, Gone, Rejected, Transient
from booking_app.sync.model import Busy, CalendarRef, Delta, Known, Mode, RemoteCalendar, RemoteObject
from booking_app.sync.providers import google_text as text
from booking_app.sync.providers.caldav_read import Expand
from booking_app.sync.providers.google_wire import Wire
from booking_app.sync.providers.json_api import Item, segment

_PAGE = "2500"
_CHUNK = 60 * 86_400
"""Seconds of one free/busy question; Google's own limit is about three months."""
_SERIES = 20
"""Changed series that are read one by one, by three requests each; for more the whole list is fewer requests."""
_DENSE = 1_000
"""Occurrences of a series that are read one by one; the whole list has only the exceptions."""
_LIST = f"nextPageToken,nextSyncToken,timeZone,items({text.FIELDS})"
_SOME = f"nextPageToken,items({text.FIELDS})"


@dataclass(kw_only=True, slots=True)
class _Listing:
    """All items of a list, the last word on each, where the next read starts, and the calendar's zone."""

    items: dict[str, Item] = field(default_factory=dict)
    token: str = ""
    zone: str | None = None


class Reader:
    """`Mode.FULL` reads series with their exceptions and expands them here; `Mode.BUSY` gets occurrences only."""

    def __init__(self, wire: Wire, mode: Mode, expand: Expand) -> None:
        self._wire = wire
        self._mode = mode
        self._expand = expand

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        """See `CalendarProvider.list_calendars`."""
        fields = "nextPageToken,items(id,summary,summaryOverride,timeZone,accessRole,primary,backgroundColor,deleted)"
        found: list[Item] = []
        async for page in self._wire.pages(
            "users/me/calendarList", "listing the calendars", maxResults="250", fields=fields
        ):
            found += page.get("items", [])
        address = next((str(each["id"]).lower() for each in found if each.get("primary") is True and "id" in each), "")
        return tuple(
            _calendar(each, self._mode, address)
            for each in found
            if isinstance(each.get("id"), str) and each.get("deleted") is not True
        )

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        """See `CalendarProvider.changes`."""
        token = _token(cursor, self._mode) if cursor else ""
        query = {"maxResults": _PAGE, "fields": _LIST, "singleEvents": "true" if self._mode is Mode.BUSY else "false"}
        if token:
            query["syncToken"] = token
        elif self._mode is Mode.BUSY:
            # Occurrences of years past would be listed one by one. A cursor goes without the bound.
            query["timeMin"] = text.span_query(window)["timeMin"]
        held: Mapping[str, str] = {} if token else await known()
        listing = await self._listed(calendar, query, "reading what changed")
        if not listing.token:
            raise Transient("Google's list of changes is not complete.")
        after = json.dumps({"token": listing.token, "mode": self._mode.value})
        groups = self._grouped(listing.items.values())
        if token:
            delta = await self._incremental(calendar, groups, window, after)
        else:
            delta = await self._full(calendar, groups, held, window, after)
        return replace(delta, zone=listing.zone)

    async def _full(
        self,
        calendar: CalendarRef,
        groups: Mapping[str, list[Item]],
        known: Mapping[str, str],
        window: tuple[int, int],
        after: str,
    ) -> Delta:
        live = {key: items for key, items in groups.items() if not _is_gone(key, items)}
        versions = {key: self._version(items, calendar.zone) for key, items in live.items()}
        unchanged = frozenset(key for key, etag in versions.items() if known.get(key) == etag)
        wanted = {key: items for key, items in live.items() if key not in unchanged}
        # An occurrence that was over before the window is not asked for; its version says so.
        behind = frozenset(
            key
            for key, etag in known.items()
            if self._mode is Mode.BUSY and key not in live and (end := _end_in(etag)) is not None and end <= window[0]
        )
        return Delta(
            objects=tuple(await self._expanded(calendar, wanted, window)),
            unchanged=unchanged,
            outside=behind,
            cursor=after,
            full=True,
        )

    async def _incremental(
        self, calendar: CalendarRef, groups: Mapping[str, list[Item]], window: tuple[int, int], after: str
    ) -> Delta:
        gone = {key for key, items in groups.items() if _is_gone(key, items)}
        whole = {key: items for key, items in groups.items() if key not in gone}
        series = {key: items for key, items in whole.items() if any(_repeats(each) for each in items)}
        if self._mode is Mode.FULL:
            if len(series) > _SERIES:
                raise CursorExpired("So many series changed at once that reading all is less.")
            for key, items in series.items():
                found = await self._series(calendar, key, items, window)
                if found is None:
                    gone.add(key)
                    del whole[key]
                else:
                    whole[key] = found
        return Delta(objects=tuple(await self._expanded(calendar, whole, window)), gone=frozenset(gone), cursor=after)

    async def _series(
        self, calendar: CalendarRef, key: str, changed: list[Item], window: tuple[int, int]
    ) -> list[Item] | None:
        """All of a series of which something changed; None if its master is gone.

        A round of changes brings only what changed, so the rest is read: the master, its occurrences in the window
        with the cancelled ones among them, and whatever carries its UID, which finds exceptions that were moved out of
        the window. What the round itself brought is the newest and counts."""
        events = f"calendars/{segment(calendar.remote_id)}/events"
        found: dict[str, Item] = {}
        try:
            master = await self._wire.get(f"{events}/{segment(key)}", "reading a series", fields=text.FIELDS)
            if master.get("status") == "cancelled":
                return None
            query = {"showDeleted": "true", "maxResults": _PAGE, "fields": _SOME}
            bounds = text.span_query(window)
            async for page in self._wire.pages(
                f"{events}/{segment(key)}/instances", "reading a series", **query, **bounds
            ):
                found |= {str(each.get("id")): each for each in page.get("items", [])}
                if len(found) > _DENSE:
                    raise CursorExpired("A series has so many occurrences that reading all is less.")
        except Gone:
            return await self._loose(events, key, changed)
        uid = master.get("iCalUID")
        if isinstance(uid, str) and uid:
            async for page in self._wire.pages(events, "reading a series", **query, iCalUID=uid):
                found |= {str(each.get("id")): each for each in page.get("items", []) if text.key_of(each) == key}
        found |= {str(each.get("id")): each for each in changed}
        found.pop(key, None)
        return [master, *found.values()]

    async def _loose(self, events: str, key: str, changed: list[Item]) -> list[Item] | None:
        """The occurrences of somebody else's series to which the person is invited one by one; None if none is left.
        A round of changes brings one of them, and only their UID names the others."""
        uid = next((each["iCalUID"] for each in changed if isinstance(each.get("iCalUID"), str)), "")
        if not uid:
            raise CursorExpired("Google does not say which events belong together.")
        found: dict[str, Item] = {}
        query = {"showDeleted": "true", "maxResults": _PAGE, "fields": _SOME, "iCalUID": uid}
        async for page in self._wire.pages(events, "reading a series", **query):
            found |= {str(each.get("id")): each for each in page.get("items", []) if text.key_of(each) == key}
        found |= {str(each.get("id")): each for each in changed}
        return [each for each in found.values() if each.get("status") != "cancelled"] or None

    async def _listed(self, calendar: CalendarRef, query: Mapping[str, str], doing: str) -> _Listing:
        listing = _Listing()
        path = f"calendars/{segment(calendar.remote_id)}/events"
        try:
            async for page in self._wire.pages(path, doing, **query):
                for item in page.get("items", []):
                    if not isinstance(item.get("id"), str):
                        raise Transient("Google sent an event without its id.")
                    listing.items[item["id"]] = item
                token = page.get("nextSyncToken")
                listing.token = token if isinstance(token, str) else ""
                zone = page.get("timeZone")
                listing.zone = zone if isinstance(zone, str) and zone else listing.zone
        except Rejected as error:
            if "syncToken" in query and ", invalid)" in str(error):
                raise CursorExpired("Google does not take the place where the last read ended.") from error
            raise
        return listing

    def _grouped(self, items: Iterable[Item]) -> dict[str, list[Item]]:
        groups: dict[str, list[Item]] = {}
        for item in items:
            key = str(item["id"]) if self._mode is Mode.BUSY else text.key_of(item)
            groups.setdefault(key, []).append(item)
        return groups

    def _version(self, items: list[Item], zone: str) -> str:
        etag = text.version(items)
        if self._mode is Mode.BUSY:
            return f"{_last_end(items, zone)};{etag}"
        return etag

    async def _expanded(
        self, calendar: CalendarRef, groups: Mapping[str, list[Item]], window: tuple[int, int]
    ) -> list[RemoteObject]:
        raw = []
        for key, items in groups.items():
            uid = next((uid for each in items if (uid := text.uid_of(each))), key)
            if self._mode is Mode.BUSY:
                # Each occurrence is an object by itself, which has its UID in common with the others of its series.
                items = [_alone(each) for each in items]
            raw.append((key, self._version(items, calendar.zone), text.text_of(items, uid)))
        return await self._expand(raw, calendar.zone, {text.SELF}, window) if raw else []

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        """See `CalendarProvider.busy_now`. Free/busy is one cheap question; only where something is busy the list is
        asked whose it is. What the list does not explain blocks all the same."""
        try:
            spans = await self._free_busy(calendar, window)
        except AccessLost:
            spans = None  # this permission was not given: the list alone has to do
        if spans == []:
            return ()
        query = {"singleEvents": "true", "maxResults": _PAGE, "fields": _SOME, **text.span_query(window)}
        listing = await self._listed(calendar, query, "reading the busy times")
        singles = {key: [_alone(item)] for key, item in listing.items.items()}
        found = await self._expanded(calendar, singles, window)
        named = [(each.uid, busy) for each in found for busy in ical.within(each.busy, window)]
        explained = merge([(busy.start, busy.end) for _, busy in named])
        return (*named, *(("", Busy(start=low, end=high)) for low, high in subtract(spans or [], explained)))

    async def _free_busy(self, calendar: CalendarRef, window: tuple[int, int]) -> list[tuple[int, int]]:
        """When Google says the calendar is busy. An error inside the answer means "unknown", so it raises."""
        spans: list[tuple[int, int]] = []
        for low in range(window[0], window[1], _CHUNK):
            high = min(low + _CHUNK, window[1])
            body = {**text.span_query((low, high)), "items": [{"id": calendar.remote_id}]}
            answer = await self._wire.send(
                "POST", "freeBusy", "reading the busy times", query={"fields": "calendars"}, body=body
            )
            calendars = answer.get("calendars")
            entry = calendars.get(calendar.remote_id) if isinstance(calendars, Mapping) else None
            if not isinstance(entry, Mapping) or entry.get("errors") or not isinstance(entry.get("busy", []), list):
                raise Transient("Google does not know at the moment when the calendar is busy.")
            spans += [text.span_of(each) for each in entry.get("busy", [])]
        return [(max(low, window[0]), min(high, window[1])) for low, high in merge(spans)]


_OF_A_SERIES = frozenset({"recurringEventId", "originalStartTime", "recurrence"})


def _alone(item: Item) -> Item:
    """An occurrence as an event by itself."""
    return {name: value for name, value in item.items() if name not in _OF_A_SERIES}


def _is_gone(key: str, items: Iterable[Item]) -> bool:
    """Whether the event, or the master of the series, was deleted; a cancelled occurrence is not that."""
    return any(each.get("id") == key and each.get("status") == "cancelled" for each in items)


def _repeats(item: Item) -> bool:
    return bool(item.get("recurringEventId") or item.get("recurrence"))


def _last_end(items: Iterable[Item], zone: str) -> int:
    return max((text.span_of(each, zone)[1] for each in items if each.get("end")), default=0)


def _end_in(held: str) -> int | None:
    end, parted, _ = held.partition(";")
    return int(end) if parted and end.lstrip("-").isdecimal() else None


def _token(cursor: str, mode: Mode) -> str:
    try:
        values = json.loads(cursor)
        token, of = values["token"], values["mode"]
    except (ValueError, KeyError, TypeError) as error:
        raise CursorExpired("The place where the last read ended cannot be read.") from error
    if of != mode.value or not isinstance(token, str) or not token:
        raise CursorExpired("The last read was made in another way.")
    return token


def _calendar(item: Item, mode: Mode, address: str) -> RemoteCalendar:
    name, zone, colour = (item.get(each) for each in ("summaryOverride", "timeZone", "backgroundColor"))
    return RemoteCalendar(
        remote_id=item["id"],
        name=str(name or item.get("summary") or "Calendar"),
        colour=colour if isinstance(colour, str) and colour.startswith("#") else None,
        zone=zone if isinstance(zone, str) and zone else None,
        # The permission to write is for calendars that the person owns; a role we do not know only reads.
        can_write=mode is Mode.FULL and item.get("accessRole") == "owner",
        addresses=frozenset({address} if address else ()),
    )
