"""Ports of a test's own, at which it says what is spoken."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


@contextlib.asynccontextmanager
async def conversing(converse: Converse, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port at which `converse` speaks with whoever connects, with TLS from the start if there is a `context`. What is
    still open at the end is broken off."""
    conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations[task] = writer
        with contextlib.suppress(OSError):
            await converse(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        del conversations[task]

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in conversations.values():
            writer.transport.abort()
        await asyncio.gather(*conversations)


async def relay(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, begun: bytes = b"") -> None:
    """Lead a conversation, of which `begun` was said, to whatever listens on `port`."""
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    inner_writer.write(begun)
    await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
