"""Where a read of a CalDAV calendar ended, and what the marks of the whole calendar say of the next."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from booking_app.sync.errors import CursorExpired


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What a calendar says of itself: the marks that change with its events, and in which zone it is."""

    token: str | None
    ctag: str | None
    zone: str | None
    can_sync: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """`pending` are members that were announced but could not be read yet (a server that lags behind itself)."""

    token: str | None = None
    ctag: str | None = None
    pending: tuple[str, ...] = ()

    def write(self) -> str:
        values = {"token": self.token, "ctag": self.ctag, "pending": list(self.pending)}
        return json.dumps({name: value for name, value in values.items() if value}, sort_keys=True)

    @staticmethod
    def read(text: str) -> Cursor:
        try:
            values = json.loads(text)
            token, ctag = values.get("token"), values.get("ctag")
            return Cursor(token=token, ctag=ctag, pending=tuple(values.get("pending", ())))
        except (ValueError, AttributeError, TypeError) as error:
            raise CursorExpired("The place where the last read ended cannot be read.") from error

    def holds(self, state: State) -> bool:
        """Whether nothing changed since."""
        if self.token:
            return state.token == self.token
        return self.ctag is not None and state.ctag == self.ctag

    def leaves_open(self, wanted: Collection[str], absent: Collection[str]) -> bool:
        """Whether the mark of the whole calendar changed though that of no event did, of a server that says no more."""
        return not self.token and self.ctag is not None and not wanted and not absent
