"""A change committed anywhere reaches every listener of the process."""

from __future__ import annotations

from booking_app.db.changes import announce
from booking_app.db.engine import Sessions
from booking_app.feed import Change, Hub, listening


async def test_a_committed_change_arrives_and_a_rolled_back_one_does_not(database_url: str, sessions: Sessions) -> None:
    hub = Hub()
    async with listening(database_url, hub):
        with hub.subscribe("availability") as subscription:
            async with sessions() as db:
                await announce(db, "availability", [3])
                await db.rollback()
            assert await subscription.next(timeout=0.3) == ()
            async with sessions.begin() as db:
                await announce(db, "availability", [1, 2])
                await announce(db, "sync", [9])
            assert await subscription.next(timeout=5) == (Change(topic="availability", ids=frozenset({1, 2})),)
        assert hub.listeners == 0
