"""What goes on while a calendar is read: its lease is kept, and a read that takes long is told of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from booking_app.db import sync_queries
from booking_app.services.context import Context
from booking_app.sync import health


@contextlib.asynccontextmanager
async def leased(ctx: Context, calendar_id: int, seconds: float) -> AsyncIterator[None]:
    """Keep the lease of a calendar for as long as it is read, so that no worker begins to read it too."""

    async def extend() -> None:
        while True:
            await asyncio.sleep(seconds / 3)
            # A database that is away for a moment: the read goes on, the next turn tries again.
            with contextlib.suppress(OperationalError):
                async with ctx.sessions.begin() as db:
                    await sync_queries.extend_leases(db, (calendar_id,), ctx.now() + timedelta(seconds=seconds))

    keeper = asyncio.create_task(extend(), name=f"lease:{calendar_id}")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])


@contextlib.asynccontextmanager
async def told_when_slow(ctx: Context, calendar_id: int, patience: float) -> AsyncIterator[None]:
    """Note it where what happens within takes longer than `patience` seconds."""
    loop = asyncio.get_running_loop()
    telling: list[asyncio.Task[None]] = []

    async def tell() -> None:
        # A database that is away for a moment: then the read tells how it went when it ends.
        with contextlib.suppress(OperationalError):
            async with ctx.sessions.begin() as db:
                await health.no_answer(db, calendar_id, patience)

    # A timer costs next to nothing, and nearly every read is over before.
    timer = loop.call_later(patience, lambda: telling.append(asyncio.create_task(tell(), name=f"slow:{calendar_id}")))
    try:
        yield
    finally:
        timer.cancel()
        if telling:
            await asyncio.wait(telling)
