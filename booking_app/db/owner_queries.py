"""What stands around the time that an owner chose in their own calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.availability_queries import OWN_REACH
from booking_app.domain.rules import Occupied, Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """Another appointment or hold of one of the people."""

    appointment_id: int
    hold: bool
    occupied: Occupied


_NEIGHBOURS = text(
    """
SELECT appointment_id, expires_at IS NOT NULL AS hold, date_part('epoch', lower(during))::int8 AS start,
       date_part('epoch', upper(during))::int8 AS end, before, after
FROM unnest(CAST(:bookables AS int8[])) AS person
JOIN occupancy ON int8range(bookable_id, bookable_id, '[]') && int8range(person, person, '[]')
WHERE active AND appointment_id <> :appointment
  AND during && tstzrange(to_timestamp(:since), to_timestamp(:until))
"""
)


async def neighbours(
    db: AsyncSession, appointment_id: int, bookables: Sequence[int], span: Span
) -> tuple[Neighbour, ...]:
    """What else occupies these bookables near the span, far enough around for every buffer."""
    values = {
        "appointment": appointment_id,
        "bookables": list(bookables),
        "since": span[0] - OWN_REACH,
        "until": span[1] + OWN_REACH,
    }
    return tuple(
        Neighbour(
            appointment_id=row.appointment_id,
            hold=row.hold,
            occupied=Occupied(start=row.start, end=row.end, before=row.before, after=row.after),
        )
        for row in await db.execute(_NEIGHBOURS, values)
    )


async def buffers_of(db: AsyncSession, appointment_id: int) -> Span:
    """(before, after) of the appointment in seconds."""
    wanted = text("SELECT max(before) AS before, max(after) AS after FROM occupancy WHERE appointment_id = :id")
    row = (await db.execute(wanted, {"id": appointment_id})).one()
    return row.before or 0, row.after or 0


_BUSY = text(
    """
SELECT EXISTS (
  SELECT FROM busy_block b
  JOIN calendar c ON c.id = b.calendar_id AND c.blocks AND (c.unsure_blocks OR b.kind <> 'tentative')
    AND b.kind <> 'ignored'
  JOIN connection n ON n.id = c.connection_id AND n.state <> 'disconnected'
  WHERE b.bookable_id = ANY(:bookables) AND b.ends_at > to_timestamp(:since) AND b.starts_at < to_timestamp(:until)
)
"""
)


async def anybody_busy(db: AsyncSession, bookables: Sequence[int], span: Span) -> bool:
    """Whether an external event of one of the bookables meets the span."""
    values = {"bookables": list(bookables), "since": span[0], "until": span[1]}
    return bool(await db.scalar(_BUSY, values))


_MOVED_EVENT = text(
    """
SELECT s.name AS service, b.name, b.zone, date_part('epoch', lower(a.during))::int8 AS start,
       date_part('epoch', upper(a.during))::int8 AS end, c.connection_id
FROM appointment a JOIN service s ON s.id = a.service_id JOIN bookable b ON b.id = :bookable
LEFT JOIN mirror m ON m.appointment_id = a.id AND m.bookable_id = b.id
LEFT JOIN calendar c ON c.id = m.calendar_id
WHERE a.id = :appointment
"""
)


async def moved_event(db: AsyncSession, appointment_id: int, bookable_id: int) -> Row[Any]:
    """(service, name, zone, start, end, connection_id) of an appointment as one of its people sees it; the account in
    which its event stands, None if it stands nowhere."""
    return (await db.execute(_MOVED_EVENT, {"appointment": appointment_id, "bookable": bookable_id})).one()


_FOLLOWS = text(
    """
WITH here AS (
  UPDATE mirror SET starts_at = to_timestamp(:start), ends_at = to_timestamp(:end)
  WHERE appointment_id = :appointment AND bookable_id = :bookable RETURNING calendar_id, key
)
DELETE FROM busy_block USING here
WHERE busy_block.calendar_id = here.calendar_id AND busy_block.key = here.key
  AND busy_block.starts_at = to_timestamp(:start) AND busy_block.ends_at = to_timestamp(:end)
"""
)


async def event_follows(db: AsyncSession, appointment_id: int, bookable_id: int, span: Span) -> None:
    """The appointment is now where the event stands at `span`: that is its place, and it blocks nothing besides."""
    values = {"appointment": appointment_id, "bookable": bookable_id, "start": span[0], "end": span[1]}
    await db.execute(_FOLLOWS, values)
