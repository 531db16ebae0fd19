"""Workload R: 1,000 series to 28,443 occurrences, against python-dateutil in the same run.

    python -m tests.benchmarks.bench_expand

Prints milliseconds and ratios (python-dateutil = 1). "objects" is what a first read costs: the calendar files parsed
and expanded to busy blocks.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from booking_app.sync import ical
from booking_app.sync.event_text import EventText, read_event
from booking_app.sync.ical_text import Places, read
from booking_app.sync.recurrence import occurrences

ZONE = ZoneInfo("Europe/Amsterdam")
LOW, HIGH = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 5, 30, tzinfo=UTC)
WINDOW = (int(LOW.timestamp()), int(HIGH.timestamp()))
COUNT, CHECKSUM = 28_443, 51_418_063_407_600
RULES = (
    "FREQ=WEEKLY;BYDAY=MO",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY;BYDAY=FR",
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
)
ROUNDS = 7

Series = tuple[datetime, timedelta, str, list[datetime]]


def workload() -> list[Series]:
    """(naive DTSTART in Amsterdam, duration, rule, EXDATEs) of the 1,000 events."""
    found: list[Series] = []
    for i in range(1000):
        first = datetime(2025, 1, 1 + i % 28, 8 + i % 9, (i // 3 % 4) * 15)
        start = rrulestr(RULES[i % 10], dtstart=first).after(first, inc=True)
        excluded: list[datetime] = []
        if i % 5 == 0:
            inside = rrulestr(RULES[i % 10], dtstart=start).xafter(LOW.astimezone(ZONE).replace(tzinfo=None), inc=True)
            excluded = [next(inside), next(inside), next(inside)][1:]
        found.append((start, timedelta(minutes=30 + 15 * (i // 7 % 4)), RULES[i % 10], excluded))
    return found


def as_objects(series: list[Series]) -> list[ical.RawObject]:
    objects = []
    for i, (start, length, rule, excluded) in enumerate(series):
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN", "BEGIN:VEVENT", f"UID:{i}@bench"]
        lines += ["DTSTAMP:20250101T000000Z", f"DTSTART;TZID=Europe/Amsterdam:{start:%Y%m%dT%H%M%S}"]
        lines += [f"DTEND;TZID=Europe/Amsterdam:{start + length:%Y%m%dT%H%M%S}", f"RRULE:{rule}", "SUMMARY:Something"]
        lines += [f"EXDATE;TZID=Europe/Amsterdam:{item:%Y%m%dT%H%M%S}" for item in excluded]
        lines += ["END:VEVENT", "END:VCALENDAR", ""]
        objects.append((f"/{i}.ics", f'"{i}"', "\r\n".join(lines).encode()))
    return objects


def with_dateutil(series: list[Series]) -> tuple[int, int]:
    """The obvious implementation: rrule sets on wall times, each localised."""
    low, high = (moment.astimezone(ZONE).replace(tzinfo=None) for moment in (LOW, HIGH))
    count = total = 0
    for start, length, rule, excluded in series:
        rules = rruleset()  # type: ignore[no-untyped-call]
        rules.rrule(rrulestr(rule, dtstart=start))
        for item in excluded:
            rules.exdate(item)
        for wall in rules.between(low - length, high, inc=True):  # type: ignore[no-untyped-call]
            begin = wall.replace(tzinfo=ZONE)
            end = (wall + length).replace(tzinfo=ZONE)
            if begin < HIGH and end > LOW:
                count += 1
                total += int(begin.timestamp())
    return count, total


def events_of(objects: list[ical.RawObject]) -> list[EventText]:
    places = Places(owner=ZONE, embedded={})
    return [
        read_event(item, places, frozenset())
        for _, _, data in objects
        for item in read(data, own=False)[0].children
        if item.name == "VEVENT"
    ]


def expand_only(events: list[EventText]) -> tuple[int, int]:
    count = total = 0
    for event in events:
        found, _ = occurrences([event], WINDOW)
        count += len(found)
        total += sum(item.start for item in found)
    return count, total


def objects_to_busy(objects: list[ical.RawObject]) -> tuple[int, int]:
    found = ical.expand_objects(objects, "Europe/Amsterdam", (), WINDOW)
    starts = [busy.start for item in found for busy in item.busy]
    return len(starts), sum(starts)


def median_ms(run: Callable[[], tuple[int, int]], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        answer = run()
        taken.append((time.perf_counter() - begin) * 1000)
        if answer != (COUNT, CHECKSUM):
            raise SystemExit(f"wrong answer {answer}, expected {(COUNT, CHECKSUM)}")
    return statistics.median(taken)


def main() -> None:
    series = workload()
    objects = as_objects(series)
    events = events_of(objects)
    reference = median_ms(lambda: with_dateutil(series), 3)
    print(f"python-dateutil        {reference:8.1f} ms   1.0x")
    for name, run in (("expand", lambda: expand_only(events)), ("objects", lambda: objects_to_busy(objects))):
        ours = median_ms(run, ROUNDS)
        print(f"{name:22} {ours:8.1f} ms {reference / ours:5.1f}x faster")
    print(f"{COUNT} occurrences, checksum {CHECKSUM}: verified each time")


if __name__ == "__main__":
    main()
