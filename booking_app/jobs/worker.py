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

from booking_app.db import claim_queries, outbox, sync_queries
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.tables import Calendar
from booking_app.domain.appointment import Effect
from booking_app.domain.effects import Done, Outcome, Park, Retry, Work
from booking_app.jobs.pool import PATIENCE, Pool
from booking_app.jobs.retry import decide
from booking_app.services.context import Context
from booking_app.sync import health
from booking_app.sync.errors import Transient
from booking_app.sync.policy import ReadLane, setback, shares

log = logging.getLogger(__name__)

Handler = Callable[[Work], Awaitable[Outcome]]
"""Makes one outbox row true. Whatever it raises is a bug; what can go wrong is an outcome."""

IN_CALENDARS = frozenset({Effect.CALENDAR.value, Effect.LEFT.value})
"""Effects that become true at a calendar's server."""
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


class Lane(Pool):
    """The worker of one effect. Each effect has its own, so that mail never waits for a calendar that is down; and
    the calendar of one person, which may hang, is given one write at a time, one server its share of the places. What
    took long when it was tried is not done by the `quick` lane again, nor what did not by the other one; None: one lane
    for both."""

    def __init__(
        self,
        ctx: Context,
        effect: str,
        handler: Handler,
        leases: Leases,
        *,
        width: int = 4,
        patience: float | None = PATIENCE,
        slow: int = 4,
        quick: bool | None = None,
    ) -> None:
        super().__init__(
            f"outbox:{effect}" if quick is not False else f"outbox:{effect}:slow", width, patience=patience, slow=slow
        )
        self._quick = quick
        self._host = shares(width).host if effect in IN_CALENDARS else None
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
                host=self._host,
                quick=self._quick,
            )
        self._leases.works.update(work.id for work in works)
        return [self._do(work) for work in works]

    async def _do(self, work: Work) -> None:
        loop, at_least = asyncio.get_running_loop(), 0.0
        begun = loop.time()
        try:
            try:
                outcome = await self._attempt(work)
            except asyncio.CancelledError:
                if not self.gave_up():
                    raise
                at_least = PATIENCE
                outcome = Retry(reason="The server takes long to answer; it is tried again beside the others.")
            async with self._ctx.sessions.begin() as db:
                if isinstance(outcome, Done):
                    await outbox.finish(db, work)
                else:
                    verdict = decide(outcome, work.attempts + 1, jitter=random.random())
                    due = None if verdict.wait is None else self._ctx.now() + timedelta(seconds=verdict.wait)
                    took = max(at_least, loop.time() - begun)
                    await outbox.postpone(db, work, due=due, reason=verdict.reason, took=took)
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
    """Reads the due calendars of a lane (None: of all); those of one account one after the other, none for longer than
    `longest` seconds. One server and one person have a share of the places."""

    def __init__(
        self,
        ctx: Context,
        read: Callable[[int], Awaitable[object]],
        leases: Leases,
        *,
        hot_interval: float,
        lane: ReadLane | None = None,
        width: int = 6,
        patience: float | None = PATIENCE,
        slow: int = 4,
        longest: float = 600,
    ) -> None:
        super().__init__(f"calendars:{lane}" if lane else "calendars", width, patience=patience, slow=slow)
        self._lane = lane
        self._shares = shares(width)
        self._ctx = ctx
        self._read = read
        self._leases = leases
        self._hot_interval = hot_interval
        self._longest = longest

    async def claim(self, limit: int) -> Collection[Awaitable[None]]:
        now = self._ctx.now()
        async with reads(self._ctx.sessions).connect() as db:
            claimed = await claim_queries.claim_due_calendars(
                db,
                now=now,
                lease_until=now + timedelta(seconds=self._leases.seconds),
                hot_before=now - timedelta(seconds=self._hot_interval),
                limit=limit,
                host=self._shares.host,
                person=self._shares.person,
                lane=self._lane,
            )
        self._leases.calendars.update(claimed)
        return [self._do(each) for each in claimed]

    async def _do(self, calendar_id: int) -> None:
        try:
            try:
                async with asyncio.timeout(self._longest):
                    await self._read(calendar_id)
            except TimeoutError:
                too_long = Transient("The calendar server took too long to show the calendar.")
                await self._failed(calendar_id, too_long, took=self._longest)
            except asyncio.CancelledError:
                if not self.gave_up():
                    raise
                async with self._ctx.sessions.begin() as db:
                    await claim_queries.note_slow(db, calendar_id, PATIENCE)
        except Exception as error:
            # The outermost loop: a bug holds this calendar back, the others go on, and the owner is told in the end.
            log.exception("pull.bug", extra={"calendar": calendar_id})
            trouble = f"An internal error ({type(error).__name__}) kept this calendar from being read."
            with contextlib.suppress(OperationalError):
                await self._failed(calendar_id, Transient(trouble, retry_after=BUG_WAIT))
        finally:
            self._leases.calendars.discard(calendar_id)

    async def _failed(self, calendar_id: int, error: Transient, *, took: float = 0) -> None:
        async with self._ctx.sessions.begin() as db:
            calendar = await db.get(Calendar, calendar_id)
            if calendar is not None:
                what = setback(error, calendar.failures + 1, jitter=random.random())
                await health.after_failure(db, calendar_id, what, self._ctx.now(), took=took)
