"""Reading again right now: the last look at the person's calendars before an appointment is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from booking_app.db import sync_queries, unread_queries
from booking_app.db.engine import Sessions
from booking_app.db.tables import Bookable, Calendar, Connection
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import from_instant
from booking_app.domain.intervals import merge
from booking_app.services.context import LiveRead
from booking_app.sync.accounts import Accounts
from booking_app.sync.apply import load_ours
from booking_app.sync.errors import ProviderError
from booking_app.sync.model import Busy, BusyKind
from booking_app.sync.reference import reference
from booking_app.sync.sharing import Shared

DAY = 86400
_Row = tuple[Calendar, Connection, Bookable]


class Live:
    """`reread` is what the composition root hands to use-cases. `deadline` in seconds is for everything together."""

    def __init__(self, *, sessions: Sessions, accounts: Accounts, deadline: float = 2) -> None:
        self.sessions = sessions
        self.accounts = accounts
        self.deadline = deadline
        self._shared: Shared[tuple[tuple[str, Busy], ...]] = Shared(deadline)

    async def reread(self, bookables: Collection[int], span: tuple[int, int]) -> Mapping[int, LiveRead]:
        """What blocks each of the bookables in the half-open `span` of instants, from the providers themselves.

        All calendars are asked at the same time. Our own events do not block where they stand by our own doing:
        the appointment occupies that time itself."""
        async with self.sessions() as db:
            found = await sync_queries.blocking_calendars(db, bookables)
        if not found:
            return {}
        tasks = [asyncio.create_task(self._read(row, span)) for row in found]
        _, late = await asyncio.wait(tasks, timeout=self.deadline)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        busy: dict[int, list[tuple[int, int]]] = {}
        trouble: dict[int, str] = {}
        for task, (calendar, _, _) in zip(tasks, found, strict=True):
            bookable = calendar.bookable_id
            busy.setdefault(bookable, [])
            if task in late:
                trouble[bookable] = "The calendar did not answer in time."
                continue
            answer = task.result()
            if isinstance(answer, str):
                trouble[bookable] = answer
            else:
                busy[bookable] += answer
        return {
            bookable: LiveRead(ok=False, trouble=trouble[bookable])
            if bookable in trouble
            else LiveRead(ok=True, busy=tuple(merge(spans)))
            for bookable, spans in busy.items()
        }

    async def close(self) -> None:
        """End the reads for which nobody waits any more."""
        await self._shared.close()

    async def _read(self, row: _Row, span: tuple[int, int]) -> list[tuple[int, int]] | str:
        """The blocks, or in words why there is no answer."""
        calendar, connection, owner = row
        if connection.state == ConnectionState.NEEDS_SIGN_IN.value:
            return "The calendar account has to be signed in again."
        if calendar.stopped:
            return "The calendar is not being followed at the moment."
        try:
            provider = await self.accounts.of(connection)
            ref = reference(calendar, connection, owner)
            # Whole days, so that a rush on a day, not only on one slot, costs the provider two reads.
            window = span[0] // DAY * DAY, -(-span[1] // DAY) * DAY
            blocks = await self._shared.ask((calendar.id, window), lambda: provider.busy_now(ref, window=window))
        except TimeoutError:
            return "The calendar did not answer in time."
        except ProviderError as error:
            return str(error)
        foreign = await self._foreign(calendar, blocks, window)
        return [(start, end) for start, end in foreign if start < span[1] and span[0] < end]

    async def _foreign(
        self, calendar: Calendar, blocks: Collection[tuple[str, Busy]], window: tuple[int, int]
    ) -> list[tuple[int, int]]:
        unsure = any(busy.kind is BusyKind.UNCERTAIN for _, busy in blocks)
        async with self.sessions() as db:
            ours = await load_ours(db, calendar, {uid for uid, _ in blocks})
            bounds = from_instant(window[0]), from_instant(window[1])
            spans = await unread_queries.ignored_spans(db, calendar.id or 0, bounds) if unsure else set()
        ignored = {(max(start, window[0]), min(end, window[1])) for start, end in spans}
        # Blocks are cut to the window, so our own times have to be, too.
        own = {
            (uid, max(start, window[0]), min(end, window[1])) for uid, each in ours.items() for start, end in each.times
        }
        return [
            (busy.start, busy.end)
            for uid, busy in blocks
            if (uid, busy.start, busy.end) not in own
            and (calendar.unsure_blocks or busy.kind is not BusyKind.TENTATIVE)
            and (busy.kind is not BusyKind.UNCERTAIN or (busy.start, busy.end) not in ignored)
        ]
