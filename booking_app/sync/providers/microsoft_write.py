"""Our events in a Graph calendar: never twice, conditionally, read back (Graph v1.0, "Create event", "Update event").

Graph chooses the ids. A creation is found again by our mark, which the event carries, and a quick repeat is refused by
its transaction id. Nobody is invited, so nobody is mailed; no reminder rings.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import UTC
from typing import Any

from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import Shape
from booking_app.sync.errors import EditConflict, Gone, Rejected
from booking_app.sync.ical_write import draft_fields
from booking_app.sync.model import CalendarRef, EventDraft, Mode, OwnEvent, Written
from booking_app.sync.providers import microsoft_events as events
from booking_app.sync.providers.json_api import Item, segment
from booking_app.sync.providers.microsoft_places import Places
from booking_app.sync.providers.microsoft_wire import Graph, Taken
from booking_app.sync.theirs import keeping

_CONTENT = f"{events.SELECT},subject,body,location,sensitivity"
_SPACE = uuid.UUID("b1a1f5a0-7d0f-4a52-9c2b-6f5f0c1d2e3a")
_WINDOW = (-(2**40), 2**40)
_ECHO = re.compile(r"\s?<(?:https?://|mailto:|tel:)[^<>\s]*>")


class Writer:
    def __init__(self, graph: Graph, mode: Mode) -> None:
        self._graph = graph
        self._mode = mode
        self._places = Places(graph, mode)

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        """See `CalendarProvider.put`."""
        if self._mode is not Mode.FULL:
            raise Rejected("This account lets us read busy times only.")
        if key is None:
            return await self._create(calendar, draft)
        return await self._update(calendar, draft, key, events.etag_of(etag) if etag else None)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        """See `CalendarProvider.get`."""
        item = await self._standing(calendar, key)
        return None if item is None else _own(item, calendar)

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        """See `CalendarProvider.find`."""
        return next(iter(await self._places.marked(calendar, uid)), None)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """See `CalendarProvider.remove`."""
        condition = events.etag_of(etag) if etag else None
        for last in (False, True):
            try:
                await self._graph.send("DELETE", self._path(calendar, key), "removing the event", etag=condition)
            except Gone:
                return
            except EditConflict:
                item = await self._standing(calendar, key)
                if item is None:
                    return
                # A conflict with the very version that stands there comes right after another write: once more.
                if last or item.get("@odata.etag") != condition:
                    raise
            else:
                return

    async def _create(self, calendar: CalendarRef, draft: EventDraft) -> Written:
        if found := await self._places.marked(calendar, draft.uid):
            return await self._bring_into_line(calendar, draft, found[0])
        # The id is spent if its event was deleted since: then there is none, as we have just seen, and a new id is due.
        for transaction in (uuid.uuid5(_SPACE, draft.uid), uuid.uuid4()):
            body = {
                **_body(draft),
                "showAs": "tentative" if draft.tentative else "busy",
                "transactionId": str(transaction),
                "isReminderOn": False,
                "responseRequested": False,
                "sensitivity": _sensitivity(draft),
                "singleValueExtendedProperties": [{"id": events.MARK, "value": draft.uid}],
            }
            try:
                path = f"me/calendars/{segment(calendar.remote_id)}/events"
                made = await self._graph.send("POST", path, "writing the event", body=body)
            except Taken:
                if found := await self._places.marked(calendar, draft.uid):
                    return await self._bring_into_line(calendar, draft, found[0])
                continue
            key = made.get("id")
            if not isinstance(key, str):
                raise Rejected("Microsoft did not say where the event stands.")
            return await self._read_back(calendar, draft, key)
        raise Rejected("Microsoft does not take the event.")

    async def _bring_into_line(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written:
        """An event of ours that stands already: as it is if it says the same, else written over."""
        item = await self._standing(calendar, key)
        if item is None:
            raise Gone("The event is no longer in the calendar.")
        own, held = _own(item, calendar)
        if _says(own, _keeping(item, draft)):
            return Written(key=key, etag=held)
        return await self._update(calendar, draft, key, events.etag_of(held))

    async def _update(self, calendar: CalendarRef, draft: EventDraft, key: str, etag: str | None) -> Written:
        """Write over what stands there, in exactly the version `etag`: what its owner added to it stays."""
        for last in (False, True):
            item = await self._fetch(calendar, key)
            if item is None:
                raise Gone("The event is no longer in the calendar.")
            own, held = _own(item, calendar)
            kept, now = _keeping(item, draft), events.etag_of(held)
            if etag is not None and etag != now:
                if _says(own, kept):
                    return Written(key=key, etag=held)  # our own write, whose answer was lost
                if await self._standing(calendar, key) is None:
                    raise Gone("The event is no longer in the calendar.")
                raise EditConflict("Somebody else changed the event.")
            try:
                path = self._path(calendar, key)
                await self._graph.send("PATCH", path, "writing the event", body=_change(kept, item), etag=now)
            except EditConflict:
                # A conflict with the very version that stands there comes right after another write: once more.
                if last:
                    raise
                etag = now
            else:
                # What its owner has deleted takes changes where it lies.
                if key not in await self._places.marked(calendar, draft.uid):
                    raise Gone("The event is no longer in the calendar.")
                return await self._read_back(calendar, kept, key)
        raise AssertionError("unreachable")

    async def _read_back(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written:
        item = await self._fetch(calendar, key)
        if item is None:
            raise Rejected("Microsoft does not show the event that was written.")
        own, held = _own(item, calendar)
        if not _says(own, draft):
            raise Rejected("Microsoft did not keep the event as it was written.")
        return Written(key=key, etag=held)

    async def _standing(self, calendar: CalendarRef, key: str) -> Item | None:
        """An event, with its texts if it is ours. None if it does not stand in this calendar."""
        item = await self._places.find(calendar, key)
        if item is None or not await self._places.stands(calendar, key, item):
            return None
        return await self._fetch(calendar, key) if events.mark_of(item) else item

    async def _fetch(self, calendar: CalendarRef, key: str) -> Item | None:
        """Our event with its texts. None if nothing goes by this id."""
        query = {"$select": _CONTENT, "$expand": events.EXPAND_MARK}
        try:
            return await self._graph.get(self._path(calendar, key), "reading the event", **query)
        except Gone:
            return None

    def _path(self, calendar: CalendarRef, key: str) -> str:
        return self._places.path(calendar, key)


def _body(draft: EventDraft) -> dict[str, Any]:
    """What both a creation and a change say."""
    return {
        "subject": draft.summary,
        "body": {"contentType": "text", "content": draft.description},
        "location": {"displayName": draft.location},
        "start": _moment(draft.start),
        "end": _moment(draft.end),
        "isAllDay": False,
    }


def _change(draft: EventDraft, item: Item) -> dict[str, Any]:
    """The same over an event that may have become a series meanwhile."""
    body = _body(draft)
    if item.get("type") == "seriesMaster":
        body["recurrence"] = None
    if not draft.visible:
        body["sensitivity"] = _sensitivity(draft)
    return body


_CLASSES = {"private": "PRIVATE", "confidential": "CONFIDENTIAL", "personal": "PERSONAL", "normal": "PUBLIC"}


def _sensitivity(draft: EventDraft) -> str:
    return "private" if draft.private else "normal"


def _keeping(item: Item, draft: EventDraft) -> EventDraft:
    """The draft with what is the owner's in the event as it stands."""
    subject, shown = item.get("subject"), item.get("sensitivity")
    kept = keeping(
        replace(draft, description=_told(draft.description)),
        summary=subject if isinstance(subject, str) else "",
        description=_told(_inner(item, "body", "content")),
        location=_inner(item, "location", "displayName"),
        visible=_CLASSES.get(shown, "") if isinstance(shown, str) else "",
    )
    return replace(kept, free=events.is_free(item))


def _moment(instant: int) -> dict[str, str]:
    return {"dateTime": from_instant(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _own(item: Item, calendar: CalendarRef) -> tuple[OwnEvent, str]:
    """Our event and the etag under which it is held. Raises `Rejected` for one that is not ours."""
    each = events.instance(item, calendar.zone, _WINDOW)
    if not each.own:
        raise Rejected("What stands at the event's place is not our event.")
    subject = item.get("subject")
    draft = EventDraft(
        uid=each.own,
        start=each.start,
        end=each.end,
        summary=subject if isinstance(subject, str) else "",
        description=_told(_inner(item, "body", "content")),
        location=_inner(item, "location", "displayName"),
        free=events.is_free(item),
    )
    own = OwnEvent(
        uid=each.own,
        start=each.start,
        end=each.end,
        cancelled=each.cancelled,
        sequence=0,
        fields=draft_fields(draft),
        shape=Shape.REPEATS if item.get("type") == "seriesMaster" else each.shape,
    )
    return own, events.version(each.end, each.etag)


def _inner(item: Item, name: str, part: str) -> str:
    value = item.get(name)
    inner = value.get(part) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else ""


def _says(own: OwnEvent, draft: EventDraft) -> bool:
    """Whether the event says what was wanted. Graph has no place for the link, which the description holds too."""
    wanted = replace(draft, url="", description=_told(draft.description))
    return own.uid == draft.uid and not own.cancelled and own.fields == draft_fields(wanted)


def _told(text: str) -> str:
    """A description without what Exchange adds when it makes text of it: each link once more, in angle brackets."""
    return _ECHO.sub("", text)
