"""Catching up with a calendar: ask what changed, look twice at what vanished, commit all of it or nothing."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from booking_app.db import sync_queries
from booking_app.db.tables import Calendar, Connection
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound
from booking_app.services.context import Context
from booking_app.sync import apply, health
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import AccessLost, CursorExpired, ProviderError, ProviderRefused, Rejected, Transient
from booking_app.sync.model import CalendarRef, Delta
from booking_app.sync.plan import Breaker, Held, Ours, stop_reason, suspects
from booking_app.sync.policy import DAY, SyncPolicy, fresh_window, needs_whole_window, next_read, setback
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.reference import reference

log = logging.getLogger(__name__)

_OUTDATED = ";outdated"
"""Behind an etag: that of no version."""
BELIEVE_ALL = Breaker(most=2**31, share=1.0)


class Pulled(StrEnum):
    """How a read ended. `SUPERSEDED`: somebody else's result counts."""

    READ = "read"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """What to ask, decided from what we hold."""

    calendar: Calendar
    connection: Connection
    ref: CalendarRef
    known: Mapping[str, Held]
    cursor: str | None
    window: tuple[int, int]
    whole: bool
    """Download and expand everything again, not only what changed."""
    as_of: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    delta: Delta
    ours: Mapping[str, Ours]
    suspected: frozenset[str]
    confirmed: frozenset[str]


class Stopped(Rejected):
    """So much disappeared that it is not believed."""


async def pull(
    ctx: Context, accounts: Accounts, policy: SyncPolicy, calendar_id: int, *, believe_all: bool = False
) -> Pulled:
    """Read one calendar that the caller has leased, whatever happens note how it went and when to read again.

    `believe_all` is somebody's word that a mass disappearance is right."""
    question = await _question(ctx, policy, calendar_id)
    if question is None:
        return Pulled.SUPERSEDED
    breaker = BELIEVE_ALL if believe_all else policy.breaker
    try:
        provider = await accounts.of(question.connection)
        try:
            answer = await _ask(ctx, provider, question, breaker)
        except AccessLost:
            # One refused request may be a server's bad minute; an account is lost when it refuses twice.
            await provider.list_calendars()
            raise Transient("The account works, but the server refused to show this calendar.") from None
    except ProviderError as error:
        return await _failed(ctx, question, error)
    return await _store(ctx, policy, question, answer)


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

    Each single event is still asked for before it goes. A sentence about the outcome; `NotFound` for no such
    calendar, or somebody else's."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        calendar_id = await sync_queries.calendar_by_uid(db, calendar_uid, bookable_id)
        if calendar_id is None:
            raise NotFound("There is no such calendar.")
        lease_until = now + timedelta(seconds=policy.lease)
        if not await sync_queries.claim_calendar(db, calendar_id, now=now, lease_until=lease_until):
            return "The calendar is being read at this moment. Try again in a minute."
    outcome = await pull(ctx, accounts, policy, calendar_id, believe_all=True)
    if outcome is Pulled.READ:
        return "The calendar is being followed again."
    return "The calendar could not be read just now; it stays as it was. Try again in a minute."


async def _question(ctx: Context, policy: SyncPolicy, calendar_id: int) -> _Question | None:
    as_of = ctx.now()
    now = to_instant(as_of)
    async with ctx.sessions() as db:
        found = await sync_queries.calendar_with_account(db, calendar_id)
        if found is None:
            return None
        calendar, connection, owner = found
        held = {
            key: Held(etag=etag, uid=uid, missing=missing)
            for key, etag, uid, missing in await sync_queries.held_objects(db, calendar_id)
        }
        ahead = max(policy.ahead, (await sync_queries.furthest_horizon(db) + 2) * DAY)
    policy = replace(policy, ahead=ahead)
    window_end = None if calendar.window_end is None else to_instant(calendar.window_end)
    whole = needs_whole_window(policy, window_end=window_end, now=now)
    compare = calendar.full_at is None or (as_of - calendar.full_at).total_seconds() > policy.full_every
    if whole or calendar.window_start is None or window_end is None:
        window = fresh_window(policy, now)
    else:
        window = to_instant(calendar.window_start), window_end
    return _Question(
        calendar=calendar,
        connection=connection,
        ref=reference(calendar, connection, owner),
        known=held,
        cursor=None if whole or compare or calendar.stopped else calendar.cursor,
        window=window,
        whole=whole,
        as_of=as_of,
    )


async def _ask(ctx: Context, provider: CalendarProvider, question: _Question, breaker: Breaker) -> _Answer:
    """The delta, with every disappearance looked at a second time. Raises `Stopped` when too much vanished twice."""
    try:
        answer = await _changes(ctx, provider, question, question.cursor)
    except CursorExpired:
        answer = await _changes(ctx, provider, question, None)
    if stop_reason(question.known, answer.ours, answer.suspected, breaker):
        answer = await _changes(ctx, provider, question, None)
        reason = stop_reason(question.known, answer.ours, answer.suspected, breaker)
        if reason:
            raise Stopped(reason)
    confirmed = {key for key in answer.suspected if await _is_gone(provider, question.ref, key)}
    return replace(answer, confirmed=frozenset(confirmed))


async def _changes(ctx: Context, provider: CalendarProvider, question: _Question, cursor: str | None) -> _Answer:
    # For a whole window no version counts as known, but the keys and what else is read from a version still do: what
    # was over before the new window is told from what was deleted.
    outdated = _OUTDATED if question.whole else ""
    etags = {key: held.etag + outdated for key, held in question.known.items()}
    delta = await provider.changes(question.ref, cursor=cursor, known=etags, window=question.window)
    uids = {each.uid for each in delta.objects} | {each.uid for each in question.known.values()}
    async with ctx.sessions() as db:
        ours = await apply.load_ours(db, question.calendar, uids)
    return _Answer(delta=delta, ours=ours, suspected=suspects(question.known, ours, delta), confirmed=frozenset())


async def _is_gone(provider: CalendarProvider, ref: CalendarRef, key: str) -> bool:
    try:
        found = await provider.get(ref, key=key)
    except Rejected:
        return False  # it exists, though it is not an event of ours
    return found is None or found[0].cancelled


async def _store(ctx: Context, policy: SyncPolicy, question: _Question, answer: _Answer) -> Pulled:
    calendar = question.calendar
    now = ctx.now()
    hot = calendar.hot_until is not None and calendar.hot_until > now
    reading = apply.Reading(
        calendar_id=calendar.id or 0,
        cursor_before=calendar.cursor,
        due_before=calendar.due_at,
        known=question.known,
        delta=answer.delta,
        suspected=answer.suspected,
        confirmed=answer.confirmed,
        window=question.window,
        as_of=question.as_of,
        due_at=now + timedelta(seconds=next_read(policy, hot=hot, jitter=random.random())),
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


async def _failed(ctx: Context, question: _Question, error: ProviderError) -> Pulled:
    calendar = question.calendar
    what = setback(error, calendar.failures + 1, jitter=random.random())
    async with ctx.sessions.begin() as db:
        await health.after_failure(db, calendar.id or 0, what, ctx.now(), secret=question.connection.secret)
        if isinstance(error, ProviderRefused):
            await health.installation_refused(db, question.connection.provider, str(error), ctx.now())
    log.warning("pull.failed", extra={"calendar": calendar.id, "error": type(error).__name__, "wait": round(what.wait)})
    return Pulled.FAILED
