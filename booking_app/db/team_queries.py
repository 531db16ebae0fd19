"""What the team calendar shows: hours, busy times without content, and which appointments stand in a span."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.tables import Bookable, BusyBlock, Calendar, Connection, DateOverride, WeeklyHours
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.intervals import merge
from booking_app.domain.rules import Hours, Span


async def hours_of(db: AsyncSession, people: Sequence[Bookable]) -> dict[int, Hours]:
    """The opening hours of each of the people, by id."""
    weekly: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for period in await db.scalars(select(WeeklyHours)):
        weekly[period.bookable_id][period.weekday].append((period.opens, period.closes))
    overrides: dict[int, dict[date, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for override in await db.scalars(select(DateOverride)):
        periods = overrides[override.bookable_id][override.day]
        if override.opens is not None and override.closes is not None:
            periods.append((override.opens, override.closes))
    return {
        each.id or 0: Hours(
            zone=each.zone,
            weekly={day: tuple(sorted(periods)) for day, periods in weekly[each.id or 0].items()},
            overrides={day: tuple(sorted(periods)) for day, periods in overrides[each.id or 0].items()},
        )
        for each in people
    }


async def busy_between(db: AsyncSession, span: Span) -> dict[int, list[Span]]:
    """When each person is busy in their own calendars, by id; what overlaps or touches is one."""
    rows = await db.execute(
        select(col(BusyBlock.bookable_id), col(BusyBlock.starts_at), col(BusyBlock.ends_at))
        .join(Calendar, col(Calendar.id) == col(BusyBlock.calendar_id))
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .where(
            col(Calendar.blocks),
            col(Calendar.unsure_blocks) | (col(BusyBlock.kind) != "tentative"),
            col(BusyBlock.kind) != "ignored",
            col(Connection.state) != ConnectionState.DISCONNECTED,
            col(BusyBlock.ends_at) > datetime.fromtimestamp(span[0], UTC),
            col(BusyBlock.starts_at) < datetime.fromtimestamp(span[1], UTC),
        )
    )
    found: dict[int, list[Span]] = defaultdict(list)
    for bookable_id, starts_at, ends_at in rows:
        found[bookable_id].append((int(starts_at.timestamp()), int(ends_at.timestamp())))
    return {bookable_id: merge(spans) for bookable_id, spans in found.items()}


_WORST = (ConnectionState.NEEDS_SIGN_IN, ConnectionState.STOPPED, ConnectionState.SLOWED, ConnectionState.OK)


async def account_words(db: AsyncSession) -> dict[int, tuple[str, str]]:
    """(presets with spaces between, worst state) of each person who has connected one, by id."""
    rows = await db.scalars(
        select(Connection).where(col(Connection.state) != ConnectionState.DISCONNECTED).order_by(col(Connection.id))
    )
    found: dict[int, tuple[str, str]] = {}
    for each in rows:
        label, state = found.get(each.bookable_id, ("", ""))
        labels = [*label.split(), each.preset or "other"]
        states = [ConnectionState(value) for value in (state, each.state) if value]
        found[each.bookable_id] = " ".join(dict.fromkeys(labels)), min(states, key=_WORST.index)
    return found


# The guard's index is asked for one bookable at a time: it starts with them.
_STANDING = text(
    """
SELECT DISTINCT o.appointment_id FROM bookable b CROSS JOIN LATERAL (
  SELECT appointment_id FROM occupancy
  WHERE active AND int8range(bookable_id, bookable_id, '[]') && int8range(b.id, b.id, '[]')
    AND during && tstzrange(to_timestamp(:since), to_timestamp(:until))
    AND (expires_at IS NULL OR expires_at > :now)
) o
"""
)


async def standing_between(db: AsyncSession, span: Span, now: datetime) -> list[int]:
    """The ids of the appointments and standing holds of anybody in the half-open span."""
    found = await db.scalars(_STANDING, {"since": span[0], "until": span[1], "now": now})
    return list(found)
