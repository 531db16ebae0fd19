"""A machine's clock that is set back: what was stored by the later one must not wait until that time comes again."""

from __future__ import annotations

import logging
from datetime import timedelta

from booking_app.db.time_queries import bring_back, see_time
from booking_app.services.context import Context
from booking_app.services.holds import shorten_holds

log = logging.getLogger(__name__)

NOTICED = 60.0
"""Seconds by which a clock may go back without a word: every wait and lease bears as much."""


class Timekeeper:
    """Compares the clock with the time that has passed in this process; where a process begins, with the latest time
    that any process has seen. Clocks of several machines that differ are no reason to bring anything back."""

    def __init__(self, ctx: Context, *, lease: float) -> None:
        self._ctx = ctx
        self._lease = timedelta(seconds=lease)
        self._began: float | None = None
        """What the clock showed when this process had measured nothing yet, as far as is known."""

    async def look(self) -> bool:
        """Whether the clock was set back since the last look; then everything that was stored is at most now."""
        now, elapsed = self._ctx.now(), self._ctx.elapsed()
        began = now.timestamp() - elapsed
        if self._began is None:
            async with self._ctx.sessions.begin() as db:
                latest = await see_time(db, now)
            back = (latest - now).total_seconds()
        else:
            back = self._began - began
        if back > NOTICED:
            log.warning("clock.set_back", extra={"seconds": round(back)})
            withheld = now - timedelta(seconds=self._ctx.bounds.hard)
            await bring_back(self._ctx.sessions, now, lease=self._lease, withheld=withheld)
            await shorten_holds(self._ctx)
        async with self._ctx.sessions.begin() as db:
            await see_time(db, now, set_back=back > NOTICED)
        self._began = began
        return back > NOTICED
