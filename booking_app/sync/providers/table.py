"""Which adapter speaks to which kind of account: a new provider is one file and one line here."""

from __future__ import annotations

import ssl

from booking_app.sync.accounts import OpenProvider
from booking_app.sync.errors import Rejected
from booking_app.sync.model import Credentials
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.caldav_read import Expand


def opener(policy: AddressPolicy, expand: Expand) -> OpenProvider:
    """A function that opens accounts, connecting only where `policy` allows."""
    # Loading the certificates takes tens of milliseconds on the loop: once, not for each account.
    context = ssl.create_default_context()
    adapters = {
        "caldav": lambda credentials: CaldavProvider(credentials, policy=policy, expand=expand, context=context),
    }

    def open_provider(name: str, credentials: Credentials) -> CalendarProvider:
        if name not in adapters:
            raise Rejected("This kind of calendar account is not known to this version.")
        return adapters[name](credentials)

    return open_provider
