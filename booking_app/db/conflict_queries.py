"""Appointments that wait for a decision, and those that were accepted without a last look at somebody's calendar."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.domain.conflicts import ConflictKind
from booking_app.domain.rules import Span

_SET = text(
    """
UPDATE appointment SET conflict = :sentence, conflict_kind = :kind, conflict_by = :bookable,
  conflict_start = to_timestamp(:start), conflict_end = to_timestamp(:end)
WHERE id = :id
"""
)


async def set_conflict(
    db: AsyncSession, appointment_id: int, kind: ConflictKind, sentence: str, *, bookable_id: int, span: Span | None
) -> None:
    """Note what has to be decided: seen in the calendar of `bookable_id`, where the event (of `OVERLAP`: the other one)
    stands at `span`. Under the lock of the appointment."""
    start, end = span or (None, None)
    values = {"id": appointment_id, "sentence": sentence, "kind": kind.value, "bookable": bookable_id}
    await db.execute(_SET, values | {"start": start, "end": end})


_CLEAR = text(
    """
UPDATE appointment
SET conflict = NULL, conflict_kind = NULL, conflict_by = NULL, conflict_start = NULL, conflict_end = NULL
WHERE id = :id
"""
)


async def clear_conflict(db: AsyncSession, appointment_id: int) -> None:
    """It is decided, or needs no decision any more."""
    await db.execute(_CLEAR, {"id": appointment_id})


# A question about an event waits for its owner only while the calendar that it stands in is followed. If it is followed
# again, its version counts as unknown, so that what still stands there otherwise is asked about anew.
_CLEAR_MOOT = text(
    """
WITH over AS (
  SELECT a.id, a.conflict_by, a.state = 'confirmed' AND upper(a.during) > to_timestamp(:now) AS ahead
  FROM appointment a
  WHERE a.conflict_kind IS NOT NULL AND (
    a.state <> 'confirmed' OR upper(a.during) <= to_timestamp(:now)
    OR a.conflict_kind <> 'overlap' AND NOT EXISTS (
      SELECT FROM mirror m JOIN calendar c ON c.id = m.calendar_id JOIN connection n ON n.id = c.connection_id
      WHERE m.appointment_id = a.id AND m.bookable_id = coalesce(a.conflict_by, m.bookable_id)
        AND (c.blocks OR c.target) AND n.state <> 'disconnected'))
  FOR UPDATE
), unknown AS (
  UPDATE mirror SET etag = NULL FROM over
  WHERE over.ahead AND mirror.appointment_id = over.id
    AND mirror.bookable_id = coalesce(over.conflict_by, mirror.bookable_id)
)
UPDATE appointment
SET conflict = NULL, conflict_kind = NULL, conflict_by = NULL, conflict_start = NULL, conflict_end = NULL
FROM over WHERE appointment.id = over.id
RETURNING appointment.id
"""
)


async def clear_moot(db: AsyncSession, now: int) -> list[int]:
    """Clear what nobody can or need decide any more: the appointment is over or does not stand, or the calendar that
    its event stands in is not followed. The appointments; they stay as they are."""
    return list((await db.scalars(_CLEAR_MOOT, {"now": now})).all())


async def conflict_kinds(db: AsyncSession, appointments: Collection[int]) -> dict[int, ConflictKind]:
    """What waits for a decision about these appointments; those that need none are absent."""
    query = text("SELECT id, conflict_kind FROM appointment WHERE id = ANY(:ids) AND conflict_kind IS NOT NULL")
    rows = await db.execute(query, {"ids": list(appointments)})
    return {row.id: ConflictKind(row.conflict_kind) for row in rows}


_LOOKED = text(
    """
UPDATE occupancy o SET unlooked_at = NULL
WHERE o.unlooked_at IS NOT NULL AND (CAST(:bookables AS int8[]) IS NULL OR o.bookable_id = ANY(:bookables))
  AND (NOT o.active OR upper(o.during) <= to_timestamp(:now) OR NOT EXISTS (
    SELECT FROM calendar c JOIN connection n ON n.id = c.connection_id
    WHERE c.bookable_id = o.bookable_id AND c.blocks AND n.state <> 'disconnected'
      AND (c.verified_at IS NULL OR c.verified_at <= o.unlooked_at)))
RETURNING o.id
"""
)


async def looked_since(db: AsyncSession, bookables: Collection[int] | None, now: int) -> list[int]:
    """The occupancies (of these bookables; None: of all) whose every calendar was read since they were accepted, or
    which are over. They are not marked any more: `collisions` has to be asked about them now."""
    values = {"bookables": None if bookables is None else list(bookables), "now": now}
    return list((await db.scalars(_LOOKED, values)).all())


# Who meets what closes the slot at the accept step, too: a block nearer than the service's own buffers.
_COLLISIONS = text(
    """
SELECT DISTINCT ON (o.appointment_id) o.appointment_id, o.bookable_id, c.connection_id,
       date_part('epoch', b.starts_at)::int8 AS start, date_part('epoch', b.ends_at)::int8 AS end
FROM occupancy o
  JOIN appointment a ON a.id = o.appointment_id AND a.state = 'confirmed'
  JOIN busy_block b ON b.bookable_id = o.bookable_id AND b.starts_at < b.ends_at
    AND b.ends_at > lower(o.during) - make_interval(secs => o.before)
    AND b.starts_at < upper(o.during) + make_interval(secs => o.after)
  JOIN calendar c ON c.id = b.calendar_id AND c.blocks AND (c.unsure_blocks OR b.kind <> 'tentative')
  JOIN connection n ON n.id = c.connection_id AND n.state <> 'disconnected'
  LEFT JOIN mirror m ON m.appointment_id = o.appointment_id AND m.bookable_id = o.bookable_id
WHERE o.active AND upper(o.during) > to_timestamp(:now)
  AND (m.calendar_id, m.key) IS DISTINCT FROM (b.calendar_id, b.key)
  AND (o.unlooked_at IS NOT NULL AND (CAST(:bookables AS int8[]) IS NULL OR o.bookable_id = ANY(:bookables))
       OR o.id = ANY(:looked) OR o.appointment_id = ANY(:appointments))
  AND (a.conflict_kind IS NULL OR o.appointment_id = ANY(:appointments))
ORDER BY o.appointment_id, b.starts_at
"""
)


async def collisions(
    db: AsyncSession, bookables: Collection[int] | None, looked: Sequence[int], now: int
) -> Sequence[Row[Any]]:
    """(appointment_id, bookable_id, connection_id, start, end) of the first external event that each appointment meets
    which was accepted without a last look: those still marked, of these bookables, and the occupancies `looked`."""
    values = {"bookables": None if bookables is None else list(bookables), "looked": list(looked), "now": now}
    return (await db.execute(_COLLISIONS, values | {"appointments": []})).all()


async def overlaps_over(db: AsyncSession, now: int) -> list[int]:
    """Appointments that met an external event and do so no more."""
    query = text("SELECT id FROM appointment WHERE conflict_kind = 'overlap' AND state = 'confirmed'")
    met = list((await db.scalars(query)).all())
    if not met:
        return []
    values = {"bookables": [], "looked": [], "appointments": met, "now": now}
    still = {row.appointment_id for row in await db.execute(_COLLISIONS, values)}
    return [each for each in met if each not in still]
