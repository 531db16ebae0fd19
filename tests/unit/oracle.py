"""The slow, obvious definition of an open start, minute by minute. Shares no code with the program but its values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache

from booking_app.domain.rules import Hours, Occupied, Schedule, SlotRules, Span
from booking_app.domain.zone_rules import zone_rules


@cache
def switches(zone: str, year: int) -> tuple[int, ...]:
    """The instants of a UTC year at which a zone's offset changes."""
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    found = []
    for day in range(start, start + 365 * 86400, 86400):
        if wall(zone, day).utcoffset() != wall(zone, day + 86400).utcoffset():
            found += [
                minute
                for minute in range(day + 60, day + 86460, 60)
                if wall(zone, minute - 60).utcoffset() != wall(zone, minute).utcoffset()
            ]
    return tuple(found)


def wall(zone: str, instant: int) -> datetime:
    """The aware local time of an instant."""
    return datetime.fromtimestamp(instant, zone_rules(zone))


def period_at(hours: Hours, instant: int) -> tuple[int, int] | None:
    """The period of the local date that holds the local minute of an instant."""
    local = wall(hours.zone, instant)
    periods = hours.overrides.get(local.date(), hours.weekly.get(local.weekday(), ()))
    minute = local.hour * 60 + local.minute
    for opens, closes in periods:
        if opens <= minute < closes:
            return opens, closes
    return None


def open_minutes(hours: Hours, span: Span) -> set[int]:
    """The first instants of all open minutes that begin in the span."""
    first = span[0] + -span[0] % 60
    return {minute for minute in range(first, span[1], 60) if period_at(hours, minute)}


def keeps_its_distance(rules: SlotRules, start: int, busy: Sequence[Span], occupied: Sequence[Occupied]) -> bool:
    """Whether an appointment from `start` is far enough from every neighbour."""
    end = start + rules.duration * 60
    own = [(each.start, each.end, each.before, each.after) for each in occupied]
    for from_, to, before, after in [*((a, b, 0, 0) for a, b in busy), *own]:
        if from_ == to:
            continue
        if from_ >= end:
            near = from_ - end < max(rules.buffer_after * 60, before)
        elif to <= start:
            near = start - to < max(rules.buffer_before * 60, after)
        else:
            near = True
        if near:
            return False
    return True


def open_starts(rules: SlotRules, schedule: Schedule, span: Span, now: int) -> list[int]:
    """What `booking_app.domain.slots.open_starts` promises."""
    hours, zone = schedule.hours, schedule.hours.zone
    length = rules.duration * 60
    opened = open_minutes(hours, (span[0], span[1] + length))
    latest = wall(zone, now).date() + timedelta(days=rules.horizon_days)
    found = []
    for start in range(span[0] + -span[0] % 60, span[1], 60):
        period = period_at(hours, start)
        if period is None:
            continue
        local = wall(zone, start)
        if (local.hour * 60 + local.minute - period[0]) % rules.interval:
            continue
        if not all(minute in opened for minute in range(start, start + length, 60)):
            continue
        if start < now + rules.notice * 60 or local.date() > latest:
            continue
        if rules.cap_per_day is not None and booked_on(schedule, local.date()) >= rules.cap_per_day:
            continue
        if keeps_its_distance(rules, start, schedule.busy, schedule.occupied):
            found.append(start)
    return found


def booked_on(schedule: Schedule, day: date) -> int:
    """How many appointments that count start on a local date."""
    return sum(each.counts and wall(schedule.hours.zone, each.start).date() == day for each in schedule.occupied)
