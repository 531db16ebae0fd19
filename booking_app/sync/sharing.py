"""Asking once for many: whoever asks while an answer is on its way shares the next one, never that one.

An answer that was begun before the question may already be out of date; one that is begun after it is as good as
asking oneself. So however many ask at once, two reads answer them all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Reads by key. `timeout` in seconds ends a read that hangs (`TimeoutError` for all who share it), so that
    those who wait for the next one get their turn."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The result of a `read` that begins at or after this call. Cancelling the caller does not cancel it."""
        task = self._next.get(key)
        if task is None:
            running = self._running.get(key)
            task = asyncio.create_task(self._after(key, running, read))
            (self._running if running is None else self._next)[key] = task
            # Its error belongs to those who asked; if they have all gone away nobody needs it.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is on its way."""
        tasks = [*self._running.values(), *self._next.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _after(self, key: Hashable, running: asyncio.Task[T] | None, read: Callable[[], Awaitable[T]]) -> T:
        if running is not None:
            await asyncio.wait([running])
            self._running[key] = self._next.pop(key)
        try:
            async with asyncio.timeout(self._timeout):
                return await read()
        finally:
            with contextlib.suppress(KeyError):
                if self._running[key] is asyncio.current_task():
                    del self._running[key]
