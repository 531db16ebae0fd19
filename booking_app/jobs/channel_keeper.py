"""The worker that keeps push channels: what should stand is noted now and then, what is due is opened, extended or
closed."""

from __future__ import annotations

from collections.abc import Awaitable, Collection

from booking_app.db import channel_queries
from booking_app.db.engine import reads
from booking_app.jobs.pool import Pool
from booking_app.services.context import Context
from booking_app.sync import channels
from booking_app.sync.accounts import Accounts

SETTLED_FOR, AT_LEAST = 30.0, 2.0
"""Seconds between two looks at what should stand: by itself, and when something may have changed."""


class ChannelKeeper(Pool):
    """A few channels at a time, so that the reading of calendars is not in anybody's way."""

    def __init__(self, ctx: Context, accounts: Accounts, *, width: int = 2) -> None:
        super().__init__("channels", width)
        self._ctx = ctx
        self._accounts = accounts
        self._settled_at: float | None = None
        self._asked = False

    def wake(self, *, settle: bool = False) -> None:
        """Look for work at once; with `settle` also whether other channels should stand than do."""
        self._asked = self._asked or settle
        super().wake()

    async def claim(self, limit: int) -> Collection[Awaitable[None]]:
        now, elapsed = self._ctx.now(), self._ctx.elapsed()
        if self._settled_at is None or elapsed - self._settled_at >= (AT_LEAST if self._asked else SETTLED_FOR):
            self._settled_at, self._asked = elapsed, False
            await channels.settle(self._ctx, self._accounts)
        async with reads(self._ctx.sessions).connect() as db:
            claimed = await channel_queries.claim_due(db, now=now, lease_until=now + channels.LEASE, most=limit)
        return [channels.work_on(self._ctx, self._accounts, each) for each in claimed]
