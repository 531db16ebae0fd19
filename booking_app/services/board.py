"""What all viewers share is computed once: one answer for each query, handed to every open page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from booking_app import metrics
from booking_app.domain.clock import to_instant
from booking_app.domain.freshness import is_fresh
from booking_app.domain.rules import Span
from booking_app.domain.zones import DAY
from booking_app.services import catalog
from booking_app.services.availability import read
from booking_app.services.context import Context
from booking_app.services.views import ServiceView, SlotQuery, SlotsAnswer

_EAST, _WEST = 14 * 3600, 10 * 3600
"""Offsets from UTC between which readers share a computation; those further west have one of their own."""
_MOST = 500
"""Answers kept; the one that was asked for longest ago goes first."""


def _shared(span: Span) -> Span:
    """The same local days in every zone between: a few hours more than any one reader asks."""
    first, last = ((each + _EAST) // DAY * DAY for each in span)
    return first - _EAST, last + _WEST


@dataclass(slots=True)
class _Entry:
    """What is known for one query. `changes` counts the announcements that concern it, `reflects` is how many of them
    the answer knows of; `at` is when it was computed, by the loop's clock."""

    answer: SlotsAnswer | None = None
    parts: dict[Span, SlotsAnswer] = field(default_factory=dict)
    bookables: frozenset[int] = frozenset()
    calendars: frozenset[int] = frozenset()
    changes: int = 0
    reflects: int = -1
    at: float = 0
    computing: asyncio.Task[None] | None = None


class Board:
    """Slots of this process. Feed every change of the hub to `changed`, and ask again after each one and at least every
    `max_age` seconds: an answer of that age is computed anew, which carries notice periods, expired holds,
    `verified_at` and the heat of the calendars."""

    def __init__(self, ctx: Context, *, max_age: float = 15) -> None:
        self._ctx = ctx
        self._max_age = max_age
        self._entries: OrderedDict[SlotQuery, _Entry] = OrderedDict()
        self._catalog: asyncio.Task[tuple[ServiceView, ...]] | None = None
        self._catalog_at = 0.0
        self.computations = 0
        """How often slots were computed, for tests and metrics."""

    async def get(self, query: SlotQuery) -> SlotsAnswer:
        """The current answer. While nothing changed, the very same object is given to everybody, so `is` tells a
        page that it has nothing to do. Raises as `availability.slots`."""
        whole = replace(query, span=_shared(query.span))
        entry = self._entry(whole)
        asked = entry.changes
        while entry.reflects < asked or self._clock() - entry.at >= self._max_age or self._is_over(entry):
            if entry.computing is None:
                entry.computing = asyncio.create_task(self._compute(whole, entry))
            # Shielded: a visitor who leaves does not take the answer from the others.
            await asyncio.shield(entry.computing)
        assert entry.answer is not None
        if query.span not in entry.parts:
            entry.parts[query.span] = entry.answer.within(query.span)
        return entry.parts[query.span]

    async def services(self) -> tuple[ServiceView, ...]:
        """What can be booked, read once for everybody after each change of it."""
        if self._catalog is None or self._clock() - self._catalog_at >= self._max_age:
            self._catalog, self._catalog_at = asyncio.create_task(catalog.services(self._ctx)), self._clock()
        reading = self._catalog
        try:
            return await asyncio.shield(reading)
        except BaseException:
            if reading is self._catalog and reading.done():
                self._catalog = None
            raise

    async def close(self) -> None:
        """Let end what was begun for visitors who have left."""
        tasks = [each.computing for each in self._entries.values() if each.computing is not None]
        if self._catalog is not None:
            await asyncio.wait([self._catalog])
        await asyncio.gather(*tasks, return_exceptions=True)

    def changed(self, topic: str, ids: frozenset[int]) -> None:
        """Take in an announcement (`availability`, `verified`, `catalog`, `resync`; others are ignored)."""
        if topic in ("catalog", "resync"):
            self._catalog = None
        for entry in self._entries.values():
            if self._concerns(entry, topic, ids):
                entry.changes += 1

    def _concerns(self, entry: _Entry, topic: str, ids: frozenset[int]) -> bool:
        if topic == "availability":
            return not ids or bool(ids & entry.bookables)
        if topic == "verified":
            return bool(ids & entry.calendars) and self._waits_for_reading(entry)
        return topic in ("catalog", "resync")

    def _waits_for_reading(self, entry: _Entry) -> bool:
        """Whether a reading that found nothing new matters: somebody may be back, or the answer looks old."""
        if entry.answer is None or entry.answer.withheld:
            return True
        verified = entry.answer.verified_at
        return verified is not None and not is_fresh(verified, to_instant(self._ctx.now()), self._ctx.bounds.soft)

    def _is_over(self, entry: _Entry) -> bool:
        """Whether somebody is withheld by now, because their calendar was not read in time."""
        until = None if entry.answer is None else entry.answer.stands_until
        return until is not None and to_instant(self._ctx.now()) > until

    def _entry(self, query: SlotQuery) -> _Entry:
        entry = self._entries.setdefault(query, _Entry())
        self._entries.move_to_end(query)
        if len(self._entries) > _MOST:
            self._entries.popitem(last=False)
        return entry

    async def _compute(self, query: SlotQuery, entry: _Entry) -> None:
        seen = entry.changes
        self.computations += 1
        metrics.computations.inc()
        try:
            answer, offering = await read(self._ctx, query)
        except BaseException:
            self._entries.pop(query, None)
            raise
        finally:
            entry.computing = None
        entry.bookables = frozenset(each.bookable_id for each in offering.candidates)
        entry.calendars = frozenset(calendar.calendar_id for each in offering.candidates for calendar in each.calendars)
        entry.reflects = seen
        entry.at = self._clock()
        if answer != entry.answer:
            entry.answer = answer
            entry.parts = {}

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()
