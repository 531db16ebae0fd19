"""Which of http and https a port speaks: asked the other way, it only breaks off."""

from __future__ import annotations

import asyncio
import ssl

import httpcore

from booking_app.sync.errors import ProviderError
from booking_app.sync.providers.addresses import AddressPolicy, split
from booking_app.sync.providers.guard import GuardedBackend

PROBE = 3.0
"""Seconds for finding out."""


async def wrong_port(url: str, policy: AddressPolicy) -> str | None:
    """Why nobody answers at `url`, as a sentence with the way out, if the port speaks plain http where the address
    says https, or https where it says http; else None. Nothing of an account is sent."""
    place = split(url)
    secure = place.scheme == "https"
    try:
        async with asyncio.timeout(PROBE):
            stream = await GuardedBackend(policy).connect_tcp(place.hostname, place.port, PROBE)
            try:
                other = await _answers_plainly(stream) if secure else await _speaks_tls(stream, place.hostname)
            finally:
                await stream.aclose()
    except (TimeoutError, ProviderError, httpcore.NetworkError, httpcore.TimeoutException):
        return None
    if not other:
        return None
    if not secure:
        return f"Port {place.port} of the calendar server speaks https; begin the address with https://."
    way_out = "begin the address with http://, or " if policy.allow_http else ""
    return (
        f"Port {place.port} of the calendar server speaks http without TLS; {way_out}enter its address for https, "
        "usually one without a port."
    )


async def _answers_plainly(stream: httpcore.AsyncNetworkStream) -> bool:
    """A port for https may say 400 in plain http, to tell of the mistake."""
    await stream.write(b"GET / HTTP/1.0\r\n\r\n", PROBE)
    said = await stream.read(64, PROBE)
    return said.startswith(b"HTTP/") and said.split()[1:2] != [b"400"]


async def _speaks_tls(stream: httpcore.AsyncNetworkStream, host: str) -> bool:
    # Nothing is sent or believed, so whose certificate it is does not matter.
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    await (await stream.start_tls(anybody, host, PROBE)).aclose()
    return True
