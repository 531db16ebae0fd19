"""Slots from busy intervals, no database: the workloads C1 to C4, ours against the obvious implementation.

    python -m tests.benchmarks.bench_slots

The reference walks every possible start as a zone-aware `datetime` and looks at every busy interval, and formats with
`isoformat`. Exit status 1 if a result differs from it or a count is not the expected one.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from booking_app.domain.local import by_local_date
from booking_app.domain.rules import Hours, Schedule, SlotRules, Span
from booking_app.domain.slots import _grid, offers_all, offers_any, open_starts

BEGIN = int(datetime(2027, 3, 15, tzinfo=UTC).timestamp())
WINDOW = (BEGIN, BEGIN + 30 * 86400)
HOST_ZONE, READER_ZONE = "Europe/Amsterdam", "America/New_York"
RULES = SlotRules(duration=30, interval=30, horizon_days=60)
Slots = dict[str, list[str]]


def busy_of(host: int, count: int) -> list[Span]:
    """The workload's pseudo-random busy intervals of one host."""
    state = 1000 + host
    spans = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        start = BEGIN + (state >> 8) % 2880 * 900
        state = (state * 1664525 + 1013904223) % 2**32
        spans.append((start, start + (1 + (state >> 8) % 4) * 900))
    return spans


def ours(busy: list[list[Span]], together: bool) -> Slots:
    """From raw intervals to what a page shows."""
    schedules = [
        Schedule(
            bookable_id=host,
            hours=Hours(zone=HOST_ZONE, weekly=dict.fromkeys(range(5), ((540, 1020),))),
            busy=spans,
        )
        for host, spans in enumerate(busy)
    ]
    if len(schedules) == 1:
        return by_local_date(open_starts(RULES, schedules[0], WINDOW, BEGIN), READER_ZONE)
    offers = offers_all if together else offers_any
    return by_local_date([start for start, _ in offers(RULES, schedules, WINDOW, BEGIN)], READER_ZONE)


def obvious(busy: list[list[Span]], together: bool) -> Slots:
    """The same, one slot after the other."""
    host_zone, reader_zone = ZoneInfo(HOST_ZONE), ZoneInfo(READER_ZONE)
    half_hour = timedelta(minutes=30)
    begin, end = (datetime.fromtimestamp(instant, UTC) for instant in WINDOW)
    taken = [[(datetime.fromtimestamp(a, UTC), datetime.fromtimestamp(b, UTC)) for a, b in spans] for spans in busy]
    enough = all if together else any
    found: Slots = {}
    day = begin.astimezone(host_zone).date()
    while day <= end.astimezone(host_zone).date():
        start = datetime.combine(day, time(9), host_zone).astimezone(UTC)
        close = datetime.combine(day, time(17), host_zone).astimezone(UTC)
        while day.weekday() < 5 and start + half_hour <= close:
            stop = start + half_hour
            if begin <= start < end and enough(all(stop <= a or b <= start for a, b in spans) for spans in taken):
                local = start.astimezone(reader_zone)
                found.setdefault(local.date().isoformat(), []).append(local.isoformat())
            start = stop
        day += timedelta(days=1)
    return found


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(rounds):
        began = perf_counter()
        work()
        times.append((perf_counter() - began) * 1000)
    return median(times)


def main() -> int:
    cases = [("C1", 1, 200, False, 276), ("C2", 10, 200, False, 352), ("C3", 100, 200, False, 352)]
    cases.append(("C4", 10, 20, True, 281))
    right = True
    print("        ours  ours, grid not kept  reference, ms   ratio   slots  equal")
    for name, hosts, count, together, expected in cases:
        busy = [busy_of(host, count) for host in range(hosts)]
        mine, theirs = ours(busy, together), obvious(busy, together)
        found = sum(map(len, mine.values()))
        equal = mine == theirs and list(mine) == list(theirs) and found == expected
        right = right and equal

        def once(busy: list[list[Span]] = busy, together: bool = together) -> Slots:
            return ours(busy, together)

        def cold(busy: list[list[Span]] = busy, together: bool = together) -> Slots:
            _grid.cache_clear()
            return ours(busy, together)

        gc.collect()
        warm_ms, cold_ms = timed(once, 101), timed(cold, 51)
        reference_ms = timed(lambda busy=busy, together=together: obvious(busy, together), 5)  # type: ignore[misc]
        print(
            f"{name}  {warm_ms:8.3f}  {cold_ms:19.3f}  {reference_ms:13.1f}  {reference_ms / warm_ms:6.0f}"
            f"  {found:6d}  {'yes' if equal else 'NO'}"
        )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
