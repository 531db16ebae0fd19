"""Many small requests answered by one: what a thousand calendars ask of the database costs as much as a few do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Collects what is asked within `gap` seconds of the first (0: in the same turn of the loop), at most `most`, and
    hands it to `work`, which answers each in the same order. Whatever `work` raises is raised by all that waited."""

    def __init__(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, gap: float = 0, most: int = 100
    ) -> None:
        self._work = work
        self._gap = gap
        self._most = most
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._timer: asyncio.Handle | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, what: Asked) -> Answer:
        """The answer to this one. A caller that gives up leaves the others alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((what, future))
        if len(self._waiting) >= self._most:
            self._begin()
        elif self._timer is None:
            self._timer = loop.call_later(self._gap, self._begin) if self._gap else loop.call_soon(self._begin)
        return await future

    async def close(self) -> None:
        """Let what has been begun end, whether or not somebody still waits for it."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Whoever has given up meanwhile, all of them at the end of the program, is not asked for any more.
        waiting = [each for each in self._waiting if not each[1].done()]
        self._waiting = []
        if not waiting:
            return
        # The loop itself holds tasks weakly.
        task = asyncio.create_task(self._answer(waiting))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, waiting: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([what for what, _ in waiting])
            for (_, future), answer in zip(waiting, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except BaseException as error:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
