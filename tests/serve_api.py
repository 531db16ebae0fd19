"""The program with its HTTP API and without pages, as an ASGI app for a process of its own.

Run as `uvicorn --factory tests.serve_api:create`; settings come from the environment.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from booking_app import config, pauses, runtime
from booking_app.api.app import create_api


def create() -> FastAPI:
    """A new app whose lifespan is that of the program."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with runtime.running(config.load()):
            pauses.settle()
            yield

    api = create_api()
    api.router.lifespan_context = lifespan
    return api
