"""What every use-case is given: the database, the clock, and the things only the composition root can build."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from booking_app.db.engine import Sessions
from booking_app.domain.clock import monotonic
from booking_app.services.hashing import Hashing


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How old a calendar's data may be, in seconds: `soft` to book without a live read, `hard` to be offered."""

    soft: float = 30
    hard: float = 600
    hold_minutes: int = 5
    fresh_wait: float = 2.5
    """How long a reader waits for a calendar older than the soft bound to be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRead:
    """The outcome of reading one bookable's blocking calendars just now.

    `ok`: every blocking calendar was read within the deadline and `busy` (instants, half-open) is all that
    blocks in the asked span, without the events of our own appointments. Not `ok`: `trouble` says why."""

    ok: bool
    busy: tuple[tuple[int, int], ...] = ()
    trouble: str = ""


Reread = Callable[[Collection[int], tuple[int, int]], Awaitable[Mapping[int, LiveRead]]]
"""(bookable ids, span of instants) -> outcome by bookable id. Bookables without a blocking calendar are absent."""


async def read_nothing(_bookables: Collection[int], _span: tuple[int, int]) -> Mapping[int, LiveRead]:
    """The live read of a program without calendars."""
    return {}


class Sealer(Protocol):
    """Authenticated encryption bound to a row: `about` names it and must be the same for `open`. `mark` is a keyed
    hash, the same for the same text and kind: by it two things are known to be the same, and nothing else."""

    def seal(self, secret: str, about: str) -> bytes: ...

    def open(self, sealed: bytes, about: str) -> str: ...

    def mark(self, text: str, kind: str) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Passed first to every use-case. `now` may be set by whoever keeps the machine's clock; what is measured within
    this process (limits, pauses) is measured with `elapsed`, in seconds."""

    sessions: Sessions
    now: Callable[[], datetime]
    sealer: Sealer
    public_url: str
    reread: Reread = read_nothing
    elapsed: Callable[[], float] = monotonic
    bounds: Bounds = field(default_factory=Bounds)
    team_name: str = "Studio Haarlem"
    hashing: Hashing = field(default_factory=Hashing)
    """Where passwords are hashed: one queue for the whole program."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Provider -> the one address of a simulator that stands in for all of its hosts."""
