"""The HTTP API of the program that runs in this loop, really served: what providers tell by webhook arrives."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from booking_app.api.app import create_api


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The address, without a slash. The program whose API answers there may start afterwards, knowing its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_api(), log_level="error", lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
