"""Holds: what stands only for a while."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.engine import Reader
from booking_app.domain.rules import Span

_HOLD = text(
    """
SELECT a.id, a.service_id, date_part('epoch', lower(a.during))::int8 AS start,
       date_part('epoch', upper(a.during))::int8 AS end, date_part('epoch', a.created_at)::int8 AS created_at,
       array_agg(o.bookable_id ORDER BY o.bookable_id) AS bookables, array_agg(b.slug ORDER BY o.bookable_id) AS staff
FROM appointment a JOIN occupancy o ON o.appointment_id = a.id AND o.active JOIN bookable b ON b.id = o.bookable_id
WHERE a.uid = :uid AND a.state = 'held' AND a.hold_expires_at > to_timestamp(:now)
GROUP BY a.id
"""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingHold:
    """A hold that has not expired. `since` is the instant at which it was made."""

    appointment_id: int
    service_id: int
    span: Span
    since: int
    bookables: tuple[int, ...]
    staff: tuple[str, ...]


async def standing_hold(db: Reader, token: str | None, now: int) -> StandingHold | None:
    """The hold behind a token, unless it is unknown, used or expired by `now`."""
    try:
        uid = UUID(token) if token else None
    except ValueError:
        return None
    row = (await db.execute(_HOLD, {"uid": uid, "now": now})).one_or_none() if uid else None
    if row is None:
        return None
    return StandingHold(
        appointment_id=row.id,
        service_id=row.service_id,
        span=(row.start, row.end),
        since=row.created_at,
        bookables=tuple(row.bookables),
        staff=tuple(row.staff),
    )


_STORE_HOLD = text(
    """
WITH made AS (
  INSERT INTO appointment (uid, service_id, during, state, hold_expires_at, sequence, source, visitor, created_at)
  VALUES (:uid, :service_id, tstzrange(to_timestamp(:start), to_timestamp(:end)), 'held', to_timestamp(:expires), 0,
          :source, :visitor, to_timestamp(:now))
  RETURNING id
), occupied AS (
  INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, expires_at, active)
  SELECT b, made.id, :service_id, tstzrange(to_timestamp(:start), to_timestamp(:end)), :before, :after,
         to_timestamp(:expires), true
  FROM made, unnest(CAST(:bookables AS int8[])) AS b
  ON CONFLICT DO NOTHING RETURNING bookable_id
)
SELECT count(*) FROM occupied
"""
)


async def store_hold(
    db: AsyncSession,
    *,
    uid: UUID,
    service_id: int,
    span: Span,
    bookables: Sequence[int],
    before: int,
    after: int,
    expires: int,
    now: int,
    source: bytes | None = None,
    visitor: bytes | None = None,
) -> bool:
    """Store a hold; False if the exclusion constraint refused and the caller must roll back."""
    values = {
        "uid": uid,
        "service_id": service_id,
        "start": span[0],
        "end": span[1],
        "bookables": sorted(bookables),
        "before": before,
        "after": after,
        "expires": expires,
        "now": now,
        "source": source,
        "visitor": visitor,
    }
    occupied: int = (await db.execute(_STORE_HOLD, values)).scalar_one()
    return occupied == len(bookables)


async def lock_marks(db: AsyncSession, marks: Collection[bytes]) -> None:
    """Let no other transaction count what these visitors have until this one ends; before any bookable is locked."""
    keys = sorted(int.from_bytes(each[:8], signed=True) for each in marks)
    lock = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS int8[])) AS key")
    await db.execute(lock, {"keys": keys})


_HOLDS_BY = text(
    """
SELECT count(*) FILTER (WHERE source = :source) AS source, count(*) FILTER (WHERE visitor = :visitor) AS visitor
FROM appointment
WHERE state = 'held' AND hold_expires_at > to_timestamp(:now) AND (source = :source OR visitor = :visitor)
"""
)


async def holds_by(db: Reader, source: bytes, visitor: bytes | None, now: int) -> tuple[int, int]:
    """How many holds stand that came from this address, and how many from this tab. The truth until the transaction
    ends, after `lock_marks`."""
    row = (await db.execute(_HOLDS_BY, {"source": source, "visitor": visitor, "now": now})).one()
    return row.source, row.visitor


async def holds_of_tab(db: Reader, visitor: bytes, now: int) -> list[UUID]:
    """The tokens of the standing holds of a tab."""
    wanted = text(
        "SELECT uid FROM appointment"
        " WHERE state = 'held' AND hold_expires_at > to_timestamp(:now) AND visitor = :visitor ORDER BY id"
    )
    return list((await db.scalars(wanted, {"visitor": visitor, "now": now})).all())


_KEPT = text(
    """
SELECT b AS bookable_id,
  ARRAY(SELECT ARRAY[date_part('epoch', lower(during))::int8, date_part('epoch', upper(during))::int8]
        FROM occupancy
        WHERE active AND int8range(bookable_id, bookable_id, '[]') && int8range(b, b, '[]')
          AND during && tstzrange(to_timestamp(:since), to_timestamp(:until)) AND expires_at > to_timestamp(:now)
       ) AS kept,
  (SELECT max(s.duration + s.buffer_before + s.buffer_after) FROM service s JOIN service_bookable sb
   ON sb.service_id = s.id WHERE sb.bookable_id = b AND s.active) AS longest
FROM unnest(CAST(:bookables AS int8[])) AS b
"""
)


async def kept_time(
    db: Reader, bookables: Collection[int], span: Span, now: int
) -> Mapping[int, tuple[list[Span], int]]:
    """By bookable: the spans of the holds that stand within `span`, and how long the longest service is that it
    offers, in seconds with its buffers."""
    values = {"bookables": list(bookables), "since": span[0], "until": span[1], "now": now}
    rows = await db.execute(_KEPT, values)
    return {row.bookable_id: ([(start, end) for start, end in row.kept], (row.longest or 0) * 60) for row in rows}


_EXTEND = text(
    """
WITH extended AS (
  UPDATE appointment SET hold_expires_at = to_timestamp(:expires)
  WHERE id = :id AND state = 'held' AND hold_expires_at > to_timestamp(:now) RETURNING id
)
UPDATE occupancy SET expires_at = to_timestamp(:expires)
WHERE active AND appointment_id IN (SELECT id FROM extended)
"""
)


async def extend_hold(db: AsyncSession, appointment_id: int, expires: int, now: int) -> None:
    """Let a hold stand until `expires`; under the lock of its bookables."""
    await db.execute(_EXTEND, {"id": appointment_id, "expires": expires, "now": now})


_OVERDUE = text(
    """
SELECT a.id, array_agg(o.bookable_id) AS bookables FROM appointment a JOIN occupancy o ON o.appointment_id = a.id
WHERE a.state = 'held' AND a.hold_expires_at <= to_timestamp(:now) GROUP BY a.id
"""
)


async def overdue_holds(db: Reader, now: int) -> Sequence[tuple[int, list[int]]]:
    """(appointment id, bookable ids) of the holds that expired by `now`."""
    return [(row.id, row.bookables) for row in await db.execute(_OVERDUE, {"now": now})]


_BEYOND = text(
    """
SELECT a.id, array_agg(o.bookable_id) AS bookables FROM appointment a JOIN occupancy o ON o.appointment_id = a.id
WHERE a.state = 'held' AND a.hold_expires_at > to_timestamp(:until) GROUP BY a.id
"""
)


async def holds_beyond(db: Reader, until: int) -> Sequence[tuple[int, list[int]]]:
    """(appointment id, bookable ids) of the holds that stand longer than `until`."""
    return [(row.id, row.bookables) for row in await db.execute(_BEYOND, {"until": until})]


_REMOVE_HOLD = text(
    """
DELETE FROM appointment
WHERE id = :id AND state = 'held'
  AND (CAST(:expired_by AS int8) IS NULL OR hold_expires_at <= to_timestamp(:expired_by))
RETURNING id
"""
)


async def remove_hold(db: AsyncSession, appointment_id: int, *, expired_by: int | None = None) -> bool:
    """Delete the hold and what it occupied (if it expired by then); a booking is never touched."""
    gone = await db.scalar(_REMOVE_HOLD, {"id": appointment_id, "expired_by": expired_by})
    return gone is not None
