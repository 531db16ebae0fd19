"""Connections opened: one provider object an account, kept while its password stays the same."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection

from booking_app.db.tables import Connection
from booking_app.services.context import Sealer
from booking_app.sync.errors import AccessLost, Transient
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
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.vault import UnreadableSecret

OpenProvider = Callable[[str, Credentials], CalendarProvider]
"""(name of the provider, credentials) -> an adapter that has not yet spoken to anybody."""


def about(connection: Connection) -> str:
    """What the secret of a connection is sealed for."""
    return f"connection:{connection.uid}"


class Accounts:
    """Hands out the provider of a connection. `open_provider` may also be used alone, to try credentials."""

    def __init__(self, sealer: Sealer, open_provider: OpenProvider) -> None:
        self._sealer = sealer
        self.open_provider = open_provider
        self._opened: dict[int, tuple[bytes, _Lent]] = {}

    async def of(self, connection: Connection) -> CalendarProvider:
        """The provider for a stored connection, which works until the password is replaced or the account goes; from
        then on what is begun with it raises `Transient`. Raises `AccessLost` if the secret cannot be opened."""
        number = connection.id or 0
        kept = self._opened.get(number)
        if kept is not None and kept[0] == connection.secret:
            return kept[1]
        try:
            secret = self._sealer.open(connection.secret, about(connection))
        except UnreadableSecret as error:
            raise AccessLost("The stored password cannot be opened with the configured keys.") from error
        credentials = Credentials(address=connection.address, username=connection.username, secret=secret)
        lent = _Lent(self.open_provider(connection.provider, credentials))
        self._opened[number] = (connection.secret, lent)
        if kept is not None:
            await kept[1].close()
        return lent

    async def keep_only(self, connections: Collection[int]) -> None:
        """Close the providers of all other connections: those are no more."""
        for number in self._opened.keys() - set(connections):
            _, lent = self._opened.pop(number)
            await lent.close()

    async def close(self) -> None:
        """Release all of them."""
        await self.keep_only(())


class _Lent:
    """A provider that others may be using when it is closed: what they have begun is finished first."""

    def __init__(self, inner: CalendarProvider) -> None:
        self._inner = inner
        self._users = 0
        self._closing = False

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

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        async with self._in_use():
            await self._inner.remove(calendar, key=key, etag=etag)

    async def close(self) -> None:
        self._closing = True
        if not self._users:
            await self._inner.close()

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
                await self._inner.close()
