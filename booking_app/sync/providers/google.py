"""Google Calendar, behind the same verbs."""

from __future__ import annotations

from booking_app.sync.model import Mode
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.account import Account
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget
from booking_app.sync.providers.caldav_read import Expand
from booking_app.sync.providers.google_read import Reader
from booking_app.sync.providers.google_wire import Wire
from booking_app.sync.providers.google_write import Writer
from booking_app.sync.providers.http import Pool
from booking_app.sync.vendors import Vendor


class GoogleProvider(Account):
    """A `CalendarProvider` for one Google account. `expand` runs the CPU work of series, in a worker process."""

    def __init__(
        self,
        tokens: TokenSource,
        *,
        vendor: Vendor,
        mode: Mode,
        policy: AddressPolicy,
        expand: Expand,
        budget: Budget,
        pool: Pool | None = None,
    ) -> None:
        wire = Wire(tokens, vendor=vendor, policy=policy, budget=budget, pool=pool)
        super().__init__(Reader(wire, mode, expand), Writer(wire, mode), wire.close)
