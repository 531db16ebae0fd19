"""The server under clients that are silent, slow or greedy: real sockets, a small app, short patience."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.server import Server
from websockets.asyncio.client import connect

from booking_app.run.bounded import HEADER_BYTES, MESSAGE_BYTES, REQUEST_BYTES, BoundedConfig, Patience
from booking_app.run.connections import Connections

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 64 * 1024 * 1024
SHORT = Patience(headers=2, body=2, idle=3600, reading=2)
LONG = Patience(headers=3600, body=3600, idle=3600, reading=3600)


@dataclass
class Site:
    """Answers with what was sent to it, with a lot under /large, and never under /wait."""

    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            await self.echo(receive, send, flood=scope["path"] == "/large")
            return
        assert scope["type"] == "http"
        if scope["path"] == "/wait":
            await self.waiting.wait()
        more, size = True, 0
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            size, more = size + len(message["body"]), message["more_body"]
        body = b"x" * 65536 if scope["path"] == "/large" else str(size).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(LARGE // len(body) if scope["path"] == "/large" else 1):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def echo(self, receive: ASGIReceiveCallable, send: ASGISendCallable, *, flood: bool) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        while flood:
            await send({"type": "websocket.send", "bytes": None, "text": "x" * 65536})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": None, "text": str(message.get("text"))})


@dataclass(frozen=True)
class Served:
    port: int
    connections: Connections
    server: Server


@contextlib.asynccontextmanager
async def served(
    patience: Patience, *, each: int = 50, total: int = 5000, proxied: bool = False
) -> AsyncIterator[Served]:
    connections = Connections(each=each, total=total)
    site = Site()
    bounded = BoundedConfig(
        site,  # type: ignore[arg-type]
        connections=connections,
        patience=patience,
        proxied=proxied,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = Server(bounded)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        running = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield Served(listener.getsockname()[1], connections, server)
        finally:
            site.waiting.set()
            server.should_exit = True
            await running


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def lines(port: int, number: int = 1, source: str = "127.0.0.1") -> AsyncIterator[list[Line]]:
    """Open connections from an address of this machine."""
    made = [await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)) for _ in range(number)]
    try:
        yield made
    finally:
        for _, writer in made:
            writer.transport.abort()


async def answer(line: Line, request: bytes = GET) -> bytes:
    """The status line."""
    line[1].write(request)
    return await line[0].readline()


async def honest(port: int, source: str = "127.0.0.2") -> bytes:
    async with lines(port, 1, source) as [line]:
        return await answer(line)


async def ended(line: Line) -> bytes:
    """All that came until the server closed the connection."""
    with contextlib.suppress(ConnectionError):
        return await line[0].read()
    return b""


async def drip(line: Line, content: bytes) -> None:
    """One byte after the other, for as long as the connection stands."""
    with contextlib.suppress(ConnectionError):
        for byte in content:
            line[1].write(bytes([byte]))
            await line[1].drain()
            await asyncio.sleep(0.05)


async def test_silent_connections_are_closed_in_time_and_keep_nobody_waiting() -> None:
    async with served(SHORT, each=5000) as site, lines(site.port, 1100) as silent:
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"
        assert await honest(site.port, "127.0.0.1") == b"HTTP/1.1 200 OK\r\n"
        assert [await ended(line) for line in silent] == [b""] * 1100
        await until(lambda: len(site.connections) == 0)


async def test_a_client_with_too_many_silent_ones_loses_these_and_is_answered_on_new_ones() -> None:
    async with served(LONG, each=50) as site, lines(site.port, 1100) as silent:
        await until(lambda: len(site.connections) <= 50)
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"
        assert await answer(silent[-1]) == b"HTTP/1.1 200 OK\r\n"
        assert await honest(site.port, "127.0.0.1") == b"HTTP/1.1 200 OK\r\n"
        assert await ended(silent[0]) == b""


async def test_a_client_whose_connections_all_work_is_told_and_others_are_not_touched() -> None:
    async with served(LONG, each=3) as site, lines(site.port, 3) as busy:
        for line in busy:
            line[1].write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(site.server.server_state.tasks) == 3)
        async with lines(site.port) as [late]:
            told = await ended(late)
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After" in told
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"


async def test_a_proxy_of_ours_is_not_one_visitor() -> None:
    async with served(LONG, each=1000, proxied=True) as site, lines(site.port, 400) as handed_on:
        for line in handed_on:
            assert await answer(line) == b"HTTP/1.1 200 OK\r\n"


SLOW = {
    "half of the headers": (b"GET / HTTP/1.1\r\nHost", b""),
    "headers byte by byte": (b"", b"GET / HTTP/1.1\r\nX: " + b"y" * 2000),
    "no body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b""),
    "body byte by byte": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", b"z" * 2000),
    "chunks byte by byte": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n" * 400),
    "trailers without end": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 400),
    "the second request on a connection": (GET, b"GET / HTTP/1.1\r\nX: " + b"y" * 2000),
    "an upgrade without end": (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", b"X: y\r\n" * 400),
}  # fmt: skip


@pytest.mark.parametrize("kind", SLOW)
async def test_whoever_sends_slowly_is_cut_off_and_keeps_nobody_waiting(kind: str) -> None:
    begun, rest = SLOW[kind]
    async with served(SHORT) as site, lines(site.port, 20) as slow:
        for line in slow:
            line[1].write(begun)
        senders = [asyncio.create_task(drip(line, rest)) for line in slow]
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"
        for line in slow:
            await ended(line)
        await until(lambda: len(site.connections) == 0)
        await asyncio.gather(*senders)


async def test_whoever_does_not_read_is_cut_off() -> None:
    async with served(SHORT) as site, lines(site.port, 5) as deaf:
        for line in deaf:
            line[1].transport.pause_reading()  # type: ignore[attr-defined]
            line[1].write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(site.server.server_state.tasks) == 5)
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"
        await until(lambda: len(site.connections) == 0)
        await until(lambda: not site.server.server_state.tasks)


async def test_a_websocket_that_does_not_read_is_cut_off_and_one_that_is_silent_is_not() -> None:
    async with served(SHORT) as site:
        url = f"ws://127.0.0.1:{site.port}"
        async with connect(url, ping_interval=None) as silent, lines(site.port) as [deaf]:
            handshake = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            deaf[1].transport.pause_reading()  # type: ignore[attr-defined]
            deaf[1].write(b"GET /large HTTP/1.1\r\nHost: x\r\n" + handshake + key + b"\r\n")
            await until(lambda: len(site.connections) == 2)
            await until(lambda: len(site.connections) == 1)
            # Longer than any patience has passed: it is still there.
            await silent.send("hello")
            assert await silent.recv() == "hello"


async def test_a_websocket_that_asks_and_does_not_read_the_answers_is_cut_off() -> None:
    async with served(LONG) as site, lines(site.port) as [deaf]:
        handshake = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        deaf[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n" + handshake + key + b"\r\n")
        await deaf[0].readuntil(b"\r\n\r\n")
        deaf[1].transport.pause_reading()  # type: ignore[attr-defined]
        ping = b"\x89\xfd\x00\x00\x00\x00" + b"p" * 125
        with contextlib.suppress(ConnectionError):
            while len(site.connections):
                deaf[1].write(ping * 500)
                await deaf[1].drain()
                await asyncio.sleep(0)


async def test_more_than_the_bounds_of_a_request_is_refused() -> None:
    async with served(LONG) as site:
        async with lines(site.port) as [line]:
            line[1].write(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * (HEADER_BYTES + 10))
            assert (await ended(line)).startswith(b"HTTP/1.1 431 ")
        async with lines(site.port) as [line]:
            # A body that the app takes: more than twice what any route takes is cut off all the same.
            line[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(REQUEST_BYTES // 4096 + 16):
                    line[1].write(b"z" * 4096)
                    await line[1].drain()
            assert await ended(line) == b""
        async with connect(f"ws://127.0.0.1:{site.port}") as large:
            await large.send("x" * MESSAGE_BYTES)
            assert len(await large.recv()) == MESSAGE_BYTES
            await large.send("x" * (MESSAGE_BYTES + 1))
            await large.wait_closed()
        assert await honest(site.port) == b"HTTP/1.1 200 OK\r\n"


async def test_a_whole_request_in_pieces_and_an_answer_that_takes_long_are_well() -> None:
    async with served(SHORT) as site, lines(site.port, 3) as [one, other, silent]:
        other[1].write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(3):
            for piece in (b"POST / HTTP/1.1\r\nHo", b"st: x\r\nContent-Length: 4\r\n", b"\r\n12", b"34"):
                one[1].write(piece)
                await asyncio.sleep(0.05)
            assert (await one[0].readline()).startswith(b"HTTP/1.1 200")
            assert (await one[0].readuntil(b"0\r\n\r\n")).endswith(b"\r\n1\r\n4\r\n0\r\n\r\n")
        await ended(silent)
        # All patience is over by now: nothing is owed while we work on an answer, or between two requests.
        assert len(site.connections) == 2


async def until(reached: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    while not reached():
        await asyncio.sleep(0.02)
