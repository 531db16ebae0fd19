"""The hot read: everything that decides when a service can be booked, in one query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.columns import known
from booking_app.db.engine import Reader
from booking_app.db.pipeline import Step
from booking_app.domain.appointment import AssignmentMode, ConnectionState
from booking_app.domain.freshness import CalendarState
from booking_app.domain.rules import DayPeriods, Hours, Occupied, Schedule, SlotRules, Span
from booking_app.domain.zones import date_of

OWN_REACH = 2 * 86400
"""How far around the asked span our own appointments matter, in seconds: the largest buffer, and whole local days for
the cap per day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """Somebody who offers the service, with all that decides when they are free and whether that is known."""

    bookable_id: int
    slug: str
    name: str
    schedule: Schedule
    calendars: tuple[CalendarState, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offering:
    """A service with its rules and everybody who offers it, by id.

    People who take an appointment together are all there, or nobody once one of them was removed."""

    service_id: int
    slug: str
    name: str
    rules: SlotRules
    assignment: AssignmentMode
    cut_off: int
    candidates: tuple[Candidate, ...]


# Busy blocks are merged by the database: a third of the time of sending and sorting them here.
_LOAD = text(
    """
SELECT s.id, s.slug, s.name, s.duration, s.interval, s.buffer_before, s.buffer_after, s.notice, s.horizon_days,
       s.cap_per_day, s.assignment, s.cut_off, b.id, b.slug, b.name, b.zone,
       weekly.periods, overrides.periods, own.appointments, busy.starts, busy.ends, calendars.states
FROM service s
LEFT JOIN (service_bookable sb JOIN bookable b ON b.id = sb.bookable_id AND b.removed_at IS NULL)
  ON sb.service_id = s.id AND (CAST(:bookables AS int8[]) IS NULL OR b.id = ANY(:bookables))
    AND (CAST(:staff AS text) IS NULL OR b.slug = :staff OR s.assignment = 'all')
    AND NOT (s.assignment = 'all' AND EXISTS (
      SELECT FROM service_bookable member JOIN bookable gone ON gone.id = member.bookable_id
      WHERE member.service_id = s.id AND gone.removed_at IS NOT NULL))
CROSS JOIN LATERAL (
  SELECT array_agg(ARRAY[weekday, opens, closes]) AS periods FROM weekly_hours WHERE bookable_id = b.id
) weekly
CROSS JOIN LATERAL (
  SELECT array_agg(ARRAY[day - DATE '1970-01-01', opens, closes]) AS periods FROM date_override
  WHERE bookable_id = b.id AND day BETWEEN to_timestamp(:since)::date - 3 AND to_timestamp(:until)::date + 3
) overrides
CROSS JOIN LATERAL (
  SELECT array_agg(ARRAY[date_part('epoch', lower(during))::int8, date_part('epoch', upper(during))::int8,
                         before, after, (service_id = s.id)::int]) AS appointments
  FROM occupancy
  WHERE active AND int8range(bookable_id, bookable_id, '[]') && int8range(b.id, b.id, '[]')
    AND during && tstzrange(to_timestamp(:since - :reach), to_timestamp(:until + :reach))
    -- Without a cap per day only what is near enough for a buffer to matter.
    AND (s.cap_per_day IS NOT NULL
         OR upper(during) + make_interval(secs => greatest(after, s.buffer_before * 60)) > to_timestamp(:since)
        AND lower(during) - make_interval(secs => greatest(before, s.buffer_after * 60))
            < to_timestamp(:until + s.duration * 60))
    AND (expires_at IS NULL OR expires_at > to_timestamp(:now))
    AND appointment_id <> ALL(CAST(:without AS int8[]))
) own
CROSS JOIN LATERAL (
  SELECT array_agg(c.id) AS ids, array_agg(c.id) FILTER (WHERE NOT c.unsure_blocks) AS sure_only,
         json_agg(json_build_array(c.id, date_part('epoch', c.verified_at)::int8,
                                   date_part('epoch', c.window_start)::int8, date_part('epoch', c.window_end)::int8,
                                   n.state, c.stopped, c.trouble <> '',
                                   date_part('epoch', c.hot_until)::int8, c.takes)) AS states
  FROM calendar c JOIN connection n ON n.id = c.connection_id
  WHERE c.bookable_id = b.id AND c.blocks AND n.state <> 'disconnected'
) calendars
CROSS JOIN LATERAL (
  SELECT array_agg(date_part('epoch', lower(block))::int8) AS starts,
         array_agg(date_part('epoch', upper(block))::int8) AS ends
  FROM (
    SELECT unnest(range_agg(tstzrange(starts_at, greatest(starts_at, ends_at)))) AS block FROM busy_block
    WHERE bookable_id = b.id AND calendar_id = ANY(calendars.ids) AND kind <> 'ignored'
      AND (calendars.sure_only IS NULL OR kind <> 'tentative' OR calendar_id <> ALL(calendars.sure_only))
      AND ends_at > to_timestamp(:since - s.buffer_before * 60)
      AND starts_at < to_timestamp(:until + (s.duration + s.buffer_after) * 60)
  ) merged
) busy
WHERE s.slug = :service AND s.active
ORDER BY b.id
"""
)


async def load_offering(
    db: Reader,
    service: str,
    span: Span,
    now: int,
    *,
    staff: str | None = None,
    bookables: Collection[int] | None = None,
    without: Sequence[int] = (),
) -> Offering | None:
    """All that decides about starts in the half-open `span`; None for an unknown or inactive service.

    Holds that expired by `now` are not there, nor are the appointments `without`. Only the person with the slug `staff`
    or the given `bookables` are candidates, if given; a `staff` of people who come together brings all of them.
    """
    found = await db.execute(*offering_step(service, span, now, staff=staff, bookables=bookables, without=without))
    return offering_of(found.all())


def offering_step(
    service: str,
    span: Span,
    now: int,
    *,
    staff: str | None = None,
    bookables: Collection[int] | None = None,
    without: Sequence[int] = (),
) -> Step:
    """The query of `load_offering`, to be run together with others."""
    return _LOAD, {
        "service": known(service),
        "since": span[0],
        "until": span[1],
        "now": now,
        "reach": OWN_REACH,
        "staff": None if staff is None else known(staff),
        "bookables": None if bookables is None else list(bookables),
        "without": list(without),
    }


def offering_of(rows: Sequence[Sequence[Any]]) -> Offering | None:
    """What the rows of `offering_step` say; None for no rows."""
    if not rows:
        return None
    first = rows[0]
    return Offering(
        service_id=first[0],
        slug=first[1],
        name=first[2],
        rules=SlotRules(
            duration=first[3],
            interval=first[4],
            buffer_before=first[5],
            buffer_after=first[6],
            notice=first[7],
            horizon_days=first[8],
            cap_per_day=first[9],
        ),
        assignment=AssignmentMode(first[10]),
        cut_off=first[11],
        candidates=tuple(_candidate(row[12:]) for row in rows if row[12] is not None),
    )


def _candidate(row: Sequence[Any]) -> Candidate:
    bookable_id, slug, name, zone, weekly, overrides, own, starts, ends, calendars = row
    return Candidate(
        bookable_id=bookable_id,
        slug=slug,
        name=name,
        schedule=Schedule(
            bookable_id=bookable_id,
            hours=Hours(zone=zone, weekly=periods_by_day(weekly), overrides=_by_date(overrides)),
            busy=list(zip(starts, ends, strict=True)) if starts else (),
            occupied=tuple(
                Occupied(start=each[0], end=each[1], before=each[2], after=each[3], counts=bool(each[4]))
                for each in own or ()
            ),
        ),
        calendars=tuple(_calendar(each) for each in calendars or ()),
    )


def _calendar(row: Sequence[Any]) -> CalendarState:
    calendar_id, verified_at, window_start, window_end, state, stopped, troubled, hot_until, takes = row
    return CalendarState(
        calendar_id=calendar_id,
        verified_at=verified_at,
        window=(window_start or 0, window_end or 0),
        connection=ConnectionState(state),
        stopped=stopped,
        troubled=troubled,
        hot_until=hot_until or 0,
        takes=takes,
    )


def periods_by_day(rows: Sequence[Sequence[int]] | None) -> dict[int, DayPeriods]:
    """(day, opens, closes) rows as periods by day, ascending; a row without times makes a closed day."""
    days: dict[int, list[tuple[int, int]]] = {}
    for day, opens, closes in rows or ():
        periods = days.setdefault(day, [])
        if opens is not None:
            periods.append((opens, closes))
    return {day: tuple(sorted(periods)) for day, periods in days.items()}


def _by_date(rows: Sequence[Sequence[int]] | None) -> Mapping[Any, DayPeriods]:
    return {date_of(day): periods for day, periods in periods_by_day(rows).items()}


_HEAT = text(
    """
UPDATE calendar SET hot_until = to_timestamp(:now + 60),
  due_at = CASE WHEN failures = 0 AND NOT stopped
                 AND (verified_at IS NULL OR verified_at < to_timestamp(:now - 12))
                -- A slow one leaves a pause as long as a read took.
                THEN least(due_at, greatest(to_timestamp(:now), verified_at + 2 * takes * interval '1 second'))
                ELSE due_at END
WHERE id IN (
  SELECT id FROM calendar WHERE id = ANY(:calendars) AND (hot_until IS NULL OR hot_until < to_timestamp(:now + 20))
  FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
)


async def heat(db: AsyncSession, calendars: Sequence[int], now: int) -> list[int]:
    """Have the calendars read often for the next minute, and at once if they were not lately; which needed it. One
    that could not be read keeps its distance: its server may have asked for that.

    A calendar that is being written at this moment is left to the next call: a reader waits for nobody."""
    return list((await db.scalars(_HEAT, {"calendars": list(calendars), "now": now})).all())


_MAKE_DUE = text(
    """
UPDATE calendar SET due_at = to_timestamp(:now)
WHERE id IN (
  SELECT id FROM calendar
  WHERE id = ANY(:calendars) AND due_at > to_timestamp(:now) AND failures = 0 AND NOT stopped
  FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
)


async def make_due(db: AsyncSession, calendars: Sequence[int], now: int) -> list[int]:
    """Have the calendars read at once; the ids of those that were not due already. Not those that could not be read:
    their distance is kept."""
    return list((await db.scalars(_MAKE_DUE, {"calendars": list(calendars), "now": now})).all())


_LOAD_OF_WEEK = text(
    """
SELECT bookable_id, count(*) AS appointments
FROM unnest(CAST(:bookables AS int8[])) AS person
JOIN occupancy ON int8range(bookable_id, bookable_id, '[]') && int8range(person, person, '[]')
WHERE active AND during && tstzrange(to_timestamp(:since), to_timestamp(:until))
  AND (expires_at IS NULL OR expires_at > to_timestamp(:now))
GROUP BY bookable_id
"""
)


async def appointments_between(db: Reader, bookables: Sequence[int], span: Span, now: int) -> dict[int, int]:
    """How many appointments and standing holds each of the bookables has in the span; none: absent."""
    rows = await db.execute(
        _LOAD_OF_WEEK, {"bookables": list(bookables), "since": span[0], "until": span[1], "now": now}
    )
    return {each.bookable_id: each.appointments for each in rows}
