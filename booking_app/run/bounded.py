"""Uvicorn with bounds: how many connections a client may have, how long it may take, how much it may send.

Uvicorn itself bounds none of these: it waits for the rest of a request, and for a reader, for as long as the client
likes. A proxy in front does all of this for its clients; then only the proxy connects, and its connections are not
counted as one client's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from booking_app.limiter import client_key
from booking_app.run.connections import Connection, Connections

HEADER_BYTES = 64 * 1024
"""Of a request's first line and headers."""
REQUEST_BYTES = 2 * 1024 * 1024
"""Of a whole request. What an application takes of a body is its own matter (api/protection.py)."""
UNREAD_BYTES = 1024 * 1024
"""That wait for a client that does not read, answers to pings included."""
MESSAGE_BYTES = 64 * 1024
"""Of one websocket message of a client."""

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds that a client gets: for the headers of a request, counted from the connection or from the request's
    first byte; for its body after them; between two requests; and to go on reading."""

    headers: float = 10
    body: float = 30
    idle: int = 60
    reading: float = 30


class BoundedConfig(uvicorn.Config):
    """`connections`: those of this process; each process of several has its own. `proxied`: only proxies of ours
    connect, so that an address is not a client."""

    def __init__(self, app: str, *, connections: Connections, patience: Patience, proxied: bool, **more: Any) -> None:
        super().__init__(
            app,
            http=BoundedHttp,
            ws=BoundedSocket,
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,
            timeout_keep_alive=patience.idle,
            # Who the client is, `addresses` decides; the server tells who connected.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            **more,
        )
        self.connections = connections
        self.patience = patience
        self.proxied = proxied
        self._watch: asyncio.TimerHandle | None = None
        self._of: dict[asyncio.BaseTransport, Connection] = {}

    def connected(self, transport: asyncio.Transport, peer: str, loop: asyncio.AbstractEventLoop) -> Connection | None:
        """Note a connection from the address `peer`; None if there is no room for it."""
        client = "" if self.proxied else client_key(peer)
        made = self.connections.add(transport, client, loop.time() + self.patience.headers)
        if made is not None:
            self._of[transport] = made
            self._keep_watch(loop)
        return made

    def connection(self, transport: asyncio.BaseTransport) -> Connection | None:
        """What is noted of it."""
        return self._of.get(transport)

    def lost(self, transport: asyncio.BaseTransport) -> None:
        """It is closed."""
        if (connection := self._of.pop(transport, None)) is not None:
            self.connections.remove(connection)

    def _keep_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """One look a second at all of them, for as long as there are any: a timer for each would cost each request."""
        if self._watch is None:
            self._watch = loop.call_later(1, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection in self.connections.overdue(loop.time()):
            connection.transport.abort()
        self._watch = None
        if len(self.connections):
            self._keep_watch(loop)


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 of a client that owes us a whole request in time."""

    _connection: Connection | None = None
    _bytes = 0
    _in_headers = True

    @property
    def _bounds(self) -> BoundedConfig:
        return cast(BoundedConfig, self.config)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        self._connection = self._bounds.connected(transport, peer, self.loop)
        if self._connection is None:
            transport.write(BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._bounds.lost(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        if connection is None or self.transport.is_closing():
            return
        self._bytes += len(data)
        if connection.owed == inf and self._in_headers:
            connection.owed = self.loop.time() + self._bounds.patience.headers
        super().data_received(data)
        if self._in_headers and self._bytes > HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()
        elif self._bytes > REQUEST_BYTES:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        if self._connection is not None:
            self._connection.owed = self.loop.time() + self._bounds.patience.body
            self._bounds.connections.busy(self._connection)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers, self._bytes = True, 0
        if self._connection is not None:
            self._connection.owed = inf
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._connection is not None and not self.pipeline:
            self._bounds.connections.idle(self._connection)

    def pause_writing(self) -> None:
        super().pause_writing()
        _wait_for_reader(self._connection, self.loop, self._bounds.patience)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._connection is not None:
            self._connection.taken = inf


class BoundedSocket(WebSocketsSansIOProtocol):
    """A websocket whose client has to read. Its transport was noted when it connected."""

    _connection: Connection | None = None

    @property
    def _bounds(self) -> BoundedConfig:
        return cast(BoundedConfig, self.config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connection = self._bounds.connection(transport)
        if self._connection is not None:
            self._connection.owed = inf
            self._bounds.connections.busy(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bounds.lost(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > UNREAD_BYTES:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        _wait_for_reader(self._connection, self.loop, self._bounds.patience)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._connection is not None:
            self._connection.taken = inf


def _wait_for_reader(connection: Connection | None, loop: asyncio.AbstractEventLoop, patience: Patience) -> None:
    if connection is not None:
        connection.taken = loop.time() + patience.reading
