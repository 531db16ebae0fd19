"""How often one client may ask: token buckets in this process's memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address

MOST_KEYS = 20_000
"""Beyond this many clients, those who could ask their full number again are forgotten."""

LONGEST = 64
"""Characters of a key that is no address."""


def client_key(address: str) -> str:
    """By what a client is known. Of an IPv6 address the /64 network: whoever has one address there has them all
    (RFC 4291, section 2.5.4)."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:LONGEST]  # What a proxy of ours writes for a client whose address it does not know.
    if not isinstance(known, IPv6Address):
        return str(known)
    return str(known.ipv4_mapped or IPv6Network((int(known), 64), strict=False))


@dataclass(slots=True)
class Limiter:
    """At most `rate` requests in any `period` seconds for a key, at once or spread; then one every period/rate."""

    rate: int
    period: float
    _spent: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By key: how many requests are on the bill, and as of when."""

    def take(self, key: str, now: float) -> float:
        """Count a request at `now` (seconds). 0 if it is allowed, else in how many seconds the next one is."""
        spent = self._bill(key, now)
        if spent + 1 > self.rate:
            return (spent + 1 - self.rate) * self.period / self.rate
        if len(self._spent) >= MOST_KEYS:
            self._forget_idle(now)
        self._spent[key] = (spent + 1, now)
        return 0

    def give_back(self, key: str, now: float) -> None:
        """Take one request off the bill."""
        self._spent[key] = (max(0.0, self._bill(key, now) - 1), now)

    def forget(self, key: str) -> None:
        """Take everything off the bill."""
        self._spent.pop(key, None)

    def _bill(self, key: str, now: float) -> float:
        spent, since = self._spent.get(key, (0.0, now))
        return max(0.0, spent - (now - since) * self.rate / self.period)

    def _forget_idle(self, now: float) -> None:
        for key in [key for key in self._spent if self._bill(key, now) <= 0]:
            del self._spent[key]
        while len(self._spent) >= MOST_KEYS:
            del self._spent[next(iter(self._spent))]
