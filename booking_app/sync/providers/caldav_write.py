"""Our events into a calendar, conditionally, read back, and never twice (RFC 4791 section 5.3, RFC 9110 section 13)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC
from urllib.parse import urljoin, urlsplit

from booking_app.sync import zones
from booking_app.sync.errors import EditConflict, Gone, ProviderError, Rejected, Transient
from booking_app.sync.ical_merge import merge_event
from booking_app.sync.ical_text import Places, Unreadable
from booking_app.sync.ical_write import parse_own, write_event
from booking_app.sync.model import CalendarRef, EventDraft, OwnEvent, Written
from booking_app.sync.providers import caldav_xml as xml
from booking_app.sync.providers.caldav_wire import Stored, Wire
from booking_app.sync.providers.reply import Reply, failure

_CONTENT = {"Content-Type": "text/calendar; charset=utf-8", "Accept-Encoding": "identity"}
_SAFE_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_UID_TAKEN = frozenset({f"{xml.CALDAV}no-uid-conflict", f"{xml.CALDAV}unique-scheduling-object-resource"})
_LAG = (0.2, 0.5, 1.0)
"""Seconds after which a written event is looked for again: some servers show it a moment later."""


def path_for(collection: str, uid: str) -> str:
    """The path under which an event of ours is created: derived from its UID, from a safe alphabet."""
    name = uid.partition("@")[0]
    if not _SAFE_NAME.fullmatch(name):
        name = hashlib.sha256(uid.encode()).hexdigest()[:40]
    return f"{urlsplit(collection).path}{name}.ics"


class Writer:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        """See `CalendarProvider.put`."""
        if key is None:
            return await self._create(calendar, draft)
        return await self._update(calendar, draft, key, etag)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        """See `CalendarProvider.get`."""
        stored = await self._wire.fetch(calendar.remote_id, key)
        if stored is None:
            return None
        own = _own(calendar, stored)
        if own is None:
            raise Rejected("What stands at the event's place is not our event.")
        return own, stored.etag

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        """See `CalendarProvider.find`."""
        found = await self._called(calendar, uid)
        return None if found is None or found[2].cancelled else found[0]

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """See `CalendarProvider.remove`. The server is asked to send no reply to anybody (RFC 6638 section 8.1)."""
        headers = {"Schedule-Reply": "F"}
        if etag is not None:
            headers["If-Match"] = await self._strong(calendar, key, etag)
            if not headers["If-Match"]:
                return
        reply = await self._wire.http.send("DELETE", urljoin(calendar.remote_id, key), headers=headers)
        if reply.status in (200, 202, 204, 404, 410):
            return
        if reply.status == 412 and await self._wire.fetch(calendar.remote_id, key) is None:
            return
        raise failure(reply, "removing the event")

    async def _strong(self, calendar: CalendarRef, key: str, etag: str) -> str:
        """An etag for If-Match; "" if the object is gone. A weak one cannot be sent, so it is compared here and
        the current version is used. Raises `EditConflict`."""
        if not etag.startswith("W/"):
            return etag
        stored = await self._wire.fetch(calendar.remote_id, key)
        if stored is None:
            return ""
        if stored.etag != etag:
            raise EditConflict("Somebody else changed the event.")
        return etag.removeprefix("W/")

    async def _create(self, calendar: CalendarRef, draft: EventDraft) -> Written:
        path = path_for(calendar.remote_id, draft.uid)
        text = write_event(draft)
        reply = await self._send(calendar, path, text, {"If-None-Match": "*"})
        if reply.status in (200, 201, 204):
            return await self._read_back(calendar, path, text)
        if reply.status not in (403, 409, 412):
            raise _refusal(reply)
        found = await self._existing(calendar, path, draft, reply)
        if found is None:
            raise _refusal(reply)
        path, stored, _ = found
        if _same(calendar, stored.data, merge_event(stored.data, draft)):
            return Written(key=path, etag=stored.etag)
        return await self._update(calendar, draft, path, stored.etag)

    async def _existing(
        self, calendar: CalendarRef, path: str, draft: EventDraft, refused: Reply
    ) -> tuple[str, Stored, OwnEvent] | None:
        """Our event that is already in the calendar: under the derived name, where the server says the UID is
        in use, or wherever a query finds it."""
        errors = xml.error_elements(refused.body)
        named = [xml.path_of(href, calendar.remote_id) for name in _UID_TAKEN for href in errors.get(name, ())]
        collection = xml.comparable(urlsplit(calendar.remote_id).path)
        inside = [item for item in named if xml.comparable(item).startswith(collection)]
        for candidate in dict.fromkeys([path, *inside]):
            stored = await self._wire.fetch(calendar.remote_id, candidate)
            own = _own(calendar, stored) if stored else None
            if stored and own and own.uid == draft.uid:
                return candidate, stored, own
        try:
            return await self._called(calendar, draft.uid)
        except Rejected:
            return None  # it cannot be asked so: what it said to the creation counts

    async def _called(self, calendar: CalendarRef, uid: str) -> tuple[str, Stored, OwnEvent] | None:
        """Our event with this UID, wherever a query finds it; None only if the server says that there is none."""
        reply = await self._wire.report(calendar.remote_id, 1, xml.with_uid(uid))
        listed = self._wire.multistatus(reply, "looking for the event")
        for item in listed.responses:
            candidate = xml.path_of(item.href, calendar.remote_id)
            if candidate.endswith("/"):
                continue
            stored = await self._wire.fetch(calendar.remote_id, candidate)
            own = _own(calendar, stored) if stored else None
            if stored and own and own.uid == uid:
                return candidate, stored, own
        return None

    async def _update(self, calendar: CalendarRef, draft: EventDraft, key: str, etag: str | None) -> Written:
        """Write over what stands there, in exactly the version `etag`: what its owner added to it stays."""
        stored = await self._wire.fetch(calendar.remote_id, key)
        if stored is None:
            raise Gone("The event is no longer in the calendar.")
        text = merge_event(stored.data, draft)
        if etag is not None and stored.etag != etag:
            return _already_so(calendar, key, stored, text)
        # A weak one cannot be sent (RFC 9110 section 8.8.3.2), and was compared just now.
        reply = await self._send(calendar, key, text, {"If-Match": stored.etag.removeprefix("W/")})
        if reply.status == 201:
            return await self._created_by_update(calendar, key, text)
        if reply.status in (200, 204):
            return await self._read_back(calendar, key, text)
        if reply.status != 412:
            raise _refusal(reply)
        again = await self._wire.fetch(calendar.remote_id, key)
        if again is None:
            raise Gone("The event is no longer in the calendar.")
        return _already_so(calendar, key, again, merge_event(again.data, draft))

    async def _created_by_update(self, calendar: CalendarRef, key: str, text: bytes) -> Written:
        """After 201, which says that nothing stood there (RFC 9110 section 9.3.4): the server did not heed the
        condition, and the write undid a deletion. That is undone in turn. A few servers say 201 to every PUT, so the
        same is written once more, now that it certainly stands there: only the answer to that tells them apart."""
        written = await self._read_back(calendar, key, text)
        condition = {"If-Match": await self._strong(calendar, key, written.etag)}
        reply = await self._send(calendar, key, text, condition)
        if reply.status == 412:
            raise EditConflict("Somebody else changed the event.")
        if reply.status not in (200, 201, 204):
            raise _refusal(reply)
        again = await self._read_back(calendar, key, text)
        if reply.status == 201:
            return again
        await self.remove(calendar, key=key, etag=again.etag)
        raise Gone("The event is no longer in the calendar.")

    async def _send(self, calendar: CalendarRef, path: str, text: bytes, condition: dict[str, str]) -> Reply:
        url = urljoin(calendar.remote_id, path)
        return await self._wire.http.send("PUT", url, content=text, headers={**_CONTENT, **condition})

    async def _read_back(self, calendar: CalendarRef, path: str, text: bytes) -> Written:
        for pause in (*_LAG, None):
            stored = await self._wire.fetch(calendar.remote_id, path)
            if stored is not None:
                if not _same(calendar, stored.data, text):
                    raise Rejected("The calendar server did not keep the event as it was written.")
                return Written(key=path, etag=stored.etag)
            if pause is not None:
                await asyncio.sleep(pause)
        raise Transient("The event was written but the calendar server does not show it yet.")


def _already_so(calendar: CalendarRef, key: str, stored: Stored, text: bytes) -> Written:
    """After a failed condition: fine if the event already stands as wanted (our own write whose reply was lost), else
    somebody changed it."""
    if _same(calendar, stored.data, text):
        return Written(key=key, etag=stored.etag)
    raise EditConflict("Somebody else changed the event.")


def _same(calendar: CalendarRef, data: bytes, text: bytes) -> bool:
    """Whether both say the same of our event, and that it takes place."""
    stands, wanted = _read(calendar, data), _read(calendar, text)
    if stands is None or wanted is None or stands.cancelled:
        return False
    return (stands.uid, stands.fields) == (wanted.uid, wanted.fields)


def _own(calendar: CalendarRef, stored: Stored) -> OwnEvent | None:
    return _read(calendar, stored.data)


def _read(calendar: CalendarRef, data: bytes) -> OwnEvent | None:
    try:
        return parse_own(data, Places(owner=zones.named(calendar.zone) or UTC, embedded={}))
    except Unreadable as error:
        raise Transient("The calendar server sent an event that cannot be read.") from error


def _refusal(reply: Reply) -> ProviderError:
    """Why a PUT failed. A precondition that the server names is about the event, not about access."""
    named = [name.rpartition("}")[2] for name in xml.error_elements(reply.body) if name.startswith(xml.CALDAV)]
    if reply.status in (403, 409, 412) and named:
        return Rejected(f"The calendar server refused the event ({named[0][:60]}).")
    if reply.status in (409, 412):
        return Rejected(f"The calendar server refused the event (status {reply.status}).")
    return failure(reply, "writing the event")
