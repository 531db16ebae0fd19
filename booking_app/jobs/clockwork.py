"""Chores of a process at intervals, started by APScheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

WATCH = 1.0
"""Seconds between two looks at the clock, and by how much it may go back between them without a word."""


class Clockwork:
    """Starts each chore once an interval; a chore that still runs is not started again, and one that fails is logged
    and started again in the next interval.

    APScheduler waits for a time of day, so it would stand still for three hours when the machine's clock is set back by
    three. The clock is compared with the time that has passed (`elapsed`, seconds of a clock that nobody sets), and
    the intervals begin anew."""

    def __init__(self, now: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self._now = now
        self._elapsed = elapsed
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        """Whether chores are being started."""
        return bool(self._scheduler.running)

    @property
    def jobs(self) -> list[Job]:
        """What is started, with when next."""
        jobs: list[Job] = self._scheduler.get_jobs()
        return jobs

    def every(self, seconds: float, name: str, chore: Callable[[], Awaitable[object]]) -> None:
        """Start `chore` every so many seconds, the first time after as many."""

        async def once() -> None:
            try:
                await chore()
            except Exception:
                # The outermost loop: the next round tries again.
                log.exception("chore.failed", extra={"chore": name})

        async def run() -> None:
            task = asyncio.create_task(once(), name=name)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            # APScheduler cancels what runs when it is shut down; what has begun ends by itself.
            await asyncio.shield(task)

        self._scheduler.add_job(run, "interval", seconds=seconds, id=name, max_instances=1, misfire_grace_time=None)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start chores for as long as the block runs; those under way then are waited for."""
        self._scheduler.start()
        watch = asyncio.create_task(self._watch(), name="clockwork")
        try:
            yield
        finally:
            watch.cancel()
            self._scheduler.shutdown(wait=False)
            await asyncio.gather(watch, *self._under_way, return_exceptions=True)

    async def _watch(self) -> None:
        before = self._beginning()
        while True:
            await asyncio.sleep(WATCH)
            now = self._beginning()
            if now < before - WATCH:
                for job in self.jobs:
                    job.reschedule("interval", seconds=job.trigger.interval.total_seconds())
            before = now

    def _beginning(self) -> float:
        """What the clock showed when the time that has passed was nothing: it stays, unless the clock is set."""
        return self._now().timestamp() - self._elapsed()
