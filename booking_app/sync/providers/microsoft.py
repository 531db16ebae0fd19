"""Outlook and Microsoft 365 through Microsoft Graph, behind the five verbs."""

from __future__ import annotations

from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    Mode,
    OwnEvent,
    RemoteCalendar,
    Written,
)
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.http import Pool
from booking_app.sync.providers.microsoft_read import Reader
from booking_app.sync.providers.microsoft_wire import Graph
from booking_app.sync.providers.microsoft_write import Writer
from booking_app.sync.vendors import Vendor


class MicrosoftProvider:
    """A `CalendarProvider` for one mailbox, personal accounts included."""

    def __init__(
        self,
        tokens: TokenSource,
        *,
        vendor: Vendor,
        mode: Mode,
        policy: AddressPolicy,
        pool: Pool | None = None,
    ) -> None:
        self._graph = Graph(tokens, vendor=vendor, policy=policy, pool=pool)
        self._reader = Reader(self._graph, mode)
        self._writer = Writer(self._graph, mode)

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        return await self._reader.list_calendars()

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
        await self._graph.close()
