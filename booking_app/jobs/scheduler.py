"""All workers of a process and the chores between: the scheduler only wakes them, PostgreSQL says what to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial

from booking_app.domain.appointment import Effect
from booking_app.jobs.alerts import tell
from booking_app.jobs.channel_keeper import ChannelKeeper
from booking_app.jobs.clockwork import Clockwork
from booking_app.jobs.pool import PATIENCE
from booking_app.jobs.timekeeper import Timekeeper
from booking_app.jobs.upkeep import clean_up, forget_disconnected
from booking_app.jobs.worker import IN_CALENDARS, CalendarReader, Handler, Lane, Leases
from booking_app.services.context import Context
from booking_app.services.holds import sweep_holds
from booking_app.services.zone_watch import watch_zones
from booking_app.sync import listing
from booking_app.sync.accounts import Accounts
from booking_app.sync.policy import ReadLane, SyncPolicy
from booking_app.sync.pull import Puller
from booking_app.sync.push import push, take_away_left

PULSE = 1.0
READS = {ReadLane.QUICK: 12, ReadLane.SLOW: 8, ReadLane.STUCK: 4}
"""Calendars that a process reads at a time, by lane. Most of it is waiting for answers."""
WORKS, WRITES = 4, 8
"""Works of one effect that a process does at a time in a lane, and the same of those in calendars."""


class Jobs:
    """All workers of a process. `handlers` are the effects besides `calendar`."""

    def __init__(
        self, ctx: Context, accounts: Accounts, policy: SyncPolicy, handlers: Mapping[str, Handler] | None = None
    ) -> None:
        self._ctx = ctx
        self._accounts = accounts
        self._leases = Leases(seconds=policy.lease)
        self._puller = Puller(ctx, accounts, policy)
        self.readers = {
            lane: CalendarReader(
                ctx,
                self._puller.pull,
                self._leases,
                hot_interval=policy.hot,
                lane=lane,
                width=width,
                patience=PATIENCE if lane is ReadLane.QUICK else None,
            )
            for lane, width in READS.items()
        }
        effects: dict[str, Handler] = {
            Effect.CALENDAR.value: partial(push, ctx, accounts),
            Effect.LEFT.value: partial(take_away_left, ctx, accounts),
            **(handlers or {}),
        }
        self.keeper = ChannelKeeper(ctx, accounts)
        widths = {effect: WRITES if effect in IN_CALENDARS else WORKS for effect in effects}
        self.lanes = {
            effect: Lane(ctx, effect, handler, self._leases, width=widths[effect], quick=True)
            for effect, handler in effects.items()
        }
        self.slow_lanes = {
            effect: Lane(ctx, effect, handler, self._leases, width=widths[effect], quick=False, patience=None)
            for effect, handler in effects.items()
        }
        self._clockwork = clockwork = Clockwork(ctx.now, ctx.elapsed)
        clockwork.every(PULSE, "pulse", self._pulse)
        clockwork.every(self._leases.seconds / 3, "leases", partial(self._leases.extend, ctx))
        clockwork.every(10, "time", Timekeeper(ctx, lease=self._leases.seconds).look)
        clockwork.every(5, "alerts", partial(tell, ctx))
        clockwork.every(5, "lists", partial(listing.look, ctx, accounts))
        clockwork.every(10, "holds", partial(sweep_holds, ctx))
        clockwork.every(60, "disconnected", partial(forget_disconnected, ctx, accounts))
        clockwork.every(300, "zones", partial(watch_zones, ctx))
        clockwork.every(3600, "upkeep", partial(clean_up, ctx))

    @property
    def alive(self) -> bool:
        """Whether the scheduler runs."""
        return self._clockwork.alive

    def wake(self, topic: str) -> None:
        """Take in an announcement: `due`, `outbox` and `channels` start work at once, `resync` all of it. What is slow
        anyway waits for that."""
        if topic in ("due", "resync"):
            self.readers[ReadLane.QUICK].wake()
        if topic in ("channels", "sync", "resync"):
            self.keeper.wake(settle=topic != "resync")
        if topic in ("outbox", "resync"):
            for lane in self.lanes.values():
                lane.wake()
        if topic == "resync":
            for slow in (*self.readers.values(), *self.slow_lanes.values()):
                slow.wake()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for as long as the block runs; what is in hand then is dropped and done again by the next process."""
        workers = [
            asyncio.create_task(each.run(), name=each.name)
            for each in (*self.readers.values(), self.keeper, *self.lanes.values(), *self.slow_lanes.values())
        ]
        self.wake("resync")
        try:
            async with self._clockwork.running():
                yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._puller.close()

    async def _pulse(self) -> None:
        self.wake("resync")
