"""What is lent to several users at a time: when it is closed, what they have begun is finished first."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from booking_app.sync.errors import Transient
from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    Opened,
    OwnEvent,
    RemoteCalendar,
    Written,
)
from booking_app.sync.provider import CalendarProvider, Notifier


class _Shared:
    """Counts its users and closes when there are none left; whoever comes after that is told to come again."""

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._close = close
        self._users = 0
        self._closing = False

    async def _end(self) -> None:
        self._closing = True
        if not self._users:
            await self._close()

    @contextlib.asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        if self._closing:
            raise Transient("The calendar account was changed just now.")
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if self._closing and not self._users:
                await self._close()


class Lent(_Shared):
    """A provider that others may be using when it is closed: what they have begun is finished first."""

    def __init__(self, inner: CalendarProvider) -> None:
        super().__init__(inner.close)
        self._inner = inner

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        async with self._in_use():
            return await self._inner.list_calendars()

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        async with self._in_use():
            return await self._inner.changes(calendar, cursor=cursor, known=known, window=window)

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        async with self._in_use():
            return await self._inner.busy_now(calendar, window=window)

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        async with self._in_use():
            return await self._inner.put(calendar, draft, key=key, etag=etag)

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        async with self._in_use():
            return await self._inner.get(calendar, key=key)

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        async with self._in_use():
            return await self._inner.find(calendar, uid=uid)

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        async with self._in_use():
            await self._inner.remove(calendar, key=key, etag=etag)

    async def close(self) -> None:
        await self._end()


class LentNotifier(_Shared):
    """The same for the push channels of an account."""

    def __init__(self, inner: Notifier) -> None:
        super().__init__(inner.release)
        self._inner = inner
        self.per_calendar, self.pushes = inner.per_calendar, inner.pushes

    async def open(
        self, calendar: CalendarRef | None, *, uid: str, address: str, secret: str, spared: Collection[str] = ()
    ) -> Opened:
        async with self._in_use():
            return await self._inner.open(calendar, uid=uid, address=address, secret=secret, spared=spared)

    async def extend(self, channel: Opened) -> Opened | None:
        async with self._in_use():
            return await self._inner.extend(channel)

    async def close(self, channel: Opened) -> None:
        async with self._in_use():
            await self._inner.close(channel)

    async def release(self) -> None:
        await self._end()
