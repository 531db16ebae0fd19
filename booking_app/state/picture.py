"""Slots as a picker shows them: pure functions from an answer to views.

All viewers of a month share one answer, whatever their zone, and all viewers in one zone share its picture.
"""

from __future__ import annotations

import calendar
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

from booking_app.domain.rules import Span
from booking_app.domain.zones import DAY, day_number, local_date, offset_at
from booking_app.services.views import SlotsAnswer
from booking_app.state import times
from booking_app.state.views import DayCell, DayView, Freshness, MonthView, SlotButton, SlotGroup, TimeButton

T = TypeVar("T")

_WIDEST = 15 * 3600
"""No zone is further from UTC than this, in seconds."""


def month_span(year: int, month: int) -> Span:
    """The instants that are in this month in any zone."""
    first = day_number(date(year, month, 1)) * DAY
    return first - _WIDEST, first + calendar.monthrange(year, month)[1] * DAY + _WIDEST


def month_of(day: date, steps: int = 0) -> tuple[int, int]:
    """(year, month) of a date, `steps` months later."""
    months = day.year * 12 + day.month - 1 + steps
    return months // 12, months % 12 + 1


class Pictures:
    """Remembers the last pictures, so that a change is drawn once and not once for each page."""

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._found: OrderedDict[tuple[object, ...], tuple[SlotsAnswer, Any]] = OrderedDict()

    def days(self, answer: SlotsAnswer, zone: str) -> dict[str, list[int]]:
        """The starts by ISO date in `zone`."""
        return self._once(answer, ("days", zone), lambda: answer.days(zone))

    def free(self, answer: SlotsAnswer, zone: str, shown: tuple[int, int]) -> dict[str, int]:
        """How many times are free on each day of the month `shown` that has any."""
        key = f"{shown[0]}-{shown[1]:02d}"
        days = self.days(answer, zone)
        return self._once(
            answer,
            ("free", zone, shown),
            lambda: {day: len(starts) for day, starts in days.items() if day.startswith(key)},
        )

    def day(
        self, answer: SlotsAnswer, zone: str, day: date, gone: tuple[int, ...] = (), *, nothing: str = ""
    ) -> DayView:
        """The slots of a local day, those in `gone` struck through."""
        starts = self.days(answer, zone).get(day.isoformat(), ())
        return self._once(answer, ("day", zone, day, gone, nothing), lambda: day_view(day, starts, gone, zone, nothing))

    def _once(self, answer: SlotsAnswer, key: tuple[object, ...], draw: Callable[[], T]) -> T:
        # The answer is kept beside its pictures, so that its id is not given to another one meanwhile.
        found = self._found.get((id(answer), *key))
        if found is None:
            found = self._found[id(answer), *key] = (answer, draw())
            if len(self._found) > self._kept:
                self._found.popitem(last=False)
        drawn: T = found[1]
        return drawn


@lru_cache(maxsize=64)
def month_view(shown: tuple[int, int], today: date, last: date) -> MonthView:
    """The days of the month `shown`; what can be booked lies from `today` to `last`."""
    first = date(*shown, 1)
    days = [first + timedelta(days=number) for number in range(calendar.monthrange(*shown)[1])]
    return MonthView(
        key=f"{shown[0]}-{shown[1]:02d}",
        title=times.month_title(*shown),
        lead=first.weekday(),
        days=tuple(
            DayCell(
                date=day.isoformat(),
                number=day.day,
                label=f"{times.long_day(day)}{', today' * (day == today)}",
                kind="today" if day == today else "past" if day < today else "",
            )
            for day in days
        ),
        before=shown > month_of(today),
        after=shown < month_of(last),
    )


def slot_label(start: int, zone: str) -> str:
    """What a screen reader says: weekday, date, time and zone."""
    return f"{times.moment(start, zone)}, {times.zone_words(zone)}"


def day_view(day: date, starts: Iterable[int], gone: Iterable[int], zone: str, nothing: str) -> DayView:
    """The slots of a local day in groups; `gone` ones are struck through. `nothing` is said when there are none."""
    lost = set(gone)
    ordered = tuple(sorted({*starts, *lost}))
    buttons = [
        SlotButton(
            start=start,
            time=time,
            gone=start in lost,
        )
        for start, time in zip(ordered, times.clocks(ordered, zone), strict=True)
    ]
    taken = times.names([button.time for button in buttons if button.gone])
    return DayView(
        date=day.isoformat(),
        heading=times.short_day(day),
        label=times.long_day(day),
        groups=tuple(
            SlotGroup(name=name, slots=tuple(slots))
            for name, slots in groupby(buttons, key=lambda button: _part_of_day(button.start, zone))
        ),
        notice=f"{taken} {'were' if ' and ' in taken else 'was'} just taken by somebody else." if taken else "",
        nothing="" if len(lost) < len(ordered) else nothing,
    )


def _part_of_day(start: int, zone: str) -> str:
    hour = (start + offset_at(zone, start)) % DAY // 3600
    return "Night" if hour < 6 else "Morning" if hour < 12 else "Afternoon" if hour < 17 else "Evening"


def freshness(answer: SlotsAnswer, soft: float) -> Freshness:
    """How sure the slots are, in words and a colour. `soft`: how old data may be, in seconds, to be called live; the
    browser tells the moment when it no longer is."""
    withheld = tuple(each.message for each in answer.withheld)
    if withheld and not answer.starts:
        return Freshness(tone="bad", words="Not bookable right now", withheld=withheld)
    if withheld:
        return Freshness(tone="warn", words="Some times are not shown", withheld=withheld)
    if answer.verified_at is None:
        return Freshness(words="Live")
    return Freshness(words="Live, checked", checked=answer.verified_at, live_until=answer.verified_at + int(soft))


def next_button(start: int, zone: str, now: int) -> TimeButton:
    """`Tomorrow, 9:30`."""
    day = times.near_day(local_date(zone, start), local_date(zone, now))
    return TimeButton(start=start, words=f"{day}, {times.clock(start, zone)}", label=slot_label(start, zone))
