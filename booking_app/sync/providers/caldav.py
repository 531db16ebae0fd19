"""CalDAV: iCloud, Fastmail, Nextcloud and every server that follows RFC 4791, behind the five verbs."""

from __future__ import annotations

import ssl

from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Credentials,
    Delta,
    EventDraft,
    Known,
    OwnEvent,
    RemoteCalendar,
    Written,
)
from booking_app.sync.providers import caldav_discovery
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav_read import Expand, Reader, expand_inline
from booking_app.sync.providers.caldav_wire import Wire
from booking_app.sync.providers.caldav_write import Writer
from booking_app.sync.providers.http import Http


class CaldavProvider:
    """A `CalendarProvider` for one CalDAV account. `credentials.address` is a URL or a mail address.

    Raises `AddressRefused` at once for an address that the policy does not allow. `expand` runs the CPU work of
    reading calendar objects, in a worker process where there is one."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        policy: AddressPolicy,
        expand: Expand = expand_inline,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._address = credentials.address
        self._http = Http(
            caldav_discovery.base_url(credentials.address),
            policy=policy,
            username=credentials.username,
            secret=credentials.secret,
            context=context,
        )
        wire = Wire(self._http)
        self._wire = wire
        self._reader = Reader(wire, expand)
        self._writer = Writer(wire)

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        return await caldav_discovery.list_calendars(self._wire, self._address)

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        return await self._reader.changes(calendar, cursor=cursor, known=known, window=window)

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        return await self._reader.busy_now(calendar, window=window)

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        return await self._writer.put(calendar, draft, key=key, etag=etag)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        return await self._writer.get(calendar, key=key)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        await self._writer.remove(calendar, key=key, etag=etag)

    async def close(self) -> None:
        await self._http.close()
