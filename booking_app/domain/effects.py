"""What became of an attempt to make an outbox row true."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """It is true now; the row goes unless it was asked for again meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Not now. `reason` is a sentence for the admin, without secrets or customers' data; `after` the least
    number of seconds to wait when the other side named one."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Park:
    """Trying again will not help until a person acts; `reason` says on what."""

    reason: str


Outcome = Done | Retry | Park


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A claimed outbox row as its handler sees it. `attempts` counts the earlier failures, `created_at` is the
    instant since which the last request for it is due."""

    id: int
    effect: str
    key: str
    payload: dict[str, object]
    generation: int
    attempts: int
    created_at: float
