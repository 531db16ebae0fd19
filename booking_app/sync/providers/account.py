"""An account put together from its parts, the same for every kind of provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    OwnEvent,
    RemoteCalendar,
    Written,
)
from booking_app.sync.provider import Reads, Writes


class Account:
    """A `CalendarProvider` of a part that reads and one that writes; `close` ends what both speak through."""

    def __init__(self, reads: Reads, writes: Writes, close: Callable[[], Awaitable[None]]) -> None:
        self._reads = reads
        self._writes = writes
        self._close = close

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        return await self._reads.list_calendars()

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        return await self._reads.changes(calendar, cursor=cursor, known=known, window=window)

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        return await self._reads.busy_now(calendar, window=window)

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        return await self._writes.put(calendar, draft, key=key, etag=etag)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        return await self._writes.get(calendar, key=key)

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        return await self._writes.find(calendar, uid=uid)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        await self._writes.remove(calendar, key=key, etag=etag)

    async def close(self) -> None:
        await self._close()
