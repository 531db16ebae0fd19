"""Outlook and Microsoft 365 through Microsoft Graph, behind the same verbs."""

from __future__ import annotations

from booking_app.sync.model import Mode
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.account import Account
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.http import Pool
from booking_app.sync.providers.microsoft_read import Reader
from booking_app.sync.providers.microsoft_wire import Graph
from booking_app.sync.providers.microsoft_write import Writer
from booking_app.sync.vendors import Vendor


class MicrosoftProvider(Account):
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
        graph = Graph(tokens, vendor=vendor, policy=policy, pool=pool)
        super().__init__(Reader(graph, mode), Writer(graph, mode), graph.close)
