"""How many requests a provider is sent: token buckets, so that its own limits are hardly ever met. Pure; seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class Bucket:
    """`rate` requests a second on average, `size` at once. `left` may still be sent as of `at`."""

    rate: float
    size: float
    left: float
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent; 0 if at once."""
        self._fill(now)
        return 0.0 if self.left >= 1 else (1 - self.left) / self.rate

    def take(self, now: float) -> None:
        """Count a request."""
        self._fill(now)
        self.left -= 1

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
