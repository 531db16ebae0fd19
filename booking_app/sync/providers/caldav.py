"""CalDAV: iCloud, Fastmail, Nextcloud and every server that follows RFC 4791, behind the same verbs."""

from __future__ import annotations

import ssl

from booking_app.sync.model import Credentials
from booking_app.sync.providers import caldav_discovery
from booking_app.sync.providers.account import Account
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.body import Turns
from booking_app.sync.providers.caldav_read import Expand, Reader, expand_inline
from booking_app.sync.providers.caldav_wire import Wire
from booking_app.sync.providers.caldav_write import Writer
from booking_app.sync.providers.http import Http


class CaldavProvider(Account):
    """A `CalendarProvider` for one CalDAV account. `credentials.address` is a URL or a mail address.

    Raises `AddressRefused` at once for an address that the policy does not allow. `expand` runs the CPU work of
    reading calendar objects, in a worker process where there is one; `turns` are shared by all that one loop reads."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        policy: AddressPolicy,
        expand: Expand = expand_inline,
        context: ssl.SSLContext | None = None,
        turns: Turns | None = None,
    ) -> None:
        http = Http(
            caldav_discovery.base_url(credentials.address),
            policy=policy,
            username=credentials.username,
            secret=credentials.secret,
            provider="caldav",
            context=context,
            turns=turns,
        )
        wire = Wire(http)
        super().__init__(Reader(wire, credentials.address, expand), Writer(wire), http.close)
