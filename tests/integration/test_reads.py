"""Single statements on the connections of the program's sessions."""

from __future__ import annotations

import asyncio

import psycopg.waiting
import pytest
from sqlalchemy import QueuePool, text

from booking_app.db.engine import Sessions, reads, single


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("kind", ["connection", "session"])
async def test_who_is_cancelled_while_a_busy_loop_hands_out_a_connection_leaves_none_behind(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, at: int, kind: str
) -> None:
    pool = reads(sessions).pool
    assert isinstance(pool, QueuePool)

    async def look() -> None:
        async with reads(sessions).connect() if kind == "connection" else single(sessions) as db:
            await db.execute(text("SELECT 1"))

    await look()
    # The driver gives others a turn each time, as it does when the loop was busy for long.
    monkeypatch.setattr(psycopg.waiting, "MAX_BUSY_TIME", 0)
    tasks = [asyncio.create_task(look()) for _ in range(3)]
    for _ in range(at):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert pool.checkedout() == 0

    # Nor does one come back that commits by itself.
    async with sessions() as db:
        await db.execute(text("CREATE TABLE undone (id int)"))
        await db.rollback()
        assert (await db.execute(text("SELECT to_regclass('undone')"))).scalar() is None
