"""https at a port that speaks plain http, and the other way round: the cause is named, with the way out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from booking_app.sync.errors import ProviderError, Transient
from booking_app.sync.model import Credentials
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav import CaldavProvider
from tests.authority import Authority, tls_before
from tests.contract.backends import LOCAL
from tests.contract.conftest import PASSWORD, USER
from tests.ports import conversing, relay
from tests.servers import Server

UNREACHED = "The calendar server cannot be reached or broke off."


async def why(url: str, *, policy: AddressPolicy = LOCAL, context: ssl.SSLContext | None = None) -> str:
    """What is said to whoever enters this address."""
    credentials = Credentials(address=url, username=USER, secret=PASSWORD)
    provider = CaldavProvider(credentials, policy=policy, context=context)
    try:
        with pytest.raises(ProviderError) as caught:
            await provider.list_calendars()
    finally:
        await provider.close()
    assert isinstance(caught.value, Transient)
    return str(caught.value)


@contextlib.asynccontextmanager
async def telling(inner: int, plain: bytes) -> AsyncIterator[int]:
    """A port that leads what begins like TLS to the port `inner`, and answers `plain` to anything else."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first != b"\x16":
            writer.write(plain)
            await writer.drain()
        elif inner:
            await relay(inner, reader, writer, begun=first)

    async with conversing(converse) as port:
        yield port


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /web\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SENT_PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 56\r\nConnection: close\r\n\r\n"
    b"<p>The plain HTTP request was sent to an HTTPS port.</p>"
)


async def test_https_at_a_port_that_speaks_http(radicale: Server) -> None:
    port = urlsplit(radicale.url).port
    address = f"https://127.0.0.1:{port}/{USER}/"
    told = f"Port {port} of the calendar server speaks http without TLS; "
    way_out = "enter its address for https, usually one without a port."
    assert await why(address) == f"{told}begin the address with http://, or {way_out}"
    assert await why(address, policy=AddressPolicy(allow_private=True)) == told + way_out


async def test_https_at_a_port_that_hangs_up_on_what_is_not_http() -> None:
    async with telling(0, REDIRECT) as port:
        assert "speaks http without TLS" in await why(f"https://127.0.0.1:{port}/")


async def test_http_at_a_port_that_speaks_https(radicale: Server, tmp_path: Path) -> None:
    inner = urlsplit(radicale.url).port or 0
    async with tls_before(inner, Authority(tmp_path).server()) as port:
        told = f"Port {port} of the calendar server speaks https; begin the address with https://."
        assert await why(f"http://127.0.0.1:{port}/{USER}/") == told


async def test_http_at_a_port_that_tells_of_the_mistake(radicale: Server, tmp_path: Path) -> None:
    inner = urlsplit(radicale.url).port or 0
    async with tls_before(inner, Authority(tmp_path).server()) as secure, telling(secure, SENT_PLAIN) as port:
        assert "speaks https" in await why(f"http://127.0.0.1:{port}/{USER}/")


async def test_tls_that_fails_is_no_wrong_port(radicale: Server, tmp_path: Path) -> None:
    async with telling(0, SENT_PLAIN) as port:
        assert await why(f"https://127.0.0.1:{port}/") == UNREACHED
    async with tls_before(urlsplit(radicale.url).port or 0, Authority(tmp_path).server()) as port:
        assert "is not trusted here" in await why(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_port_that_nobody_listens_on_is_no_wrong_one(scheme: str) -> None:
    async with telling(0, b"") as port:
        pass
    assert await why(f"{scheme}://127.0.0.1:{port}/") == UNREACHED


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_says_nothing_speaks_neither(scheme: str) -> None:
    async with telling(0, b"") as port:
        assert await why(f"{scheme}://127.0.0.1:{port}/") == UNREACHED
