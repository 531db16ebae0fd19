"""Catching up with a calendar: ask what changed, look twice at what vanished, commit all of it or nothing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from booking_app.db import read_queries, sync_queries
from booking_app.db.engine import reads as statements
from booking_app.db.engine import single
from booking_app.db.read_queries import Footing, Unchanged
from booking_app.db.tables import Calendar
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import NotFound
from booking_app.services.context import Context
from booking_app.services.provider_apps import api_alert_subject
from booking_app.sync import apply, health
from booking_app.sync.accounts import Accounts
from booking_app.sync.dragged import dragged_away
from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    KeyMissing,
    ProviderError,
    ProviderRefused,
    Transient,
)
from booking_app.sync.model import Delta
from booking_app.sync.plan import Breaker, suspects
from booking_app.sync.policy import SyncPolicy, next_read, setback, takes
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.question import Question, question
from booking_app.sync.together import Together
from booking_app.sync.vanished import Answer, confirmed, needs_second
from booking_app.sync.while_reading import leased, told_when_slow

log = logging.getLogger(__name__)

_GAP = 0.1
"""Seconds for which a read that brought nothing waits for others like it."""


class Pulled(StrEnum):
    """How a read ended. `SUPERSEDED`: somebody else's result counts."""

    READ = "read"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Puller:
    """Reads calendars. What many reads ask of the database is asked together; `gap` is how long, in seconds, one that
    brought nothing waits for others."""

    def __init__(self, ctx: Context, accounts: Accounts, policy: SyncPolicy, *, gap: float = _GAP) -> None:
        self._ctx = ctx
        self._accounts = accounts
        self._policy = policy
        self._footings = Together(self._load)
        self._unchanged = Together(self._note, gap=gap)

    async def pull(self, calendar_id: int, *, believe_all: bool = False) -> Pulled:
        """Read one calendar that the caller has leased, whatever happens note how it went and when to read again.

        `believe_all` is somebody's word that a mass disappearance is right."""
        ctx = self._ctx
        as_of = ctx.now()
        footing = await self._footings.ask(calendar_id)
        if footing is None:
            return Pulled.SUPERSEDED
        asked = question(ctx.sessions, self._policy, footing, as_of)
        breaker = None if believe_all else self._policy.breaker
        clock = asyncio.get_running_loop()
        begun = clock.time()
        try:
            provider = await self._accounts.of(asked.connection)
            try:
                async with told_when_slow(ctx, calendar_id, self._policy.patience):
                    answer = await _ask(ctx, provider, asked, breaker)
            except AccessLost:
                # One refused request may be a server's bad minute; an account is lost when it refuses twice.
                await provider.list_calendars()
                raise Transient("The account works, but the server refused to show this calendar.") from None
        except ProviderError as error:
            return await _failed(ctx, asked, error, took=clock.time() - begun)
        took = clock.time() - begun
        due_at = ctx.now() + apply.LOOK_AGAIN if answer.unasked else self._next_read(asked.calendar, took)
        lasts = takes(asked.calendar.takes, took)
        before, after = asked.cursor, answer.delta.cursor
        if before is not None and after is not None and _says_nothing(asked, answer.delta):
            unchanged = Unchanged(
                calendar_id=calendar_id,
                before=before,
                after=after,
                as_of=asked.as_of,
                due_before=asked.calendar.due_at,
                due_at=due_at,
                takes=lasts,
                alert=api_alert_subject(asked.connection.provider),
            )
            if await self._unchanged.ask(unchanged):
                return Pulled.READ
        return await _store(ctx, asked, answer, due_at, lasts)

    async def close(self) -> None:
        """Let the statements end that were asked together, once nobody reads any more."""
        await self._footings.close()
        await self._unchanged.close()

    def _next_read(self, calendar: Calendar, took: float) -> datetime:
        now = self._ctx.now()
        hot = calendar.hot_until is not None and calendar.hot_until > now
        return now + timedelta(seconds=next_read(self._policy, hot=hot, jitter=random.random(), took=took))

    async def _load(self, calendars: Sequence[int]) -> Sequence[Footing | None]:
        async with single(self._ctx.sessions) as db:
            return await read_queries.footings(db, calendars)

    async def _note(self, reads: Sequence[Unchanged]) -> Sequence[bool]:
        now = self._ctx.now()
        trusted = now - timedelta(seconds=self._ctx.bounds.hard)
        async with statements(self._ctx.sessions).connect() as db:
            noted = await read_queries.note_unchanged(db, reads, now=now, trusted=trusted)
        return [each.calendar_id in noted for each in reads]


async def pull(
    ctx: Context, accounts: Accounts, policy: SyncPolicy, calendar_id: int, *, believe_all: bool = False
) -> Pulled:
    """Read a single calendar."""
    return await Puller(ctx, accounts, policy, gap=0).pull(calendar_id, believe_all=believe_all)


async def accept_changes(
    ctx: Context,
    accounts: Accounts,
    policy: SyncPolicy,
    *,
    calendar_uid: str,
    bookable_id: int | None = None,
) -> str:
    """The owner (`bookable_id`) or an admin (None) says that what disappeared is really gone: read once without
    doubting it.

    Each event is still looked for a second time before it goes. A sentence about the outcome; `NotFound` for no such
    calendar, or somebody else's."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        calendar_id = await sync_queries.calendar_by_uid(db, calendar_uid, bookable_id)
        if calendar_id is None:
            raise NotFound("There is no such calendar.")
        lease_until = now + timedelta(seconds=policy.lease)
        if not await sync_queries.claim_calendar(db, calendar_id, now=now, lease_until=lease_until):
            return "The calendar is being read at this moment. Try again in a minute."
    async with leased(ctx, calendar_id, policy.lease):
        outcome = await pull(ctx, accounts, policy, calendar_id, believe_all=True)
    if outcome is Pulled.READ:
        return "The calendar is being followed again."
    return "The calendar could not be read just now; it stays as it was. Try again in a minute."


async def _ask(ctx: Context, provider: CalendarProvider, asked: Question, breaker: Breaker | None) -> Answer:
    """The delta, with every disappearance looked at a second time; without `breaker` somebody vouches for them. Raises
    `Vanished` when many are not confirmed."""
    try:
        answer = await _changes(ctx, provider, asked, asked.cursor)
    except CursorExpired:
        answer = await _changes(ctx, provider, asked, None)
    if answer.delta.zone not in (None, asked.ref.zone):
        asked = asked.placed_in(answer.delta.zone)
        answer = await _changes(ctx, provider, asked, None)
    first = answer.suspected
    if needs_second(answer, asked, breaker):
        answer = await _changes(ctx, provider, asked, None)
    answer = await confirmed(provider, asked, answer, breaker, twice=first & answer.suspected)
    return replace(answer, away=await dragged_away(ctx, provider, asked, answer))


async def _changes(ctx: Context, provider: CalendarProvider, asked: Question, cursor: str | None) -> Answer:
    delta = await provider.changes(asked.ref, cursor=cursor, known=asked.holdings.known, window=asked.window)
    if _says_nothing(asked, delta):
        return Answer(delta=delta)
    known = await asked.holdings.held()
    uids = {each.uid for each in delta.objects} | {each.uid for each in known.values()}
    async with ctx.sessions() as db:
        ours = await apply.load_ours(db, asked.calendar, uids)
        suspected = suspects(known, ours, delta)
        coming = await sync_queries.coming_objects(db, asked.calendar.id or 0, asked.as_of) if suspected else ()
    return Answer(delta=delta, known=known, ours=ours, suspected=suspected, coming=frozenset(coming))


def _says_nothing(asked: Question, delta: Delta) -> bool:
    """Whether nothing that we hold is touched."""
    return not (asked.doubts or delta.full or delta.objects or delta.gone or delta.outside)


async def _store(ctx: Context, asked: Question, answer: Answer, due_at: datetime, lasts: float) -> Pulled:
    calendar = asked.calendar
    reading = apply.Reading(
        calendar_id=calendar.id or 0,
        mode=asked.connection.mode,
        cursor_before=calendar.cursor,
        due_before=calendar.due_at,
        known=answer.known,
        delta=answer.delta,
        suspected=answer.suspected,
        confirmed=answer.confirmed,
        away=answer.away,
        window=asked.window,
        as_of=asked.as_of,
        due_at=due_at,
        takes=lasts,
    )
    if not await apply.commit(ctx, reading):
        async with ctx.sessions.begin() as db:
            await sync_queries.release_calendar(db, reading.calendar_id)
        return Pulled.SUPERSEDED
    log.debug(
        "pull.read",
        extra={"calendar": calendar.id, "objects": len(answer.delta.objects), "gone": len(answer.confirmed)},
    )
    return Pulled.READ


async def _failed(ctx: Context, asked: Question, error: ProviderError, *, took: float) -> Pulled:
    calendar = asked.calendar
    anew = isinstance(error, AccessLost) and asked.connection.state != ConnectionState.NEEDS_SIGN_IN.value
    what = setback(error, 1 if anew else calendar.failures + 1, jitter=random.random(), took=took)
    async with ctx.sessions.begin() as db:
        await health.after_failure(db, calendar.id or 0, what, ctx.now(), secret=asked.connection.secret, took=took)
        if isinstance(error, ProviderRefused):
            await health.installation_refused(db, asked.connection.provider, str(error), ctx.now())
        elif isinstance(error, KeyMissing):
            await health.key_missing(db, ctx.now())
    log.warning("pull.failed", extra={"calendar": calendar.id, "error": type(error).__name__, "wait": round(what.wait)})
    return Pulled.FAILED
