"""Asking an address of our own as somebody outside would, as far as that can be seen from here."""

from __future__ import annotations

import ssl

from booking_app.sync.doctor import Unreachable
from booking_app.sync.errors import ProviderError
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.body import Bounds
from booking_app.sync.providers.http import Http

DEADLINE = 8.0
"""Seconds."""
_LARGEST = 2_000_000
"""Bytes: whoever answers in our place may send a page."""
# The administrator has set PUBLIC_URL: it may lead anywhere, and from inside it often leads to a private address.
_OWN = AddressPolicy(allow_private=True, allow_http=True)


class HttpReach:
    """One GET without redirects; a certificate that browsers would refuse is refused."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context

    async def __call__(self, url: str) -> str:
        try:
            client = Http(url, policy=_OWN, context=self._context, bounds=Bounds(unpacked=_LARGEST), deadline=DEADLINE)
        except ProviderError as error:
            raise Unreachable("it is not an address that can be asked") from error
        try:
            reply = await client.send("GET", url)
        except ProviderError as error:
            raise Unreachable(_why(error)) from error
        finally:
            await client.close()
        if reply.status != 200:
            raise Unreachable(f"something answers there with status {reply.status}, but not this program")
        return reply.body[:200].decode("utf-8", "replace")


def _why(error: ProviderError) -> str:
    """The words of `Http`, which speaks of calendar servers, for a server of our own."""
    words = str(error).removesuffix(".").replace("The calendar server's", "its").replace("The calendar server", "it")
    return words[:1].lower() + words[1:]
