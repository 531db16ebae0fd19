"""PostgreSQL NOTIFY -> one in-process hub -> whoever listens: open pages, workers, caches."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass

import psycopg

from booking_app.db.changes import CHANNEL

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One announcement; the topics are listed in `db.changes.announce`. Topic `resync` means that messages may
    have been missed: look at everything again."""

    topic: str
    ids: frozenset[int] = frozenset()


class Subscription:
    """What arrived since the last look. Changes of one topic coalesce, so a slow listener never falls behind."""

    def __init__(self, topics: frozenset[str]) -> None:
        self._topics = topics | {"resync"}
        self._waiting: dict[str, frozenset[int]] = {}
        self._ready = asyncio.Event()

    def offer(self, change: Change) -> None:
        """Called by the hub."""
        if change.topic in self._topics:
            self._waiting[change.topic] = self._waiting.get(change.topic, frozenset()) | change.ids
            self._ready.set()

    async def next(self, timeout: float | None = None) -> tuple[Change, ...]:  # noqa: ASYNC109
        """All that waits, at least one change; empty after `timeout` seconds without one."""
        try:
            await asyncio.wait_for(self._ready.wait(), timeout)
        except TimeoutError:
            return ()
        changes = tuple(Change(topic=topic, ids=ids) for topic, ids in self._waiting.items())
        self._waiting.clear()
        self._ready.clear()
        return changes


class Hub:
    """Fans changes out within this process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._first: list[Callable[[Change], None]] = []

    def tell_first(self, listener: Callable[[Change], None]) -> None:
        """`listener` gets each change before anybody else wakes: for what the others will ask."""
        self._first.append(listener)

    @contextlib.contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """Listen for as long as the block runs."""
        subscription = Subscription(frozenset(topics))
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, change: Change) -> None:
        for listener in self._first:
            listener(change)
        for subscription in tuple(self._subscriptions):
            subscription.offer(change)

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)


async def read_again(hub: Hub, calendars: Collection[int], seconds: float) -> None:
    """Returns when all of the calendars were announced as `verified` (or may have been), or after `seconds`."""
    missing = set(calendars)
    with hub.subscribe("verified") as changes, contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while missing:
                for change in await changes.next():
                    missing = set() if change.topic == "resync" else missing - change.ids


@contextlib.asynccontextmanager
async def listening(url: str, hub: Hub) -> AsyncIterator[None]:
    """Feed `hub` from the database at `url` until the block ends. A lost connection is made again, then
    everybody is told to look at everything once (`resync`)."""
    started = asyncio.Event()
    task = asyncio.create_task(_listen(url, hub, started), name="feed")
    try:
        await asyncio.wait_for(started.wait(), 10)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _listen(url: str, hub: Hub, started: asyncio.Event) -> None:
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                if started.is_set():
                    hub.publish(Change(topic="resync"))
                started.set()
                async for message in connection.notifies():
                    content = json.loads(message.payload)
                    hub.publish(Change(topic=content["topic"], ids=frozenset(content["ids"])))
        except psycopg.OperationalError as error:
            log.warning("feed.lost", extra={"error": type(error).__name__})
            await asyncio.sleep(1)
