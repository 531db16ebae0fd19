"""When to read a calendar again, and what a failure means for its connection. Pure; seconds throughout."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from booking_app.domain.appointment import ConnectionState, StoppedBy
from booking_app.domain.freshness import SLOW
from booking_app.sync.errors import AccessLost, Gone, ProviderError, Rejected, Transient, Vanished
from booking_app.sync.plan import Breaker

DAY = 86400
_LONGEST = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncPolicy:
    """`hot` and `cold` are the distances of reads; `past` and `ahead` the window around now that is expanded, with
    `slack` more so that it need not be redone daily; all versions are compared every `full_every`. A read that brought
    no answer in `patience` counts as one that fails until it has one."""

    hot: float = 12
    cold: float = 60
    past: int = DAY
    ahead: int = 400 * DAY
    slack: int = 40 * DAY
    full_every: int = DAY
    lease: float = 30
    patience: float = 10
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setback:
    """What a failed read does: read again in `wait`; the connection's `state`; `stopped` withholds the calendar at
    once, because what it answers cannot be trusted, `by` which kind of answer. Nobody is written to before `grace` is
    over, in which it is tried again, unless there is nothing to wait for."""

    wait: float
    state: ConnectionState
    stopped: bool
    trouble: str
    grace: float = 0
    by: StoppedBy | None = None


class ReadLane(StrEnum):
    """Calendars of one lane wait only for each other: `QUICK` ones and those of which nothing is known yet, `SLOW`
    ones, and those that take long to fail (`STUCK`)."""

    QUICK = "quick"
    SLOW = "slow"
    STUCK = "stuck"


def lane_of(takes: float, failures: int) -> ReadLane:
    """In which lane a calendar is read that took `takes` seconds of late and has failed `failures` times in a row."""
    if takes <= SLOW:
        return ReadLane.QUICK
    return ReadLane.STUCK if failures else ReadLane.SLOW


def takes(before: float, seconds: float) -> float:
    """What is remembered of how long reads take, after one of `seconds`: a calendar that was slow has to be quick a few
    times to count as quick again, so that taking turns gains nothing."""
    return max(seconds, before / 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """How many reads at a time one server and one person may have in a lane."""

    host: int
    person: int


def shares(width: int) -> Shares:
    """Of a lane of `width` reads at a time: half for a server, a quarter for a person. However narrow it is, a server
    has two: one account that hangs does not hold up the next one there."""
    return Shares(host=max(2, width // 2), person=max(1, width // 4))


def next_read(policy: SyncPolicy, *, hot: bool, jitter: float, took: float = 0) -> float:
    """Seconds until the next read. `jitter` in [0, 1) spreads calendars: up to a tenth earlier, never later. The pause
    is at least as long as the read `took`."""
    return max((policy.hot if hot else policy.cold) * (1 - 0.1 * jitter), took)


def setback(error: ProviderError, failures: int, *, jitter: float = 0, took: float = 0) -> Setback:
    """What follows from the failure number `failures` (1 is the first; of refusals, the first refusal), which `took` so
    many seconds to come.

    A disturbed server is asked about as often as one that works, unless it asks for more time or takes more: so its
    recovery is seen before anybody is told of a disturbance that is over."""
    trouble = str(error)
    match error:
        case AccessLost(final=final):
            # Soon once more: a server that lost its own directory for a moment refuses everybody. From then on rarely:
            # some providers lock an account that knocks with a wrong password.
            waits = (900.0, 3600.0) if final else (30.0, 900.0, 3600.0)
            wait, grace = waits[min(failures, len(waits)) - 1], 0.0 if final else 90.0
            return Setback(wait=wait, state=ConnectionState.NEEDS_SIGN_IN, stopped=False, trouble=trouble, grace=grace)
        case Rejected() | Gone():
            by = StoppedBy.GONE if isinstance(error, Gone) else StoppedBy.REFUSED
            by = StoppedBy.VANISHED if isinstance(error, Vanished) else by
            wait = min(20.0 * 2 ** min(failures - 1, 8), 300)
            return Setback(wait=wait, state=ConnectionState.STOPPED, stopped=True, trouble=trouble, grace=60, by=by)
        case Transient(retry_after=after):
            wait = min(5.0 * 2 ** min(failures - 1, 8), _LONGEST) * (1 + 0.2 * jitter)
            return Setback(
                wait=max(wait, after or 0, took), state=ConnectionState.SLOWED, stopped=False, trouble=trouble
            )
        case _:
            wait = min(5.0 * 2 ** min(failures - 1, 8), _LONGEST)
            return Setback(wait=wait, state=ConnectionState.SLOWED, stopped=False, trouble=trouble)


def needs_whole_window(policy: SyncPolicy, *, window_end: int | None, now: int) -> bool:
    """Whether what is expanded no longer reaches as far ahead as can be booked."""
    return window_end is None or window_end < now + policy.ahead


def fresh_window(policy: SyncPolicy, now: int) -> tuple[int, int]:
    """The half-open window of instants for a complete read."""
    return now - policy.past, now + policy.ahead + policy.slack
