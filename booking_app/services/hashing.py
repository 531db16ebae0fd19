"""Passwords are hashed in a few threads of their own, behind everything else.

Argon2id keeps every core busy for tens of milliseconds on purpose. So many at once must neither fill the threads that
others wait for nor outrun what answers pages: whoever finds the queue full is told to come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from booking_app.domain.errors import Busy

THREADS = 2
MOST_WAITING = 16
"""Passwords that wait for a thread at a time: the last of them for some seconds."""
AT_ONCE = 6
"""Requests that are at a time on the way to the queue."""
TRY_AGAIN = 5
"""Seconds after which it is worth trying again."""
NICENESS = 10
"""What nice(2) is for the threads, so that they stand behind all others: Linux counts it for each thread."""

P = ParamSpec("P")
R = TypeVar("R")


class Hashing:
    """The threads, and a bounded queue in front of them."""

    def __init__(self, *, threads: int = THREADS, most_waiting: int = MOST_WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, "hashing", _step_back)
        self._places = threading.BoundedSemaphore(threads + most_waiting)
        self._before = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Around what is asked of the database before a password is looked at, a few at a time: hundreds would have all
        connections to it. Raises `Busy` where the queue is full by then, so that nothing is asked in vain."""
        async with self._before:
            if not self._places.acquire(blocking=False):
                raise _busy()
            self._places.release()
            yield

    async def run(self, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """What `work` returns, computed in a thread. Raises `Busy` at once when too many wait."""
        if not self._places.acquire(blocking=False):
            raise _busy()
        future = self._threads.submit(work, *args, **named)
        # The place is free when the thread is done, not when nobody waits for it any more: it cannot be stopped.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _busy() -> Busy:
    return Busy("Many people sign in at this moment. Please try again in a few seconds.", TRY_AGAIN)


def _step_back() -> None:
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
