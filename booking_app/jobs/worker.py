"""The workers: claim what is due, hand it out, note how it went. Nothing in here waits while it holds a claim."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from booking_app.db import outbox, sync_queries
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.tables import Calendar
from booking_app.domain.appointment import Effect
from booking_app.domain.effects import Done, Outcome, Park, Retry, Work
from booking_app.jobs.retry import decide
from booking_app.services.context import Context
from booking_app.sync import health
from booking_app.sync.errors import Transient
from booking_app.sync.policy import setback

log = logging.getLogger(__name__)

Handler = Callable[[Work], Awaitable[Outcome]]
"""Makes one outbox row true. Whatever it raises is a bug; what can go wrong is an outcome."""

SOON, LATER = 0.05, 0.2
"""Seconds from the end of a task to the claim that takes its place, and where nothing more was due at the last one."""
BUG_PATIENCE = 3
BUG_WAIT = 60.0


@dataclass(kw_only=True)
class Leases:
    """What this process is busy with; the scheduler extends it, so a claim outlives only a dead process."""

    seconds: float = 30
    calendars: set[int] = field(default_factory=set)
    works: set[int] = field(default_factory=set)

    async def extend(self, ctx: Context) -> None:
        """Push the end of all leases of this process forward."""
        until = ctx.now() + timedelta(seconds=self.seconds)
        # Two transactions: nothing else locks calendars and works in this order.
        if self.calendars:
            async with ctx.sessions.begin() as db:
                await sync_queries.extend_leases(db, tuple(self.calendars), until)
        if self.works:
            async with ctx.sessions.begin() as db:
                await outbox.extend_leases(db, tuple(self.works), until)


class Pool:
    """Runs `width` tasks; `run` starts more whenever it is woken and there is room.

    A task that takes longer than `patience` seconds waits for a server that hangs, or takes in a lot: it leaves its
    place to others and goes on beside them, of which there are at most `slow`."""

    def __init__(self, name: str, width: int, *, patience: float = 2, slow: int = 24) -> None:
        self.name = name
        self.width = width
        self.patience = patience
        self.slow = slow
        self._awake = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._more_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: set[asyncio.Task[None]] = set()

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
            asyncio.get_running_loop().call_later(self.patience, self._is_slow, task)

    def _is_slow(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._slow.add(task)
            self._awake.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slow.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker.failed", exc_info=error, extra={"worker": self.name})
        # What ends at about the same time leaves room for one claim, not for one each.
        if self._soon is None:
            wait = SOON if self._more_due else LATER
            self._soon = asyncio.get_running_loop().call_later(wait, self._room_again)

    def _room_again(self) -> None:
        self._soon = None
        self._awake.set()


class Lane(Pool):
    """The worker of one effect. Each effect has its own, so that mail never waits for a calendar that is down; and
    the calendar of one person, which may hang, is given one write at a time."""

    def __init__(
        self,
        ctx: Context,
        effect: str,
        handler: Handler,
        leases: Leases,
        *,
        width: int = 4,
        patience: float = 2,
    ) -> None:
        super().__init__(f"outbox:{effect}", width, patience=patience)
        self._ctx = ctx
        self._effect = effect
        self._handler = handler
        self._leases = leases

    async def claim(self, limit: int) -> Collection[Awaitable[None]]:
        now = self._ctx.now()
        async with self._ctx.sessions.begin() as db:
            works = await outbox.claim(
                db,
                self._effect,
                now=now,
                lease_until=now + timedelta(seconds=self._leases.seconds),
                limit=limit,
                one_each=self._effect == Effect.CALENDAR.value,
            )
        self._leases.works.update(work.id for work in works)
        return [self._do(work) for work in works]

    async def _do(self, work: Work) -> None:
        try:
            outcome = await self._attempt(work)
            async with self._ctx.sessions.begin() as db:
                if isinstance(outcome, Done):
                    await outbox.finish(db, work)
                else:
                    verdict = decide(outcome, work.attempts + 1, jitter=random.random())
                    due = None if verdict.wait is None else self._ctx.now() + timedelta(seconds=verdict.wait)
                    await outbox.postpone(db, work, due=due, reason=verdict.reason)
                    await announce(db, "sync")
        finally:
            self._leases.works.discard(work.id)

    async def _attempt(self, work: Work) -> Outcome:
        try:
            return await self._handler(work)
        except Exception as error:
            # The outermost loop: a bug must neither stop the lane nor lose the row.
            log.exception("outbox.bug", extra={"work": work.id, "effect": work.effect})
            reason = f"An internal error ({type(error).__name__}) kept this from being done."
            return Retry(reason=reason) if work.attempts < BUG_PATIENCE else Park(reason=reason)


class CalendarReader(Pool):
    """Reads due calendars; those of one account one after the other, none for longer than `longest` seconds."""

    def __init__(
        self,
        ctx: Context,
        read: Callable[[int], Awaitable[object]],
        leases: Leases,
        *,
        hot_interval: float,
        width: int = 6,
        patience: float = 2,
        longest: float = 600,
    ) -> None:
        super().__init__("calendars", width, patience=patience)
        self._ctx = ctx
        self._read = read
        self._leases = leases
        self._hot_interval = hot_interval
        self._longest = longest

    async def claim(self, limit: int) -> Collection[Awaitable[None]]:
        now = self._ctx.now()
        async with reads(self._ctx.sessions).connect() as db:
            claimed = await sync_queries.claim_due_calendars(
                db,
                now=now,
                lease_until=now + timedelta(seconds=self._leases.seconds),
                hot_before=now - timedelta(seconds=self._hot_interval),
                limit=limit,
            )
        self._leases.calendars.update(claimed)
        return [self._do(each) for each in claimed]

    async def _do(self, calendar_id: int) -> None:
        try:
            try:
                async with asyncio.timeout(self._longest):
                    await self._read(calendar_id)
            except TimeoutError:
                await self._failed(calendar_id, Transient("The calendar server took too long to show the calendar."))
        except Exception as error:
            # The outermost loop: a bug holds this calendar back, the others go on, and the owner is told in the end.
            log.exception("pull.bug", extra={"calendar": calendar_id})
            trouble = f"An internal error ({type(error).__name__}) kept this calendar from being read."
            with contextlib.suppress(OperationalError):
                await self._failed(calendar_id, Transient(trouble, retry_after=BUG_WAIT))
        finally:
            self._leases.calendars.discard(calendar_id)

    async def _failed(self, calendar_id: int, error: Transient) -> None:
        async with self._ctx.sessions.begin() as db:
            calendar = await db.get(Calendar, calendar_id)
            if calendar is not None:
                what = setback(error, calendar.failures + 1, jitter=random.random())
                await health.after_failure(db, calendar_id, what, self._ctx.now())
