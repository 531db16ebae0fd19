"""Telling people: which alerts are open, and who is written to when."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.alert_ends import close_over
from booking_app.db.alerts import (
    CONFLICT,
    KEYS,
    MAIL,
    close_alerts,
    conflict_alert,
    open_alert,
    open_alerts,
    recipients,
)
from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.db.tables import Alert
from booking_app.domain.appointment import Effect
from booking_app.domain.clock import to_instant
from booking_app.services.conflicts import close_moot, close_overlaps, compare
from booking_app.services.context import Bounds, Context
from booking_app.services.letters.words import start_words, zone_words
from booking_app.sync.errors import KEY_MISSING

STALE_GRACE, WRITE_GRACE = 300.0, 60.0
"""Seconds from opening an alert to the first mail. What a failed read means for its account is in `sync/policy.py`.

A calendar that merely does not answer is withheld from the soft bound on (30 seconds after its last good read; without
one, 10 minutes after it was chosen) and shown on the pages from then on. The mail follows when it could not be read for
15 minutes, 5 minutes after the hard bound: so a disturbance that is over by then mails nobody. An event that
was moved to a time that is not free is told at once, and so is that a provider refuses this whole installation, which
nobody but an admin can mend."""
KEYS_QUIET = timedelta(minutes=3)
"""After which nobody lacks a key any more: whoever meets that tries again within 72 seconds (`sync/policy.py`)."""
ENDS_SOON = timedelta(hours=48)
"""So long before it ends by itself, a link is told of."""
AGAIN = (timedelta(0), timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""When it is told, counted from the first time."""


def is_due(*, tell_from: datetime, first_told_at: datetime | None, tellings: int, now: datetime) -> bool:
    """Whether an open alert is to be told (again) at `now`. Pure."""
    if tellings >= len(AGAIN):
        return False
    if first_told_at is None or tellings == 0:
        return now >= tell_from
    return now >= first_told_at + AGAIN[tellings]


async def tell(ctx: Context) -> int:
    """Open and close what follows from the data, then write to the people concerned; how many mails were enqueued."""
    now = ctx.now()
    mails = 0
    async with ctx.sessions.begin() as db:
        # One process tells; another one that comes at the same time finds nothing left to do.
        if not await db.scalar(text("SELECT pg_try_advisory_xact_lock(7310002)")):
            return 0
        await close_over(db, now)
        await _found_keys(db, now)
        await _stale_calendars(db, now, ctx.bounds)
        await _ending_grants(db, now)
        await _parked_writes(db, now)
        await compare(db, to_instant(now))
        await close_overlaps(db, to_instant(now))
        await close_moot(db, to_instant(now))
        await _answered(db, now)
        for alert in await open_alerts(db):
            if alert.subject == MAIL:
                continue
            first = None if alert.tellings == 0 or alert.told_at is None else alert.told_at
            if is_due(tell_from=alert.tell_from, first_told_at=first, tellings=alert.tellings, now=now):
                mails += await _write_to_all(db, alert, now)
    return mails


async def _write_to_all(db: AsyncSession, alert: Alert, now: datetime) -> int:
    people = await recipients(db, alert.bookable_id)
    for account_id in people:
        await enqueue(
            db,
            Effect.MAIL,
            f"alert:{alert.id}:{alert.tellings}:{account_id}",
            due=now,
            payload={"alert_id": alert.id, "account_id": account_id, "telling": alert.tellings},
        )
    # `told_at` stays the first time: the later ones are counted from it.
    alert.told_at = alert.told_at or now
    alert.tellings += 1
    await announce(db, "outbox")
    return len(people)


async def _found_keys(db: AsyncSession, now: datetime) -> None:
    quiet = select(col(Alert.id)).where(col(Alert.subject) == KEYS, col(Alert.met_at) < now - KEYS_QUIET)
    if await db.scalar(quiet.where(col(Alert.closed_at).is_(None))) is not None:
        await close_alerts(db, [KEYS], now)


_STALE = text(
    """
    SELECT calendar.id, calendar.name, calendar.bookable_id, connection.id, bookable.name, calendar.trouble,
           coalesce(calendar.verified_at, calendar.chosen_at)
    FROM calendar JOIN connection ON connection.id = calendar.connection_id
      JOIN bookable ON bookable.id = calendar.bookable_id
    WHERE calendar.blocks AND NOT calendar.stopped AND connection.state IN ('ok', 'slowed', 'stopped')
      AND (coalesce(calendar.verified_at, calendar.chosen_at) < :hard
           OR calendar.trouble <> '' AND calendar.verified_at < :soft)
      AND NOT EXISTS (
        SELECT FROM alert
        WHERE alert.closed_at IS NULL
          AND (
            (split_part(alert.subject, ':', 1) = 'provider' AND split_part(alert.subject, ':', 2) = connection.provider)
            OR (alert.subject = :keys AND calendar.trouble = :key_missing)
          )
      )
    """
)


async def _stale_calendars(db: AsyncSession, now: datetime, bounds: Bounds) -> None:
    """Calendars whose data is older than the hard bound, or than the soft one and could not be read since, are
    withheld: that is an alert, unless the whole provider is one already, or the key that is missing."""
    hard, soft = timedelta(seconds=bounds.hard), timedelta(seconds=bounds.soft)
    given = {"hard": now - hard, "soft": now - soft, "keys": KEYS, "key_missing": KEY_MISSING}
    found = (await db.execute(_STALE, given)).all()
    stale = {f"stale:{row[0]}" for row in found}
    for calendar_id, name, bookable_id, connection_id, owner, trouble, since in found:
        left = int((since + hard - now).total_seconds()) + 1
        await open_alert(
            db,
            subject=f"stale:{calendar_id}",
            message=(
                f"The calendar “{name}” of {owner} could not be read for some time, so times of that person are not "
                f"offered. {trouble}".strip()
            ),
            bookable_id=bookable_id,
            connection_id=connection_id,
            now=now,
            grace=STALE_GRACE + max(0, left),
        )
    await _close_others(db, "stale:", stale, now)


_ENDING = text(
    """
    SELECT connection.id, connection.label, connection.bookable_id, bookable.name, bookable.zone, oauth_grant.ends_at
    FROM oauth_grant JOIN connection ON connection.id = oauth_grant.connection_id
      JOIN bookable ON bookable.id = connection.bookable_id
    WHERE oauth_grant.ends_at < :bound AND connection.state NOT IN ('needs_sign_in', 'disconnected')
      AND EXISTS (SELECT FROM calendar WHERE connection_id = connection.id AND (blocks OR target))
    """
)


async def _ending_grants(db: AsyncSession, now: datetime) -> None:
    """What is going to end by itself is told while there is time; once it has ended, the account says so itself."""
    found = (await db.execute(_ENDING, {"bound": now + ENDS_SOON})).all()
    for connection_id, label, bookable_id, owner, zone, ends_at in found:
        end = to_instant(ends_at)
        await open_alert(
            db,
            subject=f"ending:{connection_id}",
            message=(
                f"The link to {owner}'s calendar account ({label}) ends by itself: {start_words(end, zone)} "
                f"({zone_words(zone, end)}). Connect it again before, else times of that person are not offered from "
                "then on."
            ),
            bookable_id=bookable_id,
            connection_id=connection_id,
            now=now,
        )
    await _close_others(db, "ending:", {f"ending:{row[0]}" for row in found}, now)


_PARKED = text(
    """
    SELECT outbox.id, outbox.reason, bookable.id, bookable.name
    FROM outbox JOIN bookable
      ON bookable.id = CASE WHEN outbox.effect = 'calendar' THEN split_part(outbox.key, ':', 2)::bigint END
    WHERE outbox.effect = 'calendar' AND outbox.parked AND bookable.removed_at IS NULL
      AND EXISTS (
        SELECT FROM appointment
        WHERE appointment.id = CASE WHEN outbox.effect = 'calendar' THEN split_part(outbox.key, ':', 1)::bigint END
          AND upper(appointment.during) > :now
      )
      AND NOT EXISTS (
        SELECT FROM appointment
        WHERE appointment.id = CASE WHEN outbox.effect = 'calendar' THEN split_part(outbox.key, ':', 1)::bigint END
          AND appointment.conflict_kind <> 'overlap'
      )
    """
)


async def _parked_writes(db: AsyncSession, now: datetime) -> None:
    """A write that nobody but a person can bring forward, of an appointment that is not over; one of a moved event is
    told of with the move."""
    found = (await db.execute(_PARKED, {"now": now})).all()
    for outbox_id, reason, bookable_id, owner in found:
        await open_alert(
            db,
            subject=f"write:{outbox_id}",
            message=f"An appointment could not be written to the calendar of {owner}: {reason}",
            bookable_id=bookable_id,
            now=now,
            grace=WRITE_GRACE,
        )
    await _close_others(db, "write:", {f"write:{row[0]}" for row in found}, now)


async def _answered(db: AsyncSession, now: datetime) -> None:
    """An appointment that was moved or cancelled by anybody needs no decision any more."""
    asked = await db.scalars(text("SELECT id FROM appointment WHERE conflict_kind IS NOT NULL"))
    await _close_others(db, CONFLICT, {conflict_alert(each) for each in asked}, now)


async def _close_others(db: AsyncSession, prefix: str, stay: set[str], now: datetime) -> None:
    query = select(col(Alert.subject)).where(
        col(Alert.closed_at).is_(None), col(Alert.subject).startswith(prefix, autoescape=True)
    )
    over = set(await db.scalars(query)) - stay
    if over:
        await close_alerts(db, over, now)
