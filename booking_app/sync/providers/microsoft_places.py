"""Where an event is. An id finds an event wherever it lies, in Deleted Items too: the immutable one stays the same when
it is moved ("Obtain immutable identifiers for Outlook resources"). Only the calendar's own list says what stands in it.
"""

from __future__ import annotations

from booking_app.sync.errors import Gone
from booking_app.sync.model import CalendarRef, Mode
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.json_api import Item, segment
from booking_app.sync.providers.microsoft_wire import Graph

_PLACED = "id,type,start,end,showAs,isAllDay,isCancelled,responseStatus,iCalUId"


class Places:
    def __init__(self, graph: Graph, mode: Mode) -> None:
        self._graph = graph
        self._mode = mode

    def path(self, calendar: CalendarRef, key: str) -> str:
        """The address of an event."""
        return f"me/calendars/{segment(calendar.remote_id)}/events/{segment(key)}"

    async def find(self, calendar: CalendarRef, key: str) -> Item | None:
        """An event without its texts, with our mark if it has that. None if nothing goes by this id."""
        query = {"$select": _PLACED}
        if self._mode is Mode.FULL:
            query["$expand"] = events.EXPAND_MARK
        try:
            return await self._graph.get(self.path(calendar, key), "looking at the event", **query)
        except Gone:
            return None

    async def marked(self, calendar: CalendarRef, uid: str) -> list[str]:
        """The ids of the events that carry our uid and stand in this calendar."""
        carried = f"ep/id eq '{events.MARK}' and ep/value eq '{_quoted(uid)}'"
        return await self._listed(calendar, f"singleValueExtendedProperties/Any(ep: {carried})")

    async def stands(self, calendar: CalendarRef, key: str, item: Item) -> bool:
        """Whether the calendar lists the event `item`, which goes by `key`."""
        if own := events.mark_of(item):
            return key in await self.marked(calendar, own)
        uid = item.get("iCalUId")
        if not isinstance(uid, str) or not uid:
            return True  # nothing to look for it by
        return key in await self._listed(calendar, f"iCalUId eq '{_quoted(uid)}'")

    async def recurs_in(self, calendar: CalendarRef, key: str, span: dict[str, str]) -> bool:
        """Whether an occurrence of the series lies in the span."""
        query = {**span, "$select": "id", "$top": "1"}
        async for page in self._graph.pages(f"{self.path(calendar, key)}/instances", "looking for a series", **query):
            if page["value"]:
                return True
        return False

    async def _listed(self, calendar: CalendarRef, condition: str) -> list[str]:
        query = {"$filter": condition, "$select": "id"}
        path = f"me/calendars/{segment(calendar.remote_id)}/events"
        found = []
        async for page in self._graph.pages(path, "looking for the event", **query):
            found += [item["id"] for item in page["value"] if isinstance(item.get("id"), str)]
        return found


def _quoted(text: str) -> str:
    return text.replace("'", "''")
