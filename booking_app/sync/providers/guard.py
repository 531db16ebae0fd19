"""Connections only to addresses that are allowed: checked after the name was resolved, once and for all."""

from __future__ import annotations

import asyncio
import socket
import typing

import httpcore

from booking_app.sync.providers.addresses import AddressPolicy


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks every address it has, and connects to one of exactly those."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: typing.Iterable[typing.Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name of the server cannot be resolved") from error
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name of the server was not resolved in time") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._policy.check_ip(address)
        problem: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem
