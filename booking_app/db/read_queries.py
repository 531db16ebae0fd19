"""The two ends of reading calendars: what each read starts from, and noting that nothing changed. Both for many at
once, since nearly all reads bring nothing and there are many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import CHANNEL
from booking_app.db.engine import Reader
from booking_app.db.tables import Bookable, Calendar, CalendarObject, Connection, Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Footing:
    """What a read of a calendar starts from. `doubts`: it holds objects that an earlier read did not show. `horizon`:
    the largest number of days ahead that any active service can be booked; 0 without services."""

    calendar: Calendar
    connection: Connection
    owner: Bookable
    doubts: bool
    horizon: int


async def footings(db: AsyncSession, calendars: Sequence[int]) -> list[Footing | None]:
    """Of each of the calendars, in their order; None for one that is no more."""
    missing = select(col(CalendarObject.key)).where(
        col(CalendarObject.calendar_id) == col(Calendar.id), col(CalendarObject.missing_since).is_not(None)
    )
    horizon = select(func.coalesce(func.max(col(Service.horizon_days)), 0)).where(col(Service.active))
    query = (
        select(Calendar, Connection, Bookable, missing.exists(), horizon.scalar_subquery())
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .join(Bookable, col(Bookable.id) == col(Calendar.bookable_id))
        .where(col(Calendar.id) == func.any(list(calendars)))
    )
    found = {
        row[0].id: Footing(calendar=row[0], connection=row[1], owner=row[2], doubts=row[3], horizon=row[4])
        for row in await db.execute(query)
    }
    return [found.get(each) for each in calendars]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchanged:
    """A read that brought nothing. `before` is the cursor that it started from, `due_before` since when the calendar
    was due; `after`, `as_of`, `due_at` and `takes` are what is to be noted. `alert` is the subject of the alert about
    the whole provider that the read would prove wrong."""

    calendar_id: int
    before: str
    after: str
    as_of: datetime
    due_before: datetime
    due_at: datetime
    takes: float
    alert: str


_NOTE = text(
    """
    WITH answer AS (
      SELECT * FROM unnest(
        CAST(:ids AS bigint[]), CAST(:before AS text[]), CAST(:after AS text[]), CAST(:as_of AS timestamptz[]),
        CAST(:due_before AS timestamptz[]), CAST(:due_at AS timestamptz[]), CAST(:takes AS real[]),
        CAST(:alerts AS text[])
      ) AS answer (id, before, after, as_of, due_before, due_at, takes, alert)
    ), still AS (
      SELECT calendar.id, calendar.connection_id, answer.after, answer.as_of, answer.due_at, answer.takes
      FROM answer JOIN calendar ON calendar.id = answer.id JOIN connection ON connection.id = calendar.connection_id
      WHERE calendar.cursor = answer.before AND calendar.due_at = answer.due_before
        AND calendar.failures = 0 AND calendar.trouble = '' AND NOT calendar.stopped
        AND calendar.verified_at >= :trusted
        AND connection.state = 'ok' AND connection.failing_since IS NULL
        AND NOT EXISTS (
          SELECT FROM calendar_object WHERE calendar_id = calendar.id AND missing_since IS NOT NULL
        )
        AND NOT EXISTS (
          SELECT FROM alert WHERE closed_at IS NULL AND subject IN (
            'connection:' || connection.id, 'calendar:' || calendar.id, 'stale:' || calendar.id, answer.alert
          )
        )
      FOR NO KEY UPDATE OF calendar, connection SKIP LOCKED
    ), account AS (
      UPDATE connection SET last_success_at = :now WHERE id IN (SELECT connection_id FROM still)
    ), noted AS (
      UPDATE calendar
      SET cursor = still.after, verified_at = still.as_of, due_at = still.due_at, takes = still.takes,
          lease_until = NULL
      FROM still WHERE calendar.id = still.id RETURNING calendar.id
    )
    SELECT array_agg(id), pg_notify(:channel, json_build_object('topic', 'verified', 'ids', json_agg(id))::text)
    FROM noted HAVING count(*) > 0
    """
)


async def note_unchanged(db: Reader, reads: Sequence[Unchanged], *, now: datetime, trusted: datetime) -> frozenset[int]:
    """Note all of which there is no more to say, and announce them as `verified`; which those are. The others need a
    whole commit: another worker was faster, a read was asked for meanwhile, something has to be set right again (data
    older than `trusted` was withheld, an alert is open), or somebody holds the row just now: nobody is waited for, so
    this stands in no ring with other locks."""
    given = {
        "ids": [each.calendar_id for each in reads],
        "before": [each.before for each in reads],
        "after": [each.after for each in reads],
        "as_of": [each.as_of for each in reads],
        "due_before": [each.due_before for each in reads],
        "due_at": [each.due_at for each in reads],
        "takes": [each.takes for each in reads],
        "alerts": [each.alert for each in reads],
    }
    common = {"now": now, "trusted": trusted, "channel": CHANNEL}
    row = (await db.execute(_NOTE, given | common)).one_or_none()
    return frozenset(row[0]) if row else frozenset()
