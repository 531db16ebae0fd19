"""What providers tell us by webhook: shown to be genuine, noted, and nothing more. The read that follows does the work.

Whatever cannot be verified changes nothing and is answered like the rest. Who sends such things costs one hash a
message: what a genuine message of a channel looks like is kept in memory, and how often somebody unknown is looked up
in the database is limited."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import notice_queries
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.locks import lock_calendars
from booking_app.db.notice_queries import Door
from booking_app.db.tables import Calendar
from booking_app.limiter import Limiter
from booking_app.metrics import notices
from booking_app.services.context import Context
from booking_app.sync.channel_plan import UNCONFIRMED, ChannelState, Lifecycle, bring_forward, digest

log = logging.getLogger(__name__)

LONGEST_SECRET = 256
MOST_DOORS = 20_000
STRANGERS, ALL_STRANGERS = 120, 1200
"""Look-ups a minute of channels that turn out to be none, by client address and of all clients together."""
_NOTED_EVERY = timedelta(minutes=1)
_EXTENDED_AT_MOST_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One message. `channel` is our name of the channel it claims to be of, `secret` what shows it.

    `number` rises with each message of a channel (0: this provider does not count). `changed`: something in the
    calendar may have; else it is only a greeting. `remote` and `resource` are the provider's names of the channel, as
    in `Opened`."""

    channel: UUID | None
    secret: str = field(repr=False)
    number: int = 0
    changed: bool = True
    lifecycle: Lifecycle | None = None
    remote: str = ""
    resource: str = ""


class Notices:
    """Takes messages in, for one process. `gap` is the least time between reads that pushes bring about without a
    change being found."""

    def __init__(self, ctx: Context, *, gap: timedelta) -> None:
        self._ctx = ctx
        self._gap = gap
        self._strangers = Limiter(STRANGERS, 60)
        self._all_strangers = Limiter(ALL_STRANGERS, 60)
        self._doors: dict[UUID, Door] = {}
        self._told: dict[str, float] = {}
        self._late: dict[int, asyncio.Task[None]] = {}

    async def receive(self, provider: str, given: Sequence[Notice], *, client: str) -> None:
        """Note what is genuine among the messages of one request from `client`. Raises only what the database raises
        when it is too busy: then the provider is to send it again."""
        doors = await self._doors_of(given, client)
        genuine = [
            (door, notice)
            for notice in given
            if (door := doors.get(notice.channel)) is not None and door.provider == provider and _opens(notice, door)
        ]
        if len(genuine) < len(given):
            notices.labels(provider=provider, outcome="refused").inc(len(given) - len(genuine))
        for kind, said in _coalesced(genuine).items():
            for outcome, number in Counter(await self._take(*kind, said)).items():
                notices.labels(provider=provider, outcome=outcome).inc(number)
        if genuine:
            await self._note(provider)

    async def close(self) -> None:
        """Finish what waits for a calendar that was being stored."""
        await asyncio.gather(*self._late.values(), return_exceptions=True)

    async def _doors_of(self, given: Sequence[Notice], client: str) -> Mapping[UUID | None, Door]:
        """The channels that are named; those not in memory are looked up together, as many as the limits let."""
        named = {each.channel: each for each in given if each.channel is not None}
        found: dict[UUID | None, Door] = {each: self._doors[each] for each in named if each in self._doors}
        now = self._ctx.elapsed()
        unknown = []
        for channel in [each for each in named if each not in found]:
            if self._strangers.take(client, now) or self._all_strangers.take("", now):
                break
            unknown.append(channel)
        if not unknown:
            return found
        async with reads(self._ctx.sessions).connect() as db:
            known = await notice_queries.doors(db, unknown)
        for door in known:
            found[door.uid] = door
            if not _opens(named[door.uid], door):
                continue
            if len(self._doors) >= MOST_DOORS:
                self._doors.clear()
            self._doors[door.uid] = door
            self._strangers.give_back(client, now)
            self._all_strangers.give_back("", now)
        return found

    async def _take(
        self, lifecycle: Lifecycle | None, changed: bool, said: Mapping[UUID, tuple[Door, Notice]]
    ) -> list[str]:
        """What became of genuine messages of one kind, one a channel, each in a word."""
        now = self._ctx.now()
        wanted: Sequence[int] = ()
        free: Sequence[Calendar] = ()
        async with self._ctx.sessions.begin() as db:
            states = await notice_queries.heard(db, [_said(*each) for each in said.values()], now=now)
            closing = {uid for uid, state in states.items() if state == ChannelState.CLOSING.value}
            stale, listening = said.keys() - states.keys(), states.keys() - closing
            done = "lifecycle" if lifecycle is Lifecycle.REAUTHORIZE else "taken"
            if lifecycle is Lifecycle.REAUTHORIZE:
                await notice_queries.extend_soon(db, listening, now, since=now - _EXTENDED_AT_MOST_EVERY)
            elif lifecycle is Lifecycle.REMOVED:
                await notice_queries.ended(db, listening, now, forget_at=now + UNCONFIRMED)
            if lifecycle is None and not changed:
                done = "greeting"
            elif lifecycle is not Lifecycle.REAUTHORIZE and listening:
                wanted = await notice_queries.calendars_of(db, [said[uid][0] for uid in listening])
                free = await notice_queries.free_calendars(db, wanted)
                await self._bring_forward(db, free)
        for calendar_id in set(wanted) - {each.id for each in free}:
            self._wait_for(calendar_id)
        return ["stale"] * len(stale) + ["closed"] * len(closing) + [done] * len(listening)

    def _wait_for(self, calendar_id: int) -> None:
        """Its read is being stored at this moment, which can take longer than a provider should wait. If we die before
        that is over, the regular read finds the change."""
        if calendar_id in self._late:
            return
        task = asyncio.create_task(self._mark_late(calendar_id), name=f"notice:{calendar_id}")
        self._late[calendar_id] = task
        task.add_done_callback(lambda _: self._late.pop(calendar_id, None))

    async def _mark_late(self, calendar_id: int) -> None:
        try:
            async with self._ctx.sessions.begin() as db:
                await self._bring_forward(db, await lock_calendars(db, col(Calendar.id) == calendar_id))
        except Exception:
            # The outermost loop of this task.
            log.exception("notice.failed", extra={"calendar": calendar_id})

    async def _bring_forward(self, db: AsyncSession, calendars: Collection[Calendar]) -> None:
        now = self._ctx.now()
        at_once = []
        for calendar in calendars:
            reading = calendar.lease_until is not None and calendar.lease_until >= now
            forward = bring_forward(
                due_at=calendar.due_at,
                pushed_at=calendar.pushed_at,
                reading=reading,
                failing=calendar.failures > 0 or calendar.stopped,
                now=now,
                gap=self._gap,
            )
            if forward is None:
                continue
            calendar.due_at, calendar.pushed_at = forward.due_at, forward.pushed_at
            if not reading and forward.due_at <= now:
                at_once.append(calendar.id or 0)
        if at_once:
            await db.flush()
            await announce(db, "due", at_once)

    async def _note(self, provider: str) -> None:
        now, elapsed = self._ctx.now(), self._ctx.elapsed()
        if provider in self._told and elapsed < self._told[provider]:
            return
        self._told[provider] = elapsed + _NOTED_EVERY.total_seconds()
        async with reads(self._ctx.sessions).connect() as db:
            await notice_queries.note_push(db, provider, now, at_most_every=_NOTED_EVERY)


def _opens(notice: Notice, door: Door) -> bool:
    """Whether the message shows the channel's secret."""
    if not notice.secret or len(notice.secret) > LONGEST_SECRET:
        return False
    return hmac.compare_digest(digest(notice.secret), door.secret_hash)


def _said(door: Door, notice: Notice) -> notice_queries.Said:
    return notice_queries.Said(door=door, number=notice.number, remote=notice.remote, resource=notice.resource)


Kind = tuple[Lifecycle | None, bool]


def _coalesced(genuine: Sequence[tuple[Door, Notice]]) -> Mapping[Kind, Mapping[UUID, tuple[Door, Notice]]]:
    """What a request says several times of one channel, once; by what it says."""
    found: dict[Kind, dict[UUID, tuple[Door, Notice]]] = defaultdict(dict)
    for door, notice in genuine:
        said = found[notice.lifecycle, notice.changed]
        if door.uid not in said or said[door.uid][1].number < notice.number:
            said[door.uid] = door, notice
    return found
