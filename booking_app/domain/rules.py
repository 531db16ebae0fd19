"""The rules of a service and the schedule of a bookable: everything the one slot rule looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

Span = tuple[int, int]
"""Half-open [start, end) in instants (seconds since the epoch, UTC)."""

DayPeriods = tuple[tuple[int, int], ...]
"""Half-open [opens, closes) in minutes of the wall day, 0..1440, ascending, not touching."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotRules:
    """What a service asks of a slot. All lengths in minutes.

    `interval` is the distance of start times, counted on the wall clock from the opening of each period and
    independent of `duration`. `notice` is the least time between now and the start; `horizon_days` how many
    local days ahead of today may be booked (today is 0); `cap_per_day` the most appointments of this service
    that one bookable takes on one of its local days (None: no cap).
    """

    duration: int
    interval: int
    buffer_before: int = 0
    buffer_after: int = 0
    notice: int = 0
    horizon_days: int = 60
    cap_per_day: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """When a bookable is open, in its own zone (an IANA name).

    `weekly` maps the weekday (Monday 0) to its periods; `overrides` replaces one local date (empty: closed).
    """

    zone: str
    weekly: Mapping[int, DayPeriods]
    overrides: Mapping[date, DayPeriods] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Occupied:
    """One of our own appointments or holds; `before` and `after` are its own buffers in seconds.

    `counts` says whether it counts for the cap per day of the service that is asked for.
    """

    start: int
    end: int
    before: int = 0
    after: int = 0
    counts: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Everything that decides when one bookable is free.

    `busy` are the external calendar's blocks, in any order, overlapping or not; they have no buffers of their
    own, so the service's buffers apply around them.
    """

    bookable_id: int
    hours: Hours
    busy: Sequence[Span] = ()
    occupied: Sequence[Occupied] = ()
