"""Reading calendar objects is seconds of computing for a large calendar: a process of its own does it, politely."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from booking_app.sync import ical
from booking_app.sync.errors import Transient
from booking_app.sync.model import RemoteObject

_NICE = 10
_SMALL, _SMALL_BYTES = 4, 8_000
"""Up to so many objects of so many bytes are read on the spot: sending them away costs more."""
_CHUNK = 100
"""Objects that travel at once, so that taking the answer in is no pause for the pages either."""


class Expander:
    """Expands calendar objects in one worker process that is started when it is first needed."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def expand(
        self, objects: list[ical.RawObject], zone: str, addresses: Collection[str], window: tuple[int, int]
    ) -> list[RemoteObject]:
        """As `ical.expand_objects`. Raises `Transient` when the process died; the next call starts another."""
        if len(objects) <= _SMALL and sum(len(each[2]) for each in objects) <= _SMALL_BYTES:
            return ical.expand_objects(objects, zone, addresses, window)
        found: list[RemoteObject] = []
        for first in range(0, len(objects), _CHUNK):
            found += await self._send(objects[first : first + _CHUNK], zone, addresses, window)
        return found

    async def _send(
        self, objects: list[ical.RawObject], zone: str, addresses: Collection[str], window: tuple[int, int]
    ) -> list[RemoteObject]:
        if self._pool is None:
            # Not forked: the server's threads and sockets do not belong into it.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_start)
        pool = self._pool
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, ical.expand_objects, objects, zone, frozenset(addresses), window)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = None
            raise Transient("Reading the calendar was interrupted on our side.") from error

    def close(self) -> None:
        """End the process; what it was doing is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


@contextlib.contextmanager
def expanding() -> Iterator[Expander]:
    """An expander for as long as the block runs."""
    expander = Expander()
    try:
        yield expander
    finally:
        expander.close()


def _start() -> None:
    # Ctrl-C is for the program, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
