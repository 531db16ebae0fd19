"""How many requests a provider is sent: token buckets, so that its own limits are hardly ever met, and what was used of
them. Pure; seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class Bucket:
    """`rate` requests a second on average, `size` at once. `left` may still be sent as of `at`, none before `rests`."""

    rate: float
    size: float
    left: float
    at: float = 0.0
    rests: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent; 0 if at once."""
        self._fill(now)
        return max(0.0, (1 - self.left) / self.rate, self.rests - now)

    def take(self, now: float) -> None:
        """Count a request."""
        self._fill(now)
        self.left -= 1

    def rest(self, until: float) -> None:
        """Nothing more is sent before then."""
        self.rests = max(self.rests, until)

    def _fill(self, now: float) -> None:
        self.left = min(self.size, self.left + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)


def a_minute(requests: int) -> Bucket:
    """So many requests in any minute: half of them may come at once, the other half is spread over the minute."""
    return Bucket(rate=requests / 2 / 60, size=requests / 2, left=requests / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What one account and what the whole installation may ask."""

    user: Bucket
    project: Bucket

    def take(self, now: float) -> float:
        """Count a request and answer 0, or count nothing and answer in how many seconds to try again."""
        wait = max(self.user.wait(now), self.project.wait(now))
        if wait > 0:
            return wait
        self.user.take(now)
        self.project.take(now)
        return 0.0


@dataclass(kw_only=True, slots=True)
class Meter:
    """The requests of the last minute, to the second."""

    seconds: deque[tuple[int, int]] = field(default_factory=deque)
    """(second, how many), oldest first."""

    def count(self, now: float) -> None:
        """One more was sent."""
        second = int(now)
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1] = second, self.seconds[-1][1] + 1
        else:
            self.seconds.append((second, 1))
            self._forget(now)

    def last_minute(self, now: float) -> int:
        self._forget(now)
        return sum(many for _, many in self.seconds)

    def _forget(self, now: float) -> None:
        while self.seconds and self.seconds[0][0] <= now - 60:
            self.seconds.popleft()
