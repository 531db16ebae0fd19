"""Our events in a Google calendar: never twice, conditionally, read back ("Events: insert", "patch", "delete").

We choose the id, so a repeated creation finds the first one. Nobody is invited and nobody is mailed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import Shape
from booking_app.sync.errors import EditConflict, Gone, Rejected
from booking_app.sync.ical_write import draft_fields
from booking_app.sync.model import CalendarRef, EventDraft, Mode, OwnEvent, Written
from booking_app.sync.providers import google_text as text
from booking_app.sync.providers.google_wire import Wire
from booking_app.sync.providers.json_api import Item, segment
from booking_app.sync.theirs import keeping, plain_text

_CONTENT = f"{text.FIELDS},summary,description,location,visibility,extendedProperties/private/{text.LINK}"
_QUIET = {"sendUpdates": "none", "fields": "id,etag"}
_NAMES = 3
"""Ids that are tried for an event: one of a deleted event may stay spent."""


def id_for(uid: str, number: int = 0) -> str:
    """The id of the event of ours called `uid`: digits and the letters a to v, as Google wants it."""
    digest = hashlib.sha256(f"{uid}{number or ''}".encode()).digest()[:20]
    return base64.b32hexencode(digest).decode().lower().rstrip("=")


class Writer:
    def __init__(self, wire: Wire, mode: Mode) -> None:
        self._wire = wire
        self._mode = mode

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        """See `CalendarProvider.put`."""
        if self._mode is not Mode.FULL:
            raise Rejected("This account lets us read busy times only.")
        if key is None:
            return await self._create(calendar, draft)
        return await self._update(calendar, draft, key, etag)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        """See `CalendarProvider.get`. A deleted event that Google still shows as such does not exist."""
        item = await self._fetch(calendar, key)
        return None if item is None or item.get("status") == "cancelled" else _own(item)

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        """See `CalendarProvider.find`. An event that is moved to another calendar keeps its id there."""
        for number in range(_NAMES):
            item = await self._fetch(calendar, id_for(uid, number))
            if item is not None and item.get("status") != "cancelled" and text.mark_of(item) == uid:
                return id_for(uid, number)
        return None

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """See `CalendarProvider.remove`."""
        try:
            await self._wire.send(
                "DELETE", _path(calendar, key), "removing the event", query={"sendUpdates": "none"}, etag=etag
            )
        except Gone:
            return
        except EditConflict:
            item = await self._fetch(calendar, key)
            if item is not None and item.get("status") != "cancelled":
                raise

    async def _create(self, calendar: CalendarRef, draft: EventDraft) -> Written:
        for number in range(_NAMES):
            key = id_for(draft.uid, number)
            body = {
                **_body(draft),
                "id": key,
                "visibility": _visibility(draft),
                "transparency": "opaque",
                "status": "tentative" if draft.tentative else "confirmed",
                "reminders": {"useDefault": False},
            }
            path = f"calendars/{segment(calendar.remote_id)}/events"
            try:
                await self._wire.send("POST", path, "writing the event", query=_QUIET, body=body)
            except Rejected as error:
                if "duplicate" not in str(error):
                    raise
                written = await self._existing(calendar, draft, key)
                if written is not None:
                    return written
                continue
            return await self._read_back(calendar, draft, key)
        raise Rejected("Google does not take the event.")

    async def _existing(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written | None:
        """The event that has the id already, brought into line; one that was deleted is brought back. None if that
        cannot be done."""
        item = await self._fetch(calendar, key)
        if item is None:
            return None
        etag = item.get("etag")
        if item.get("status") != "cancelled":
            own, etag = _own(item)
            if own.uid != draft.uid:
                return None
            if _says(own, _keeping(item, draft)):
                return Written(key=key, etag=etag)
        try:
            return await self._update(calendar, draft, key, str(etag), revive=True)
        except (Gone, EditConflict, Rejected):
            if item.get("status") == "cancelled":
                return None
            raise

    async def _update(
        self, calendar: CalendarRef, draft: EventDraft, key: str, etag: str | None, *, revive: bool = False
    ) -> Written:
        """Write over what stands there, in exactly the version `etag`: what its owner added to it stays."""
        for last in (False, True):
            item = await self._fetch(calendar, key)
            if item is None or (item.get("status") == "cancelled" and not revive):
                raise Gone("The event is no longer in the calendar.")
            own, now = _own(item)
            kept = _keeping(item, draft)
            if etag is not None and etag != now:
                if _says(own, kept):
                    return Written(key=key, etag=now)  # our own write, whose answer was lost
                raise EditConflict("Somebody else changed the event.")
            try:
                path, body = _path(calendar, key), _change(kept, item)
                await self._wire.send("PATCH", path, "writing the event", query=_QUIET, body=body, etag=now)
            except EditConflict:
                if last:
                    raise
                etag = now
                continue
            return await self._read_back(calendar, kept, key)
        raise AssertionError("unreachable")

    async def _read_back(self, calendar: CalendarRef, draft: EventDraft, key: str) -> Written:
        item = await self._fetch(calendar, key)
        if item is None or item.get("status") == "cancelled":
            raise Rejected("Google does not show the event that was written.")
        own, etag = _own(item)
        if not _says(own, draft):
            raise Rejected("Google did not keep the event as it was written.")
        return Written(key=key, etag=etag)

    async def _fetch(self, calendar: CalendarRef, key: str) -> Item | None:
        """An event; its texts only if it is ours. None if Google says that there never was one."""
        try:
            item = await self._wire.get(_path(calendar, key), "looking at the event", fields=text.FIELDS)
            if text.mark_of(item) and item.get("status") != "cancelled":
                item = await self._wire.get(_path(calendar, key), "reading the event", fields=_CONTENT)
        except Gone:
            return None
        return item


def _path(calendar: CalendarRef, key: str) -> str:
    return f"calendars/{segment(calendar.remote_id)}/events/{segment(key)}"


def _body(draft: EventDraft) -> dict[str, Any]:
    """What both a creation and a change say; what its owner added otherwise stays."""
    return {
        "summary": draft.summary,
        "description": draft.description,
        "location": draft.location,
        "start": {"dateTime": _moment(draft.start)},
        "end": {"dateTime": _moment(draft.end)},
        "extendedProperties": {"private": {text.MARK: draft.uid, text.LINK: draft.url}},
    }


def _change(draft: EventDraft, item: Item) -> dict[str, Any]:
    """The same over an event that may have become a whole day or a series meanwhile, or been deleted."""
    body = _body(draft)
    body |= {name: {**body[name], "date": None} for name in ("start", "end")}
    if item.get("recurrence"):
        body["recurrence"] = None
    if item.get("status") == "cancelled":
        body["status"] = "confirmed"
    if not draft.visible:
        body["visibility"] = _visibility(draft)
    return body


_CLASSES = {"private": "PRIVATE", "confidential": "CONFIDENTIAL", "public": "PUBLIC", "default": "PUBLIC"}


def _visibility(draft: EventDraft) -> str:
    return "private" if draft.private else "default"


def _keeping(item: Item, draft: EventDraft) -> EventDraft:
    """The draft with what is the owner's in the event as it stands."""
    summary, description, location = (str(item.get(each) or "") for each in ("summary", "description", "location"))
    kept = keeping(
        draft,
        summary=summary,
        description=plain_text(description),
        location=location,
        visible=_CLASSES.get(str(item.get("visibility") or "default"), ""),
    )
    return replace(kept, free=item.get("transparency") == "transparent")


def _moment(instant: int) -> str:
    return f"{from_instant(instant).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _own(item: Item) -> tuple[OwnEvent, str]:
    """Our event and its etag. Raises `Rejected` for one that is not ours."""
    uid, etag = text.mark_of(item), item.get("etag")
    if not uid or not isinstance(etag, str):
        raise Rejected("What stands at the event's place is not our event.")
    start, end = text.span_of({"start": item.get("start"), "end": item.get("end")})
    summary, description, location = (str(item.get(each) or "") for each in ("summary", "description", "location"))
    draft = EventDraft(
        uid=uid,
        start=start,
        end=end,
        summary=summary,
        description=plain_text(description),
        location=location,
        url=text.private_of(item, text.LINK),
        free=item.get("transparency") == "transparent",
    )
    fields = "repeats" if item.get("recurrence") else draft_fields(draft)
    cancelled = item.get("status") == "cancelled"
    shape = Shape.PLAIN
    if item.get("recurrence"):
        shape = Shape.REPEATS
    elif isinstance(item.get("start"), Mapping) and item["start"].get("date"):
        shape = Shape.ALL_DAY
    own = OwnEvent(uid=uid, start=start, end=end, cancelled=cancelled, sequence=0, fields=fields, shape=shape)
    return own, etag


def _says(own: OwnEvent, draft: EventDraft) -> bool:
    """Whether the event says what was wanted."""
    wanted = replace(draft, description=plain_text(draft.description))
    return own.uid == draft.uid and not own.cancelled and own.fields == draft_fields(wanted)
