"""Connections opened: one provider object an account, kept while its password or consent stays the same."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from booking_app.db.tables import Connection
from booking_app.services.context import Sealer
from booking_app.services.provider_apps import is_vendor
from booking_app.sync.errors import KeyMissing, Rejected, Transient
from booking_app.sync.grants import Grants
from booking_app.sync.lent import Lent, LentNotifier
from booking_app.sync.model import Credentials, Mode
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.vault import UnreadableSecret
from booking_app.sync.vendors import Vendor

_TRIES = 2
"""Accounts that are tried for one person at a time, by this process."""

OpenProvider = Callable[[str, Credentials], CalendarProvider]
"""(name of the provider, credentials) -> an adapter that has not yet spoken to anybody."""
OpenConsented = Callable[[str, TokenSource, Vendor, Mode], CalendarProvider]
"""(name of the provider, access tokens, its addresses, what was asked for) -> the same for one linked by consent."""
OpenNotifier = Callable[[str, TokenSource, Vendor, Mode], Notifier]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consented:
    """How accounts are opened that are linked by consent."""

    grants: Grants
    open_provider: OpenConsented
    open_notifier: OpenNotifier


def about(connection: Connection) -> str:
    """What the secret of a connection is sealed for."""
    return f"connection:{connection.uid}"


class Accounts:
    """Hands out the provider of a connection. `open_provider` may also be used alone, to try credentials; `consented`
    is None in a program that knows no providers which are linked by consent."""

    def __init__(self, sealer: Sealer, open_provider: OpenProvider, consented: Consented | None = None) -> None:
        self._sealer = sealer
        self.open_provider = open_provider
        self._consented = consented
        self._opened: dict[int, tuple[bytes, Lent]] = {}
        self._notifiers: dict[int, tuple[bytes, LentNotifier]] = {}
        self._tries: Counter[int] = Counter()

    @contextlib.contextmanager
    def trying(self, person: int) -> Iterator[None]:
        """While somebody waits for an account of that person to be tried. Raises `Transient` where they wait for
        several already: a server that does not answer is not to be asked over and over."""
        if self._tries[person] >= _TRIES:
            raise Transient("Other calendar accounts of yours are being tried just now. Wait for that, then try again.")
        self._tries[person] += 1
        try:
            yield
        finally:
            self._tries[person] -= 1
            if not self._tries[person]:
                del self._tries[person]

    @property
    def consented(self) -> Consented:
        """Raises `Rejected` in a program without it."""
        if self._consented is None:
            raise Rejected("This kind of calendar account is not known to this version.")
        return self._consented

    async def of(self, connection: Connection) -> CalendarProvider:
        """The provider for a stored connection, which works until the password or consent is replaced or the account
        goes; from then on what is begun with it raises `Transient`. Raises `KeyMissing` if the secret cannot be
        opened, `ProviderRefused` without credentials for the provider."""
        number = connection.id or 0
        kept = self._opened.get(number)
        if kept is not None and kept[0] == connection.secret:
            return kept[1]
        opened = await self._open(connection)
        kept = self._opened.get(number)  # Somebody else may have been faster.
        lent = Lent(opened)
        self._opened[number] = (connection.secret, lent)
        if kept is not None:
            await kept[1].close()
        return lent

    async def notifier(self, connection: Connection) -> Notifier | None:
        """The push channels of a stored connection; None where there are none. Raises `ProviderRefused`."""
        if not is_vendor(connection.provider):
            return None
        number = connection.id or 0
        kept = self._notifiers.get(number)
        if kept is not None and kept[0] == connection.secret:
            return kept[1]
        app = await self.consented.grants.app(connection.provider)
        tokens = self.consented.grants.source(connection)
        opened = self.consented.open_notifier(connection.provider, tokens, app.vendor, Mode(connection.mode))
        kept = self._notifiers.get(number)  # Somebody else may have been faster.
        lent = LentNotifier(opened)
        self._notifiers[number] = (connection.secret, lent)
        if kept is not None:
            await kept[1].release()
        return lent

    async def _open(self, connection: Connection) -> CalendarProvider:
        if is_vendor(connection.provider):
            app = await self.consented.grants.app(connection.provider)
            tokens = self.consented.grants.source(connection)
            return self.consented.open_provider(connection.provider, tokens, app.vendor, Mode(connection.mode))
        try:
            secret = self._sealer.open(connection.secret, about(connection))
        except UnreadableSecret:
            raise KeyMissing from None
        credentials = Credentials(address=connection.address, username=connection.username, secret=secret)
        return self.open_provider(connection.provider, credentials)

    async def keep_only(self, connections: Collection[int]) -> None:
        """Close the providers of all other connections: those are no more."""
        for number in self._opened.keys() - set(connections):
            _, lent = self._opened.pop(number)
            await lent.close()
        for number in self._notifiers.keys() - set(connections):
            _, notifier = self._notifiers.pop(number)
            await notifier.release()
        if self._consented is not None:
            await self._consented.grants.keep_only(connections)

    async def close(self) -> None:
        """Release all of them."""
        await self.keep_only(())
        if self._consented is not None:
            await self._consented.grants.close()
