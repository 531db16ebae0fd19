"""The one rule: when a bookable can be booked. What `open_starts` returns is what is offered and what is accepted."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, compress

from booking_app.domain.errors import Invalid, Reason
from booking_app.domain.hours import FrozenHours, frozen, open_pieces, open_spans
from booking_app.domain.rules import Schedule, SlotRules, Span
from booking_app.domain.zones import DAY, local_day, span_through

Offer = tuple[int, tuple[int, ...]]
"""A start and the ids of the bookables that are free then, in the order in which they were given."""

_RANKS_KEPT = 8192


class _Ranks(dict[int, int]):
    """instant -> how many of the ascending `starts` are before `instant + shift`; what was asked for is kept."""

    def __init__(self, starts: Sequence[int], shift: int) -> None:
        super().__init__()
        self._starts = starts
        self._shift = shift

    def __missing__(self, instant: int) -> int:
        if len(self) >= _RANKS_KEPT:
            self.clear()
        rank = self[instant] = bisect_left(self._starts, instant + self._shift)
        return rank


@dataclass(frozen=True, slots=True)
class _Grid:
    """The start times that the hours allow. A block shuts those from `shut_by_start[block's start]` up to, and
    without, `shut_by_end[block's end]`, service's buffers included."""

    starts: tuple[int, ...]
    shut_by_start: _Ranks
    shut_by_end: _Ranks


@lru_cache(maxsize=64)
def _grid(hours: FrozenHours, duration: int, interval: int, before: int, after: int, span: Span) -> _Grid:
    """Starts in `span` on the grid of their period, from which `duration` is open without a break; in seconds."""
    pieces = list(open_pieces(hours, (span[0], span[1] + duration)))
    runs: list[range] = []
    run_end = 0
    following = None
    for start, end, opening in reversed(pieces):
        if end != following:
            run_end = end
        following = start
        first = start + (opening - start) % interval
        runs.append(range(first, min(end, run_end - duration + 1, span[1]), interval))
    starts = tuple(chain.from_iterable(reversed(runs)))
    return _Grid(starts, _Ranks(starts, 1 - duration - after), _Ranks(starts, before))


def open_starts(rules: SlotRules, schedule: Schedule, span: Span, now: int) -> list[int]:
    """The instants in the half-open `span` at which an appointment of this service can start, ascending.

    A start is open when it is on the grid of the opening period that holds it, the whole appointment lies in one
    stretch of open hours, every neighbour keeps the larger of the two buffers that meet, at least the notice is
    left, its local date is within the horizon, and that date's cap is not reached. `now` is an instant.
    """
    hours = frozen(schedule.hours)
    zone = schedule.hours.zone
    busy = _blocks(rules, schedule)
    full = _full_days(rules, schedule)
    # Whole days, so that the grid can be kept from one second to the next.
    today = now - now % DAY
    coming = max(span[0], today), min(span[1], today + (rules.horizon_days + 3) * DAY)
    found: list[int] = []
    for part in span_through(zone, coming, local_day(zone, now) + rules.horizon_days):
        found += _apart(rules, hours, part, busy)
    found = found[bisect_left(found, now + rules.notice * 60) :]
    return [start for start in found if local_day(zone, start) not in full] if full else found


def _apart(rules: SlotRules, hours: FrozenHours, span: Span, busy: Iterable[Span]) -> list[int]:
    """The starts in `span` that the hours allow and whose appointment, buffers around it, meets no busy block."""
    before, after = rules.buffer_before * 60, rules.buffer_after * 60
    # A single instant is asked for once, by whoever books it: not worth pushing out a grid that many read.
    grid_of = _grid if span[1] - span[0] > 1 else _grid.__wrapped__
    grid = grid_of(hours, rules.duration * 60, rules.interval * 60, before, after, span)
    from_start, to_end = grid.shut_by_start, grid.shut_by_end
    free = bytearray(b"\1") * len(grid.starts)
    for start, end in busy:
        low, high = from_start[start], to_end[end]
        if low < high and start < end:
            free[low:high] = bytes(high - low)
    return list(compress(grid.starts, free))


def _full_days(rules: SlotRules, schedule: Schedule) -> set[int]:
    """The local days on which the cap is reached."""
    if rules.cap_per_day is None:
        return set()
    zone = schedule.hours.zone
    taken = Counter(local_day(zone, each.start) for each in schedule.occupied if each.counts)
    return {day for day, count in taken.items() if count >= rules.cap_per_day}


def _blocks(rules: SlotRules, schedule: Schedule) -> Iterable[Span]:
    """All that blocks, our own widened by what its buffers ask beyond the service's own."""
    if not schedule.occupied:
        return schedule.busy
    before, after = rules.buffer_before * 60, rules.buffer_after * 60
    own = [
        (each.start - max(0, each.before - after), each.end + max(0, each.after - before))
        for each in schedule.occupied
        if each.start < each.end
    ]
    return [*schedule.busy, *own]


def refusal(rules: SlotRules, schedule: Schedule, start: int, now: int) -> Reason | None:
    """None if an appointment may start at the instant `start`; else why not.

    The decision is `open_starts`; only a refusal is looked into further.
    """
    instant = (start, start + 1)
    if open_starts(rules, schedule, instant, now):
        return None
    if start < now + rules.notice * 60:
        return Reason.TOO_SOON
    zone = schedule.hours.zone
    if local_day(zone, start) > local_day(zone, now) + rules.horizon_days:
        return Reason.TOO_FAR
    if not open_starts(replace(rules, cap_per_day=None), replace(schedule, busy=(), occupied=()), instant, now):
        whole = (start, start + rules.duration * 60)
        return Reason.OFF_GRID if open_spans(schedule.hours, whole) == [whole] else Reason.CLOSED
    if open_starts(replace(rules, cap_per_day=None), schedule, instant, now):
        return Reason.DAY_FULL
    if open_starts(replace(rules, cap_per_day=None), replace(schedule, busy=()), instant, now):
        return Reason.CALENDAR_BUSY
    return Reason.TAKEN


def offers_any(rules: SlotRules, schedules: Iterable[Schedule], span: Span, now: int) -> list[Offer]:
    """Each start at which at least one of the bookables is free, and who, ascending."""
    free: defaultdict[int, list[int]] = defaultdict(list)
    for schedule in schedules:
        bookable = schedule.bookable_id
        for start in open_starts(rules, schedule, span, now):
            free[start].append(bookable)
    return [(start, tuple(free[start])) for start in sorted(free)]


def offers_all(rules: SlotRules, schedules: Sequence[Schedule], span: Span, now: int) -> list[Offer]:
    """Each start at which all of the bookables are free together, ascending; none for no bookables."""
    common: set[int] | None = None
    for schedule in schedules:
        starts = open_starts(rules, schedule, span, now)
        common = set(starts) if common is None else common.intersection(starts)
        if not common:
            return []
    everybody = tuple(schedule.bookable_id for schedule in schedules)
    return [(start, everybody) for start in sorted(common or ())]


def nearest(offers: Iterable[Offer], wished: int, *, limit: int = 6, bookable_id: int | None = None) -> list[Offer]:
    """The offers to make to somebody who could not have `wished`, nearest in time first, earlier before later.

    With a wished `bookable_id`, other times of that one (narrowed to it) and the same time with others come before
    other times with others.
    """

    def rank(offer: Offer) -> tuple[bool, int, int]:
        start, free = offer
        other = bookable_id is not None and bookable_id not in free and start != wished
        return other, abs(start - wished), start

    return [
        (start, (bookable_id,) if bookable_id is not None and bookable_id in free else free)
        for start, free in sorted(offers, key=rank)[:limit]
    ]


def checked_rules(rules: SlotRules) -> SlotRules:
    """The rules themselves; `Invalid` names the first field whose value makes no sense."""
    bounds = {
        "duration": (1, 1440),
        "interval": (1, 1440),
        "buffer_before": (0, 1440),
        "buffer_after": (0, 1440),
        "notice": (0, 366 * 1440),
        "horizon_days": (0, 730),
    }
    for name, (least, most) in bounds.items():
        if not least <= getattr(rules, name) <= most:
            raise Invalid(name, f"Choose a number from {least} to {most}.")
    if rules.cap_per_day is not None and rules.cap_per_day < 1:
        raise Invalid("cap_per_day", "Choose at least 1, or leave it empty for no limit.")
    return rules
