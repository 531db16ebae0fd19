"""Whose turn it is: due calendars and due writes handed to workers, so that none can take the places of all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.engine import Reader
from booking_app.db.tables import Calendar
from booking_app.domain.freshness import SLOW

_CLAIM = text(
    """
    WITH account AS (
      SELECT c.id, c.connection_id, c.bookable_id, c.due_at, c.lease_until, c.hot_until, c.failures, c.stopped,
             c.verified_at, c.takes, coalesce(nullif(n.host, ''), c.id::text) AS host,
             -- As `sync.policy.lane_of`, which a test holds this against.
             CASE WHEN c.takes <= :slow THEN 'quick' WHEN c.failures = 0 THEN 'slow' ELSE 'stuck' END AS lane
      FROM calendar c JOIN connection n ON n.id = c.connection_id
      WHERE (c.blocks OR c.target) AND n.state <> 'disconnected'
        AND (c.due_at <= :now OR c.hot_until > :now OR c.lease_until >= :now)
    ), busy AS (
      SELECT connection_id, bookable_id, host, lane FROM account WHERE lease_until >= :now
    ), due AS (
      SELECT DISTINCT ON (connection_id) id, host, bookable_id, lane, due_at FROM account
      WHERE (CAST(:lane AS text) IS NULL OR lane = :lane) AND (lease_until IS NULL OR lease_until < :now)
        AND (due_at <= :now OR (
          hot_until > :now AND failures = 0 AND NOT stopped AND verified_at < :hot_before
          AND verified_at + 2 * takes * interval '1 second' < :now))
        AND connection_id NOT IN (SELECT connection_id FROM busy)
      ORDER BY connection_id, due_at, id
    ), ranked AS (
      SELECT id, due_at,
        row_number() OVER (PARTITION BY host, lane ORDER BY due_at, id)
          + (SELECT count(*) FROM busy WHERE lane = due.lane AND host = due.host) AS of_host,
        row_number() OVER (PARTITION BY bookable_id, lane ORDER BY due_at, id)
          + (SELECT count(*) FROM busy WHERE lane = due.lane AND bookable_id = due.bookable_id) AS of_person
      FROM due
    ), claimed AS (
      SELECT id FROM calendar
      WHERE id IN (SELECT id FROM ranked WHERE of_host <= :host AND of_person <= :person)
        AND (lease_until IS NULL OR lease_until < :now)
      ORDER BY due_at LIMIT :limit
      FOR UPDATE SKIP LOCKED
    )
    UPDATE calendar SET lease_until = :lease_until WHERE id IN (SELECT id FROM claimed) RETURNING id
    """
)


async def claim_due_calendars(
    db: Reader,
    *,
    now: datetime,
    lease_until: datetime,
    hot_before: datetime,
    limit: int,
    host: int,
    person: int,
    lane: str | None = None,
) -> list[int]:
    """The ids of due calendars of a lane (None: of all), now leased to the caller, in one statement.

    One of each account, none of an account that is being read; and with those of the lane that are being read, by
    whichever process, at most `host` of one server and `person` of one person. Two processes that claim at the same
    instant may go beyond that by what one of them takes. Nobody waits for a row that another worker is claiming. A
    calendar that somebody looks at is due when it was verified before `hot_before`, a slow one after its pause."""
    values = {
        "now": now,
        "lease_until": lease_until,
        "hot_before": hot_before,
        "limit": limit,
        "host": host,
        "person": person,
        "lane": lane,
        "slow": SLOW,
    }
    return [row[0] for row in await db.execute(_CLAIM, values)]


async def note_slow(db: AsyncSession, calendar_id: int, takes: float) -> None:
    """A read was given up for others: it is begun anew, at once, among its like."""
    await db.execute(
        update(Calendar)
        .where(col(Calendar.id) == calendar_id)
        .values(takes=func.greatest(col(Calendar.takes), takes), lease_until=None)
    )


_TURNS = text(
    """
    WITH busy AS (
      SELECT id, key, takes, due_at FROM outbox WHERE effect = :effect AND lease_until >= :now
    ), due AS (
      SELECT DISTINCT ON (split_part(key, ':', 2)) id, key, takes, due_at FROM outbox
      WHERE effect = :effect AND due_at <= :now AND NOT parked AND (lease_until IS NULL OR lease_until < :now)
        AND (CAST(:quick AS boolean) IS NULL OR (takes <= :slow) = :quick)
        AND split_part(key, ':', 2) NOT IN (SELECT split_part(key, ':', 2) FROM busy)
      ORDER BY split_part(key, ':', 2), due_at, id
    ), placed AS (
      SELECT id, due_at, takes > :slow AS slow, is_busy, coalesce(nullif((
        SELECT n.host FROM calendar c JOIN connection n ON n.id = c.connection_id
        WHERE c.id = coalesce(
          nullif(split_part(writes.key, ':', 3), '')::bigint,
          (SELECT calendar_id FROM mirror WHERE appointment_id = split_part(writes.key, ':', 1)::bigint
            AND bookable_id = split_part(writes.key, ':', 2)::bigint),
          (SELECT min(id) FROM calendar WHERE target AND bookable_id = split_part(writes.key, ':', 2)::bigint))
        ), ''), split_part(writes.key, ':', 2)) AS host
      FROM (SELECT *, true AS is_busy FROM busy UNION ALL SELECT *, false FROM due) AS writes
    ), ranked AS (
      SELECT id, row_number() OVER (PARTITION BY host, slow ORDER BY due_at, id)
        + (SELECT count(*) FROM placed each
           WHERE each.is_busy AND each.host = placed.host AND each.slow = placed.slow) AS of_host
      FROM placed WHERE NOT is_busy
    )
    SELECT id FROM ranked WHERE of_host <= :host
    """
)


async def turns_to_write(db: AsyncSession, effect: str, *, now: datetime, host: int, quick: bool | None) -> list[int]:
    """The ids of due outbox rows whose turn it is, of an effect with keys "appointment id:bookable id", or with the id
    of a calendar behind that. `quick`: only what took no longer than `SLOW` when it was tried, or only what did.

    One of each person, none of a person for whom one is being worked on; and with those that are worked on, by
    whichever process, at most `host` of one server: that of the calendar in which the event stands, else of the one in
    which it is to stand. A provider that has limits of its own is no server."""
    values = {"effect": effect, "now": now, "host": host, "quick": quick, "slow": SLOW}
    return [row[0] for row in await db.execute(_TURNS, values)]
