"""When to try an effect again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.domain.effects import Park, Retry

FIRST = 1.0
LONGEST = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`wait`: seconds until the next attempt; None: not before a person acts."""

    wait: float | None
    reason: str


def decide(outcome: Retry | Park, attempts: int, *, jitter: float) -> Verdict:
    """What follows from a failure that was the attempt number `attempts` (1 is the first).

    The wait doubles from one second to five minutes, never shorter than the other side asked for; `jitter` in
    [0, 1) spreads what failed together by up to a fifth."""
    if isinstance(outcome, Park):
        return Verdict(wait=None, reason=outcome.reason)
    doubled = min(FIRST * 2 ** min(attempts - 1, 20), LONGEST)
    return Verdict(wait=max(doubled * (1 + 0.2 * jitter), outcome.after or 0), reason=outcome.reason)
