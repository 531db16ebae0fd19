"""The open connections of a server process: how many each client has, which are idle, and what each is owed when.

A connection is a socket, some memory and a place; whoever holds many and says nothing must not keep others out. So
each has a deadline for what its client owes, and where there is no room for a new one the client's longest idle one
goes. Times are those of the event loop, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol


class Transport(Protocol):
    """What is asked of a connection's transport."""

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""


@dataclass(eq=False, kw_only=True, slots=True)
class Connection:
    """One of a client's connections. `owed`: until when it has to send what it began, or its first request; `taken`:
    until when it has to take what was written to it. Nothing is owed while we work on an answer."""

    transport: Transport
    client: str
    owed: float = inf
    taken: float = inf


@dataclass(kw_only=True)
class Connections:
    """At most `each` connections of one client and `total` of all."""

    each: int
    total: int
    _all: set[Connection] = field(default_factory=set)
    _idle: dict[str, dict[Connection, None]] = field(default_factory=dict)
    """By client: those without a request under way, the one that is idle longest first."""
    _counts: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, transport: Transport, client: str, owed: float) -> Connection | None:
        """A new connection, idle at first. Where there is no room an idle one is closed for it: of the same client,
        or, when all are too many, of the one that has most among those with an idle one. None if there is none: the new
        one must go."""
        if self._counts.get(client, 0) >= self.each and not self._close_idle_of(client):
            return None
        if len(self._all) >= self.total:
            idle = (each for each, connections in self._idle.items() if connections)
            most = max(idle, key=self._counts.__getitem__, default=None)
            if most is None or not self._close_idle_of(most):
                return None
        made = Connection(transport=transport, client=client, owed=owed)
        self._all.add(made)
        self._counts[client] = self._counts.get(client, 0) + 1
        self.idle(made)
        return made

    def idle(self, connection: Connection) -> None:
        """No request is under way on it any more."""
        if connection in self._all:
            self._idle.setdefault(connection.client, {})[connection] = None

    def busy(self, connection: Connection) -> None:
        """A request is under way on it, or it became a websocket."""
        self._idle.get(connection.client, {}).pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """It is closed. Nothing if it was removed before."""
        if connection not in self._all:
            return
        self._all.remove(connection)
        self.busy(connection)
        client = connection.client
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]
            self._idle.pop(client, None)

    def overdue(self, now: float) -> Iterable[Connection]:
        """Those whose client did not do in time what it owes."""
        return [each for each in self._all if each.owed <= now or each.taken <= now]

    def _close_idle_of(self, client: str) -> bool:
        longest = next(iter(self._idle.get(client, {})), None)
        if longest is None:
            return False
        self.remove(longest)
        longest.transport.abort()
        return True
