"""What to ask a calendar for, decided from what we hold of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zlib import crc32

from booking_app.db import sync_queries
from booking_app.db.engine import Sessions
from booking_app.db.read_queries import Footing
from booking_app.db.tables import Calendar, Connection
from booking_app.domain.clock import to_instant
from booking_app.sync.model import CalendarRef
from booking_app.sync.plan import Held
from booking_app.sync.policy import DAY, SyncPolicy, fresh_window, needs_whole_window
from booking_app.sync.reference import reference

_OUTDATED = ";outdated"
"""Behind an etag: that of no version."""
_REREAD = 500
"""Objects of which a comparison of all versions compares the contents, too, because some servers give the same version
twice. Of a calendar that has more, another part each day."""


class Holdings:
    """All that we hold of a calendar, loaded when it is first needed. For a `whole` window no version counts as known,
    but the keys and what else is read from a version still do: what was over before the new window is told from what
    was deleted. The same goes on the `day` given for the objects whose contents are compared then."""

    def __init__(self, sessions: Sessions, calendar_id: int, *, whole: bool, day: int | None = None) -> None:
        self._sessions = sessions
        self._calendar_id = calendar_id
        self._whole = whole
        self._day = day
        self._held: Mapping[str, Held] | None = None

    async def held(self) -> Mapping[str, Held]:
        """By key."""
        if self._held is None:
            async with self._sessions() as db:
                stored = await sync_queries.held_objects(db, self._calendar_id)
            self._held = {key: Held(etag=etag, uid=uid, missing=missing) for key, etag, uid, missing in stored}
        return self._held

    async def known(self) -> Mapping[str, str]:
        """The same as a provider is told it."""
        held = await self.held()
        again = held.keys() if self._whole else reread(held, self._day)
        return {key: each.etag + _OUTDATED if key in again else each.etag for key, each in held.items()}

    def outdated(self) -> Holdings:
        """The same for a whole window."""
        return Holdings(self._sessions, self._calendar_id, whole=True)


def reread(keys: Collection[str], day: int | None) -> frozenset[str]:
    """Whose contents are compared on that day, counted from any (None: nobody's)."""
    if day is None:
        return frozenset()
    parts = -(-len(keys) // _REREAD)
    return frozenset(key for key in keys if (crc32(key.encode()) + day) % parts == 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """`cursor`: None asks for everything. `as_of`: when it was asked. `doubts`: an earlier read did not show all that
    is held."""

    calendar: Calendar
    connection: Connection
    ref: CalendarRef
    cursor: str | None
    window: tuple[int, int]
    as_of: datetime
    doubts: bool
    holdings: Holdings

    def placed_in(self, zone: str) -> Question:
        """The same about all events of a calendar that turned out to be in another zone."""
        return replace(self, ref=replace(self.ref, zone=zone), cursor=None, holdings=self.holdings.outdated())


def question(sessions: Sessions, policy: SyncPolicy, footing: Footing, as_of: datetime) -> Question:
    """A window that no longer reaches as far ahead as can be booked is replaced, with everything downloaded and
    expanded again; all versions, and some contents, are compared now and then, and versions where the last read was not
    believed."""
    calendar, now = footing.calendar, to_instant(as_of)
    policy = replace(policy, ahead=max(policy.ahead, (footing.horizon + 2) * DAY))
    window_end = None if calendar.window_end is None else to_instant(calendar.window_end)
    whole = needs_whole_window(policy, window_end=window_end, now=now)
    compare = calendar.full_at is None or (as_of - calendar.full_at).total_seconds() > policy.full_every
    if whole or calendar.window_start is None or window_end is None:
        window = fresh_window(policy, now)
    else:
        window = to_instant(calendar.window_start), window_end
    return Question(
        calendar=calendar,
        connection=footing.connection,
        ref=reference(calendar, footing.connection, footing.owner),
        cursor=None if whole or compare or calendar.stopped else calendar.cursor,
        window=window,
        as_of=as_of,
        doubts=footing.doubts,
        holdings=Holdings(sessions, calendar.id or 0, whole=whole, day=now // DAY if compare else None),
    )
