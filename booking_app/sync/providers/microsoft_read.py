"""What changed in a Graph calendar: the delta query says whether anything did, the view says what stands there.

A delta cannot be told what to leave out, shows occurrences as stubs and repeats itself, so nothing of it is used but
the fact that it says something; its texts are dropped where they arrive (Graph v1.0, "event: delta" and "List
calendarView").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from booking_app.domain.clock import from_instant
from booking_app.sync import ical
from booking_app.sync.errors import CursorExpired, Gone, Transient
from booking_app.sync.model import Busy, CalendarRef, Delta, Known, Mode, RemoteCalendar
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.microsoft_wire import Graph, Item, segment

_PAGE = "1000"
_DELTA_PAGE = "odata.maxpagesize=200"
_LOOKED_FOR = 20
"""So many missing events are looked for one by one; when more are gone at once the engine asks somebody anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cursor:
    """A delta link, which holds its window, and that window."""

    link: str
    window: tuple[int, int]

    def write(self) -> str:
        return json.dumps({"link": self.link, "window": list(self.window)})

    @staticmethod
    def read(text: str) -> _Cursor:
        try:
            values = json.loads(text)
            low, high = values["window"]
            return _Cursor(link=str(values["link"]), window=(int(low), int(high)))
        except (ValueError, KeyError, TypeError) as error:
            raise CursorExpired("The place where the last read ended cannot be read.") from error


class Reader:
    def __init__(self, graph: Graph, mode: Mode) -> None:
        self._graph = graph
        self._mode = mode

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        """See `CalendarProvider.list_calendars`. A calendar's zone is the mailbox's, which we do not ask for."""
        found = []
        query = {"$select": "id,name,canEdit,hexColor,owner", "$top": "50"}
        async for page in self._graph.pages("me/calendars", "listing the calendars", **query):
            found += [_calendar(item, self._mode) for item in page["value"] if isinstance(item.get("id"), str)]
        return tuple(found)

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        """See `CalendarProvider.changes`."""
        before = _Cursor.read(cursor) if cursor else None
        if before is not None and before.window == window:
            changed, link = await self._rounds(before.link, {})
        else:
            # First where the next read starts, then the view: what changes in between is in both.
            path = f"me/calendars/{segment(calendar.remote_id)}/calendarView/delta"
            changed, link = True, (await self._rounds(path, _span(window)))[1]
        after = _Cursor(link=link, window=window).write()
        if not changed:
            return Delta(objects=(), cursor=after)
        found = events.objects(await self._view(calendar, window))
        unchanged = frozenset(each.key for each in found if known.get(each.key) == each.etag)
        shown = {each.key for each in found}
        absent = {key: held for key, held in known.items() if key not in shown}
        return Delta(
            objects=tuple(each for each in found if each.key not in unchanged),
            unchanged=unchanged,
            outside=await self._outside(calendar, absent, window),
            cursor=after,
            full=True,
        )

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        """See `CalendarProvider.busy_now`."""
        found = await self._view(calendar, window)
        return tuple((each.uid, busy) for each in found if each.busy for busy in ical.within((each.busy,), window))

    async def _view(self, calendar: CalendarRef, window: tuple[int, int]) -> list[events.Instance]:
        """Every occurrence in the window; of one that was moved from page to page while we read, the last word."""
        query = {**_span(window), "$select": events.SELECT, "$top": _PAGE}
        if self._mode is Mode.FULL:
            query["$expand"] = events.EXPAND_MARK
        path = f"me/calendars/{segment(calendar.remote_id)}/calendarView"
        found: dict[str, events.Instance] = {}
        async for page in self._graph.pages(path, "reading the busy times", **query):
            for item in page["value"]:
                each = events.instance(item, calendar.zone, window)
                if not each.identifier:
                    raise Transient("Microsoft sent an event without its id.")
                found[each.identifier] = each
        return list(found.values())

    async def _rounds(self, path: str, query: Mapping[str, str]) -> tuple[bool, str]:
        """Whether a delta round says anything, and the link with which the next one starts."""
        changed, link = False, None
        async for page in self._graph.pages(path, "reading what changed", prefer=_DELTA_PAGE, **query):
            changed = changed or bool(page["value"])
            link = page.get("@odata.deltaLink")
        if not isinstance(link, str):
            raise Transient("Microsoft's list of changes is not complete.")
        return changed, self._graph.own_link(link)

    async def _outside(self, calendar: CalendarRef, absent: Known, window: tuple[int, int]) -> frozenset[str]:
        """Those of the absent objects that lie outside the window. What ended before it is known by its version; of
        the rest, each that still exists was moved away by its owner."""
        behind = {key for key, held in absent.items() if (end := events.ends_of(held)) is not None and end <= window[0]}
        rest = absent.keys() - behind
        if len(rest) > _LOOKED_FOR:
            return frozenset(behind)
        return frozenset(behind | {key for key in rest if await self._lies_elsewhere(calendar, key, window)})

    async def _lies_elsewhere(self, calendar: CalendarRef, key: str, window: tuple[int, int]) -> bool:
        path = f"me/calendars/{segment(calendar.remote_id)}/events/{segment(key)}"
        select = "id,type,start,end,showAs,isAllDay,isCancelled,responseStatus"
        try:
            item = await self._graph.get(path, "looking for an event", **{"$select": select})
        except Gone:
            return False
        if item.get("type") == "seriesMaster":
            return True
        each = events.instance(item, calendar.zone, window)
        if each.start < window[1] and window[0] < each.end:
            raise Transient("Microsoft shows an event that its own list leaves out.")
        return True


def _span(window: tuple[int, int]) -> dict[str, str]:
    low, high = (from_instant(each).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for each in window)
    return {"startDateTime": low, "endDateTime": high}


def _calendar(item: Item, mode: Mode) -> RemoteCalendar:
    owner = item.get("owner")
    address = owner.get("address") if isinstance(owner, Mapping) else None
    colour = item.get("hexColor")
    name = item.get("name")
    return RemoteCalendar(
        remote_id=item["id"],
        name=name if isinstance(name, str) and name else "Calendar",
        colour=colour if isinstance(colour, str) and colour.startswith("#") else None,
        can_write=item.get("canEdit") is True and mode is Mode.FULL,
        addresses=frozenset({address.lower()} if isinstance(address, str) and address else ()),
    )
