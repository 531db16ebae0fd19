"""Opening hours: periods of the wall clock turned into instants.

An instant is open if and only if its local wall time lies in a period of its local date. Wall times that a spring
gap skips do not exist; those of an autumn fold exist twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from booking_app.domain.errors import Invalid
from booking_app.domain.intervals import merge
from booking_app.domain.rules import DayPeriods, Hours, Span
from booking_app.domain.zones import DAY, checked_zone, day_number, offsets

_THURSDAY = 3  # the weekday of 1970-01-01

FrozenHours = tuple[str, tuple[DayPeriods, ...], tuple[tuple[int, DayPeriods], ...]]
"""Zone, periods Monday to Sunday, and (day number, periods) of the overrides: hashable, so results can be kept."""


def frozen(hours: Hours) -> FrozenHours:
    """The same hours as a value that can be a key."""
    weekly = tuple(hours.weekly.get(weekday, ()) for weekday in range(7))
    overrides = tuple((day_number(day), periods) for day, periods in hours.overrides.items())
    return hours.zone, weekly, overrides


def open_pieces(hours: FrozenHours, span: Span) -> Iterator[tuple[int, int, int]]:
    """(start, end, opening) of each stretch of open instants with one offset, ascending, cut to `span`.

    `opening` is where the period would open under that offset: starts are counted from there.
    """
    zone, weekly, overridden = hours
    overrides = dict(overridden)
    for since, until, offset in offsets(zone, span):
        for day in range((since + offset) // DAY, (until - 1 + offset) // DAY + 1):
            periods = overrides.get(day)
            if periods is None:
                periods = weekly[(day + _THURSDAY) % 7]
            midnight = day * DAY - offset
            for opens, closes in periods:
                opening = midnight + opens * 60
                start = opening if opening > since else since
                end = midnight + closes * 60
                if end > until:
                    end = until
                if start < end:
                    yield start, end, opening


def open_spans(hours: Hours, span: Span) -> list[Span]:
    """The open instants of `span` as ascending spans; what touches (across midnight, across a gap) is one."""
    return merge((start, end) for start, end, _ in open_pieces(frozen(hours), span))


def checked_periods(periods: Iterable[tuple[int, int]], field: str) -> DayPeriods:
    """The periods of one day in ascending order.

    Raises `Invalid` naming `field` when one is outside 0..1440, ends before it starts, or meets another.
    """
    ascending = tuple(sorted((opens, closes) for opens, closes in periods))
    for opens, closes in ascending:
        if not 0 <= opens <= 1440 or not 0 <= closes <= 1440:
            raise Invalid(field, "A period lies between 00:00 and 24:00.")
        if opens >= closes:
            raise Invalid(field, f"A period closes after it opens; {_clock(opens)} to {_clock(closes)} does not.")
    for (_, closes), (opens, _) in pairwise(ascending):
        if opens <= closes:
            raise Invalid(field, f"Two periods meet at {_clock(opens)}: leave a break or make them one.")
    return ascending


def checked_hours(hours: Hours) -> Hours:
    """The hours with every day's periods in order; `Invalid` names `zone`, `weekly.<0-6>` or `overrides.<date>`."""
    for weekday in hours.weekly:
        if weekday not in range(7):
            raise Invalid(f"weekly.{weekday}", "A weekday is a number from 0 (Monday) to 6 (Sunday).")
    return Hours(
        zone=checked_zone(hours.zone, "zone"),
        weekly={day: checked_periods(each, f"weekly.{day}") for day, each in hours.weekly.items()},
        overrides={day: checked_periods(each, f"overrides.{day.isoformat()}") for day, each in hours.overrides.items()},
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
