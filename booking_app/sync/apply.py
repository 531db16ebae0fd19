"""One transaction: what a read of a calendar said becomes what we hold, together with the cursor and the time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import channel_queries, sync_queries
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendar, lock_connection
from booking_app.db.tables import Calendar, DelaySample, Mirror
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.conflicts import ConflictKind
from booking_app.domain.freshness import is_fresh
from booking_app.metrics import changes, inbound
from booking_app.services.conflicts import compare
from booking_app.services.context import Context
from booking_app.services.owner import owner_deleted, owner_moved, owner_took_away
from booking_app.sync import health
from booking_app.sync.apply_rows import store_blocks, store_objects, within_room
from booking_app.sync.model import BusyKind, Delta
from booking_app.sync.own import named, standing_times
from booking_app.sync.plan import Held, Ours, OwnMoved, OwnSeen, Plan, Suspect
from booking_app.sync.plan import plan as decide

LOOK_AGAIN = timedelta(seconds=3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A completed read: what was `known` when the question was asked, and the answer. `as_of` is when that was, so that
    the data is never called fresher than it is; `mode` by which permission it was made, `cursor_before` what it started
    from, `due_before` since when the calendar was due, `takes` what is remembered of how long its reads take.
    `suspected` and `confirmed` are the keys of `plan.plan`; `away` the uids of our events that are gone from here and
    may stand in a calendar of the account that is unread."""

    calendar_id: int
    mode: str
    cursor_before: str | None
    due_before: datetime
    known: Mapping[str, Held]
    delta: Delta
    suspected: Set[str]
    confirmed: Set[str]
    away: Set[str]
    window: tuple[int, int]
    as_of: datetime
    due_at: datetime
    takes: float = 0

    @property
    def uids(self) -> set[str]:
        """Whatever it may say something new about."""
        return {each.uid for each in self.delta.objects} | {
            held.uid for key, held in self.known.items() if key in self.confirmed
        }


async def load_ours(
    db: AsyncSession, calendar: Calendar, uids: Collection[str], *, as_of: datetime | None = None
) -> dict[str, Ours]:
    """Our own events of this calendar's person among `uids`, as they stand now; `as_of` is when the calendar was asked,
    if it was."""
    wanted = {each[0]: uid for uid in uids if (each := named(uid)) is not None and each[1] == calendar.bookable_id}
    found = {}
    for appointment, mirror, pending in await sync_queries.own_appointments(db, calendar.bookable_id, list(wanted)):
        mirrored = mirror is not None and mirror.calendar_id == calendar.id
        found[wanted[appointment.uid]] = Ours(
            appointment_id=appointment.id or 0,
            times=standing_times(appointment, mirror),
            mirrored=mirrored,
            key=mirror.key if mirror and mirrored else None,
            etag=mirror.etag if mirror and mirrored else None,
            # A write that doubts waits for what is decided here.
            pending=pending and (mirror is None or mirror.missing_since is None),
            live=appointment.state == "confirmed",
            overtaken=bool(mirror and mirror.written_at and as_of and mirror.written_at > as_of),
            conflict=appointment.conflict_kind is not None and ConflictKind(appointment.conflict_kind).about_event,
        )
    return found


async def commit(ctx: Context, reading: Reading) -> bool:
    """Apply everything or nothing. False, with nothing changed, if another worker was faster or the choices of
    this calendar changed meanwhile: then its own next read counts.

    What the answer means is decided under the lock: an appointment may have been moved and written since."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        calendar = await lock_calendar(db, reading.calendar_id)
        if calendar is None or calendar.cursor != reading.cursor_before:
            return False
        connection = await lock_connection(db, calendar.connection_id)
        if connection is None or connection.mode != reading.mode:
            return False  # It was linked anew meanwhile, by which its objects have other names.
        ours = await load_ours(db, calendar, reading.uids, as_of=reading.as_of)
        delta = await within_room(db, calendar, reading.delta)
        plan = decide(reading.known, ours, delta, suspected=reading.suspected, confirmed=reading.confirmed)
        kept, unread = await _own_deletions(db, calendar, plan, reading.away, now)
        followed = await _own_events(db, calendar, plan, to_instant(now))
        plan = replace(
            plan,
            drop=tuple(each for each in plan.drop if each.key not in kept),
            suspect=(*plan.suspect, *(Suspect(key=key) for key in sorted(kept))),
        )
        changed = await store_blocks(db, calendar, plan, followed)
        await store_objects(db, calendar, plan, now)
        previous = calendar.verified_at
        bound = ctx.bounds.soft if calendar.trouble else ctx.bounds.hard
        before = None if previous is None else to_instant(previous)
        was_withheld = calendar.stopped or not is_fresh(before, to_instant(now), bound)
        if not plan.overtaken:
            calendar.cursor = reading.delta.cursor
        calendar.window_start, calendar.window_end = (from_instant(each) for each in reading.window)
        calendar.verified_at = reading.as_of
        calendar.zone = reading.delta.zone or calendar.zone
        due = now + LOOK_AGAIN if kept or plan.overtaken else reading.due_at
        # Whoever answers a question about changes with the whole calendar says that there are some, though it may be
        # our own write, of which everything is held already.
        said = reading.delta.full and reading.cursor_before is not None
        news = said or bool(plan.store or plan.drop or plan.suspect or plan.seen or plan.moved or plan.deleted)
        if calendar.due_at != reading.due_before:
            # Somebody who asked for a read meanwhile gets another one; pushes that proved right, at once.
            due = min(due, now if news else calendar.due_at)
        calendar.due_at = due
        if news:
            calendar.pushed_at = None
        calendar.lease_until = None
        calendar.failures, calendar.trouble, calendar.stopped, calendar.stopped_by = 0, "", False, ""
        calendar.takes = reading.takes
        if reading.delta.full:
            calendar.full_at = reading.as_of
        if changed:
            calendar.changed_at = now
            if calendar.problems or any(busy.kind is BusyKind.UNCERTAIN for each in plan.store for busy in each.busy):
                calendar.problems = await sync_queries.uncertain_objects(db, reading.calendar_id)
        delay = (now - previous).total_seconds() if changed and previous is not None and previous <= now else None
        pushed = None
        if delay is not None and previous is not None:
            pushed = await channel_queries.was_pushed(db, calendar, previous)
            db.add(DelaySample(kind="inbound", seconds=delay, at=now))
            if pushed is not None:
                db.add(DelaySample(kind="pushed" if pushed else "unpushed", seconds=delay, at=now))
        if calendar.blocks:
            await db.flush()
            await compare(db, to_instant(now), bookables=[calendar.bookable_id])
        if changed or was_withheld:
            await announce(db, "availability", [calendar.bookable_id])
        await announce(db, "verified", [reading.calendar_id])
        await db.flush()
        await health.after_success(db, calendar, connection, now)
    if delay is not None:
        inbound.observe(delay)
    if pushed is not None:
        changes.labels(after="push" if pushed else "read").inc()
    if unread:
        async with ctx.sessions.begin() as db:
            await sync_queries.make_calendars_due(db, unread, now)
    return True


async def _own_events(db: AsyncSession, calendar: Calendar, plan: Plan, now: int) -> Mapping[str, tuple[int, int]]:
    """What happened to our own events; key -> the new time of those whose appointment followed.

    One move may make room for another, so those that clash are tried again until none succeeds any more."""
    followed: dict[str, tuple[int, int]] = {}
    left, tried = list(plan.moved), len(plan.moved) + 1
    while left and len(left) < tried:
        tried, clashing = len(left), []
        for move in left:
            start, end = move.event.start, move.event.end
            outcome = await owner_moved(
                db,
                appointment_id=move.appointment_id,
                bookable_id=calendar.bookable_id,
                start=start,
                end=end,
                now=now,
                shape=move.event.shape,
            )
            if outcome == "conflict":
                clashing.append(move)
                continue
            followed[move.key] = (start, end)
            await saw(db, calendar, move, times=(start, end))
        left = clashing
    sights: tuple[OwnSeen | OwnMoved, ...] = (*left, *plan.seen)
    for sight in sights:
        await saw(db, calendar, sight, times=None)
    return followed


async def _own_deletions(
    db: AsyncSession, calendar: Calendar, plan: Plan, away: Set[str], now: datetime
) -> tuple[frozenset[str], frozenset[int]]:
    """Follow what the person deleted. The keys of those that have to wait, and the calendars to be read first: an
    event that was dragged into another of their calendars is not deleted; into one that is not read, they are asked."""
    kept: set[str] = set()
    to_read: set[int] = set()
    for removal in plan.deleted:
        mine = (col(Mirror.appointment_id) == removal.appointment_id, col(Mirror.bookable_id) == calendar.bookable_id)
        there = await sync_queries.event_elsewhere(db, calendar, removal.uid)
        if there is not None:
            await db.execute(
                update(Mirror)
                .where(*mine)
                .values(calendar_id=there.calendar_id, key=there.key, etag=there.etag, missing_since=None)
            )
            continue
        unread = await sync_queries.unread_since_missing(db, calendar, removal.key, now)
        if unread:
            kept.add(removal.key)
            to_read.update(unread)
            continue
        if removal.uid in away and await owner_took_away(
            db, appointment_id=removal.appointment_id, bookable_id=calendar.bookable_id, now=to_instant(now)
        ):
            # Where it stands is not known any more, unless it comes back.
            gone = {"key": None, "etag": None, "intended_start": None, "intended_end": None, "missing_since": None}
            await db.execute(update(Mirror).where(*mine).values(**gone))
            continue
        await owner_deleted(
            db,
            appointment_id=removal.appointment_id,
            bookable_id=calendar.bookable_id,
            now=to_instant(now),
        )
        await db.execute(delete(Mirror).where(*mine))
    return frozenset(kept), frozenset(to_read)


async def saw(
    db: AsyncSession, calendar: Calendar, sight: OwnSeen | OwnMoved, *, times: tuple[int, int] | None
) -> None:
    """Note the version of our event at the provider, and with `times` that this is where it belongs."""
    values: dict[str, object] = {
        "key": sight.key,
        "etag": sight.etag,
        "fields": sight.event.fields,
        "missing_since": None,
    }
    if times is not None:
        values |= {"starts_at": from_instant(times[0]), "ends_at": from_instant(times[1])}
    await db.execute(
        update(Mirror)
        .where(
            col(Mirror.appointment_id) == sight.appointment_id,
            col(Mirror.bookable_id) == calendar.bookable_id,
            col(Mirror.calendar_id) == calendar.id,
        )
        .values(**values)
    )
