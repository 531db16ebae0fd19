"""Services and people, as lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.columns import known

_SERVICES = text(
    """
SELECT s.slug, s.name, s.description, s.location, s.preparation, s.duration, s.assignment, s.cut_off, s.notice,
       s.horizon_days,
       coalesce(json_agg(json_build_array(b.slug, b.name, b.zone, b.colour) ORDER BY b.name, b.id)
                FILTER (WHERE b.id IS NOT NULL), '[]') AS staff
FROM service s
LEFT JOIN (service_bookable sb JOIN bookable b ON b.id = sb.bookable_id AND b.removed_at IS NULL)
  ON sb.service_id = s.id
WHERE s.active AND (CAST(:slug AS text) IS NULL OR s.slug = :slug)
GROUP BY s.id ORDER BY s.position, s.name, s.id
"""
)


async def active_services(db: AsyncSession, slug: str | None = None) -> Sequence[Row[Any]]:
    """Active services in their order, or the one; `staff` lists (slug, name, zone, colour) of who was not removed."""
    return (await db.execute(_SERVICES, {"slug": None if slug is None else known(slug)})).all()


_FUTURE = text(
    """
SELECT k.id AS booking_id, a.id AS appointment_id, s.slug AS service,
       date_part('epoch', lower(a.during))::int8 AS start, k.name AS customer
FROM occupancy o
JOIN appointment a ON a.id = o.appointment_id AND a.state = 'confirmed'
JOIN booking k ON k.appointment_id = a.id AND k.state = 'confirmed'
JOIN service s ON s.id = a.service_id
WHERE o.active AND int8range(o.bookable_id, o.bookable_id, '[]') && int8range(:bookable, :bookable, '[]')
  AND o.during && tstzrange(to_timestamp(:now), NULL)
ORDER BY lower(a.during), k.id
"""
)


async def future_bookings(db: AsyncSession, bookable_id: int, now: int) -> Sequence[Row[Any]]:
    """Confirmed bookings of the bookable that have not ended by the instant `now`, earliest first."""
    return (await db.execute(_FUTURE, {"bookable": bookable_id, "now": now})).all()
