"""Who takes an appointment that any of several may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from booking_app.domain.rules import Span
from booking_app.domain.zones import day_span, local_date


def week_of(instant: int, zone: str) -> Span:
    """The instants of the local week, Monday to Sunday (ISO 8601), in which an instant lies."""
    day = local_date(zone, instant)
    return day_span(zone, day - timedelta(days=day.weekday()), 7)


def choose(free: Sequence[int], load: Mapping[int, int]) -> int:
    """The free bookable with the fewest appointments of the week; among equals the lowest id.

    `load` maps bookable ids to appointments in `week_of` the start; an id that is missing has none. Nobody free is a
    `ValueError`.
    """
    return min(free, key=lambda bookable: (load.get(bookable, 0), bookable))
