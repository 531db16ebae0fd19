"""The only place that reads the clock, and the one conversion between datetimes and instants.

An *instant* is an `int`: whole seconds since 1970-01-01T00:00:00Z. The core computes on instants; a
`datetime` appears at the edges and is always aware.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

AHEAD = timedelta()
"""How far the program's clock is ahead of the machine's. Only tests set it, from outside and before anything runs
(tests/moment.py): no setting and no variable that the program reads can."""


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC) + AHEAD


def monotonic() -> float:
    """Seconds that never go back and never jump, from some beginning of this process: for how long something lasts,
    whatever becomes of the machine's clock."""
    return time.monotonic()


def to_instant(moment: datetime) -> int:
    """Whole seconds since the epoch of an aware `moment`, rounded down. Naive values raise `ValueError`."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return int(moment.timestamp() // 1)


def from_instant(instant: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return datetime.fromtimestamp(instant, UTC)
