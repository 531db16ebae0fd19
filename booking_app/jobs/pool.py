"""Places for work: who takes long leaves them to others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection

from booking_app.domain.freshness import SLOW

log = logging.getLogger(__name__)

PATIENCE = 2 * SLOW
"""Seconds. What is given up after this counts as slow."""

SOON, LATER = 0.05, 0.2
"""Seconds from the end of a task to the claim that takes its place, and where nothing more was due at the last one."""


class Pool:
    """Runs `width` tasks; `run` starts more whenever it is woken and there is room.

    A task that takes longer than `patience` seconds waits for a server that hangs, or takes in a lot: it leaves its
    place to others and goes on beside them, of which there are at most `slow`. Where these places are taken it is given
    up, to be begun anew in the lane of its like: no place is held for longer than that. None: it may take its time."""

    def __init__(self, name: str, width: int, *, patience: float | None = PATIENCE, slow: int = 4) -> None:
        self.name = name
        self.width = width
        self.patience = patience
        self.slow = slow
        self._awake = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._more_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: set[asyncio.Task[None]] = set()
        self._given_up: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for work at once."""
        self._awake.set()

    @property
    def room(self) -> int:
        return self.width - len(self._tasks) + min(len(self._slow), self.slow)

    async def claim(self, limit: int) -> Collection[Awaitable[None]]:
        """Work to start now, at most `limit`."""
        raise NotImplementedError

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                await self._start_more()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def drain(self) -> int:
        """Do all that is due now, one after the other; how much it was. For the command line and tests."""
        done = 0
        while claimed := await self.claim(1):
            for work in claimed:
                await work
                done += 1
        return done

    async def _start_more(self) -> None:
        room = self.room
        if room <= 0:
            return
        try:
            claimed = await self.claim(room)
        except Exception:
            # The outermost loop: whatever it was (a database that restarts), the next pulse looks again.
            log.exception("worker.claim_failed", extra={"worker": self.name})
            return
        self._more_due = len(claimed) >= room
        for work in claimed:
            task = asyncio.ensure_future(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            if self.patience is not None:
                asyncio.get_running_loop().call_later(self.patience, self._is_slow, task)

    def _is_slow(self, task: asyncio.Task[None]) -> None:
        if task not in self._tasks:
            return
        if len(self._slow) < self.slow:
            self._slow.add(task)
            self._awake.set()
        else:
            self._given_up.add(task)
            task.cancel()

    def gave_up(self) -> bool:
        """Asked by a task that is cancelled: whether that is to make room for others, so that it goes on to say so."""
        task = asyncio.current_task()
        if task is None or task not in self._given_up:
            return False
        task.uncancel()
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slow.discard(task)
        self._given_up.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker.failed", exc_info=error, extra={"worker": self.name})
        # What ends at about the same time leaves room for one claim, not for one each.
        if self._soon is None:
            wait = SOON if self._more_due else LATER
            self._soon = asyncio.get_running_loop().call_later(wait, self._room_again)

    def _room_again(self) -> None:
        self._soon = None
        self._awake.set()
