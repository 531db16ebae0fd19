"""Our events in a Graph calendar: never twice, conditionally, read back (Graph v1.0, "Create event", "Update event").

Graph chooses the ids. A creation is found again by our mark, which the event carries, and a quick repeat is refused by
its transaction id. Nobody is invited, so nobody is mailed; no reminder rings.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC
from typing import Any

from booking_app.domain.clock import from_instant
from booking_app.sync.errors import EditConflict, Gone, Rejected
from booking_app.sync.ical_write import draft_fields
from booking_app.sync.model import CalendarRef, EventDraft, Mode, OwnEvent, Written
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.microsoft_wire import Graph, Item, segment

_CONTENT = f"{events.SELECT},subject,body,location"
_SPACE = uuid.UUID("b1a1f5a0-7d0f-4a52-9c2b-6f5f0c1d2e3a")
_WINDOW = (-(2**40), 2**40)


class Writer:
    def __init__(self, graph: Graph, mode: Mode) -> None:
        self._graph = graph
        self._mode = mode

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        """See `CalendarProvider.put`."""
        if self._mode is not Mode.FULL:
            raise Rejected("This account lets us read busy times only.")
        if key is None:
            return await self._create(calendar, draft)
        return await self._update(calendar, draft, key, events.etag_of(etag) if etag else None)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        """See `CalendarProvider.get`."""
        item = await self._fetch(calendar, key)
        return None if item is None else _own(item, calendar)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """See `CalendarProvider.remove`."""
        condition = events.etag_of(etag) if etag else None
        for last in (False, True):
            try:
                await self._graph.send("DELETE", _path(calendar, key), "removing the event", etag=condition)
            except Gone:
                return
            except EditConflict:
                item = await self._fetch(calendar, key)
                if item is None:
                    return
                # A conflict with the very version that stands there comes right after another write: once more.
                if last or item.get("@odata.etag") != condition:
                    raise
            else:
                return

    async def _create(self, calendar: CalendarRef, draft: EventDraft) -> Written:
        found = await self._find(calendar, draft.uid)
        if found is not None:
            return await self._bring_into_line(calendar, draft, found)
        # The id is spent if its event was deleted since: then there is none, as we have just seen, and a new id is due.
        for transaction in (uuid.uuid5(_SPACE, draft.uid), uuid.uuid4()):
            body = {
                **_body(draft),
                "transactionId": str(transaction),
                "isReminderOn": False,
                "responseRequested": False,
                "sensitivity": "private",
                "singleValueExtendedProperties": [{"id": events.MARK, "value": draft.uid}],
            }
            try:
                path = f"me/calendars/{segment(calendar.remote_id)}/events"
                made = await self._graph.send("POST", path, "writing the event", body=body)
            except Rejected as error:
                if "errorduplicatetransactionid" not in str(error):
                    raise
                found = await self._find(calendar, draft.uid)
                if found is not None:
                    return await self._bring_into_line(calendar, draft, found)
                continue
            key = made.get("id")
            if not isinstance(key, str):
                raise Rejected("Microsoft did not say where the event stands.")
            return await self._read_back(calendar, draft, key)
        raise Rejected("Microsoft does not take the event.")

    async def _find(self, calendar: CalendarRef, uid: str) -> str | None:
        """The id of the event that carries our uid in this calendar."""
        query = {
            "$filter": f"singleValueExtendedProperties/Any(ep: ep/id eq '{events.MARK}' and ep/value eq '{uid}')",
            "$select": "id",
        }
        path = f"me/calendars/{segment(calendar.remote_id)}/events"
        async for page in self._graph.pages(path, "looking for the event", **query):
            for item in page["value"]:
                if isinstance(item.get("id"), str):
                    return str(item["id"])
        return None

    async def _bring_into_line(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written:
        """An event of ours that stands already: as it is if it says the same, else written over."""
        item = await self._fetch(calendar, key)
        if item is None:
            raise Gone("The event is no longer in the calendar.")
        own, held = _own(item, calendar)
        if _says(own, draft):
            return Written(key=key, etag=held)
        return await self._update(calendar, draft, key, events.etag_of(held))

    async def _update(self, calendar: CalendarRef, draft: EventDraft, key: str, etag: str | None) -> Written:
        for last in (False, True):
            if etag is None:
                item = await self._fetch(calendar, key)
                if item is None:
                    raise Gone("The event is no longer in the calendar.")
                etag = events.etag_of(_own(item, calendar)[1])
            try:
                await self._graph.send("PATCH", _path(calendar, key), "writing the event", body=_body(draft), etag=etag)
            except EditConflict:
                item = await self._fetch(calendar, key)
                if item is None:
                    raise Gone("The event is no longer in the calendar.") from None
                own, held = _own(item, calendar)
                if _says(own, draft):
                    return Written(key=key, etag=held)  # our own write, whose answer was lost
                if last or events.etag_of(held) != etag:
                    raise
            else:
                return await self._read_back(calendar, draft, key)
        raise AssertionError("unreachable")

    async def _read_back(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written:
        item = await self._fetch(calendar, key)
        if item is None:
            raise Rejected("Microsoft does not show the event that was written.")
        own, held = _own(item, calendar)
        if not _says(own, draft):
            raise Rejected("Microsoft did not keep the event as it was written.")
        return Written(key=key, etag=held)

    async def _fetch(self, calendar: CalendarRef, key: str) -> Item | None:
        """An event; its texts only if it is ours. None if it does not exist in this calendar."""
        query = {"$select": events.SELECT}
        if self._mode is Mode.FULL:
            query["$expand"] = events.EXPAND_MARK
        try:
            item = await self._graph.get(_path(calendar, key), "looking at the event", **query)
            if events.mark_of(item):
                query["$select"] = _CONTENT
                item = await self._graph.get(_path(calendar, key), "reading the event", **query)
        except Gone:
            return None
        return item


def _path(calendar: CalendarRef, key: str) -> str:
    return f"me/calendars/{segment(calendar.remote_id)}/events/{segment(key)}"


def _body(draft: EventDraft) -> dict[str, Any]:
    """What both a creation and a change say."""
    return {
        "subject": draft.summary,
        "body": {"contentType": "text", "content": draft.description},
        "location": {"displayName": draft.location},
        "start": _moment(draft.start),
        "end": _moment(draft.end),
        "isAllDay": False,
        "showAs": "tentative" if draft.tentative else "busy",
    }


def _moment(instant: int) -> dict[str, str]:
    return {"dateTime": from_instant(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _own(item: Item, calendar: CalendarRef) -> tuple[OwnEvent, str]:
    """Our event and the etag under which it is held. Raises `Rejected` for one that is not ours."""
    each = events.instance(item, calendar.zone, _WINDOW)
    if not each.own:
        raise Rejected("What stands at the event's place is not our event.")
    texts = [_inner(item, "body", "content"), _inner(item, "location", "displayName")]
    subject = item.get("subject")
    draft = EventDraft(
        uid=each.own,
        start=each.start,
        end=each.end,
        summary=subject if isinstance(subject, str) else "",
        description=texts[0],
        location=texts[1],
    )
    fields = draft_fields(draft) if each.busy or each.cancelled else "free"
    own = OwnEvent(uid=each.own, start=each.start, end=each.end, cancelled=each.cancelled, sequence=0, fields=fields)
    return own, events.version(each.end, each.etag)


def _inner(item: Item, name: str, part: str) -> str:
    value = item.get(name)
    inner = value.get(part) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else ""


def _says(own: OwnEvent, draft: EventDraft) -> bool:
    """Whether the event says what was wanted. Graph has no place for the link, which the description holds too."""
    return own.uid == draft.uid and not own.cancelled and own.fields == draft_fields(replace(draft, url=""))
