"""Where things stand in the team calendar: instants to pixels. Pure; one hour is `HOUR` px of the wall clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from booking_app.domain.rules import Span
from booking_app.domain.zones import DAY, offset_at
from booking_app.state.views_admin import Band, HourMark

HOUR = 64
"""Height of an hour in px."""

_LEAST = 14
"""No block is drawn lower than one line of small text: that of a quarter of an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The wall minutes that are drawn, whole hours, half-open."""

    first: int
    last: int

    @property
    def height(self) -> int:
        return (self.last - self.first) * HOUR // 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """`top` and `height` in px, `left` and `width` in percent of the column."""

    top: int
    height: int
    left: float
    width: float


def wall_minutes(span: Span, day: Span, zone: str) -> tuple[int, int] | None:
    """The part of `span` inside `day` as minutes of the wall day; None if there is none.

    The start is what the clock shows; the length is what really passes, so a meeting in the hour that clocks
    repeat is drawn as long as it takes."""
    start, end = max(span[0], day[0]), min(span[1], day[1])
    if start >= end:
        return None
    begins = (start + offset_at(zone, start)) % DAY // 60
    return begins, min(begins + -(-(end - start) // 60), 24 * 60)


def frame(minutes: Iterable[tuple[int, int]], *, least: tuple[int, int] = (8 * 60, 18 * 60)) -> Frame:
    """The whole hours that show all of `minutes`, and at least `least`."""
    first, last = least
    for start, end in minutes:
        first, last = min(first, start), max(last, end)
    return Frame(first=first // 60 * 60, last=-(-last // 60) * 60)


def hour_marks(drawn: Frame) -> tuple[HourMark, ...]:
    return tuple(
        HourMark(top=(minute - drawn.first) * HOUR // 60, label=f"{minute // 60}:00")
        for minute in range(drawn.first, drawn.last, 60)
    )


def y(minute: int, drawn: Frame) -> int:
    """Px from the top of the frame, kept inside it."""
    return (min(max(minute, drawn.first), drawn.last) - drawn.first) * HOUR // 60


def closed_bands(opened: Iterable[tuple[int, int]], drawn: Frame) -> tuple[Band, ...]:
    """What the open minutes leave of the frame."""
    bands, since = [], drawn.first
    for start, end in [*sorted(opened), (drawn.last, drawn.last)]:
        if start > since:
            top = y(since, drawn)
            bands.append(Band(top=top, height=y(start, drawn) - top))
        since = max(since, end)
    return tuple(band for band in bands if band.height > 0)


def places(minutes: Sequence[tuple[int, int]], drawn: Frame) -> list[Place]:
    """A place for each of `minutes`, in their order; what overlaps stands side by side in equal widths."""
    found: dict[int, Place] = {}
    cluster: list[tuple[int, int]] = []
    """(index, lane) of those that overlap in a chain."""
    lanes: list[int] = []
    """When each lane is free again."""
    latest = -1

    def settle() -> None:
        for index, lane in cluster:
            start, end = minutes[index]
            top = y(start, drawn)
            found[index] = Place(
                top=top + 1,
                height=max(y(end, drawn) - top - 3, _LEAST),
                left=round(100 * lane / len(lanes), 2),
                width=round(100 / len(lanes), 2),
            )
        cluster.clear()
        lanes.clear()

    for index in sorted(range(len(minutes)), key=lambda each: (minutes[each][0], -minutes[each][1])):
        start, end = minutes[index]
        end = max(end, start + _LEAST * 60 // HOUR)
        if start >= latest:
            settle()
        lane = next((number for number, free in enumerate(lanes) if free <= start), len(lanes))
        lanes[lane : lane + 1] = [end]
        cluster.append((index, lane))
        latest = max(latest, end)
    settle()
    return [found[index] for index in range(len(minutes))]


def within(places: Iterable[Place], left: float, width: float) -> list[Place]:
    """The same places in a part of the column that begins at `left` percent and is `width` percent wide."""
    return [
        replace(each, left=round(left + each.left * width / 100, 2), width=round(each.width * width / 100, 2))
        for each in places
    ]
