"""What changed in a Graph calendar: the delta query says whether anything did, the view says what stands there.

A delta cannot be told what to leave out, shows occurrences as stubs and repeats itself, so nothing of it is used but
the fact that it says something; its texts are dropped where they arrive (Graph v1.0, "event: delta" and "List
calendarView").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from typing import TypeVar

from booking_app.domain.clock import from_instant
from booking_app.sync import ical
from booking_app.sync.errors import CursorExpired, Rejected, Transient
from booking_app.sync.model import Busy, CalendarRef, Delta, Known, Mode, RemoteCalendar, RemoteObject
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.json_api import Item, segment
from booking_app.sync.providers.microsoft_places import Places
from booking_app.sync.providers.microsoft_wire import Graph

_PAGE = "1000"
_DELTA_PAGE = "odata.maxpagesize=200"
_DAY = 86_400
T = TypeVar("T")
_AT_ONCE = 200
"""Events that are read without leaving the loop: some five milliseconds."""
_LOOKED_FOR = 20
"""So many missing events are looked for one by one; when more are gone at once the engine asks somebody anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cursor:
    """A delta link, which holds its window, and what else the blocks that we hold depend on: that window, the `zone`
    that places whole days, and the `rules` by which events were read."""

    link: str
    window: tuple[int, int]
    zone: str
    rules: int = events.RULES

    def write(self) -> str:
        values = {"link": self.link, "window": list(self.window), "zone": self.zone, "rules": self.rules}
        return json.dumps(values)

    @staticmethod
    def read(text: str) -> _Cursor:
        try:
            values = json.loads(text)
            low, high = values["window"]
            return _Cursor(
                link=str(values["link"]),
                window=(int(low), int(high)),
                zone=str(values.get("zone")),
                rules=int(values.get("rules", 0)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CursorExpired("The place where the last read ended cannot be read.") from error


class Reader:
    def __init__(self, graph: Graph, mode: Mode) -> None:
        self._graph = graph
        self._mode = mode
        self._places = Places(graph, mode)

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
        if before is not None and not self._graph.leads_home(before.link):
            raise CursorExpired("The last read was from another of Microsoft's clouds.")
        wanted = _Cursor(link=before.link if before else "", window=window, zone=calendar.zone)
        if before is not None and before == wanted:
            changed, link = await self._rounds(before.link, {})
        else:
            # First where the next read starts, then the view: what changes in between is in both.
            path = f"me/calendars/{segment(calendar.remote_id)}/calendarView/delta"
            changed, link = True, (await self._rounds(path, _span(window)))[1]
        after = replace(wanted, link=link).write()
        if not changed:
            return Delta(objects=(), cursor=after)
        held = await known()
        instances = await self._view(calendar, window)
        found = await _worked(len(instances), lambda: {each.key: each for each in events.objects(instances, window)})
        absent = {key: etag for key, etag in held.items() if key not in found}
        outside, moved = await self._missing(calendar, absent, window)
        found |= moved
        unchanged = frozenset(key for key, each in found.items() if held.get(key) == each.etag)
        return Delta(
            objects=tuple(each for key, each in found.items() if key not in unchanged),
            unchanged=unchanged,
            outside=outside,
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
            found |= await _worked(len(page["value"]), partial(_read, page["value"], calendar.zone, window))
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

    async def _missing(
        self, calendar: CalendarRef, absent: Mapping[str, str], window: tuple[int, int]
    ) -> tuple[frozenset[str], dict[str, RemoteObject]]:
        """Those of the absent objects that merely lie outside the window, and those of them that are ours, where they
        stand now. What ended before the window is known by its version; the others are asked for."""
        behind = {key for key, etag in absent.items() if (end := events.ends_of(etag)) is not None and end <= window[0]}
        rest = absent.keys() - behind
        if len(rest) > _LOOKED_FOR:
            return frozenset(behind), {}
        outside, moved = set(behind), {}
        for key in rest:
            try:
                found = await self._elsewhere(calendar, key, window)
            except Rejected:
                continue  # nothing is known of it, so it stays doubtful
            if isinstance(found, RemoteObject):
                moved[key] = found
            elif found:
                outside.add(key)
        return frozenset(outside), moved

    async def _elsewhere(self, calendar: CalendarRef, key: str, window: tuple[int, int]) -> RemoteObject | bool:
        """An absent event of ours that stands outside the window; of others whether they do. Raises `Transient` for
        one that the calendar has in the window, though its view does not show it."""
        item = await self._places.find(calendar, key)
        if item is None:
            return False
        each = events.instance(item, calendar.zone, window)
        series = item.get("type") == "seriesMaster"
        if series:
            inside = await self._places.recurs_in(calendar, key, _span(window, wider=0))
        else:
            inside = each.start < window[1] and window[0] < each.end
        if not await self._places.stands(calendar, key, item):
            return False  # in Deleted Items, or in another calendar
        if inside:
            raise Transient("Microsoft shows an event that its own list leaves out.")
        return True if series or not each.own else events.objects([each], window)[0]


async def _worked(size: int, work: Callable[[], T]) -> T:
    """The result of pure work on so many events, beside the loop if it is long: pages are served meanwhile."""
    return await asyncio.to_thread(work) if size > _AT_ONCE else work()


def _read(items: Iterable[Item], zone: str, window: tuple[int, int]) -> dict[str, events.Instance]:
    found = {each.identifier: each for each in (events.instance(item, zone, window) for item in items)}
    if "" in found:
        raise Transient("Microsoft sent an event without its id.")
    return found


def _span(window: tuple[int, int], wider: int = _DAY) -> dict[str, str]:
    """What to ask for. A day `wider` on both sides: Outlook places whole days in UTC, their owner elsewhere (P13)."""
    bounds = (window[0] - wider, window[1] + wider)
    low, high = (from_instant(each).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for each in bounds)
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
