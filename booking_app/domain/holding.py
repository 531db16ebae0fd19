"""How much of a person's time may be kept for visitors who have not confirmed anything yet.

A limit for each address is none for somebody who has many. So whatever is kept together leaves enough of a day and of
a week to be booked: time counts as left where a whole appointment still fits, because a few short holds, well placed,
would close a day for the longest service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from booking_app.domain.assignment import week_of
from booking_app.domain.hours import open_spans
from booking_app.domain.intervals import merge, overlaps, subtract
from booking_app.domain.rules import Hours, Span
from booking_app.domain.zones import day_span, local_date

DAY_LEFT = (1, 3)
"""The part of a day's free time that is never kept, as a fraction."""
WEEK_LEFT = (1, 2)
"""The same of a week. Many come at once for a free afternoon, hardly ever for half of a week."""


def may_keep(
    new: Span, *, hours: Hours, taken: Iterable[Span], kept: Sequence[Span], lengths: Iterable[int], now: int
) -> bool:
    """Whether the span `new`, which is free, may be kept beside what is `kept` already.

    `taken` is what is busy or booked for good, `lengths` how long the appointments are for which time must be left
    (seconds, with their buffers). What nobody else keeps anything of may always be kept: the last free time of a day
    is for its first visitor."""
    day = day_span(hours.zone, local_date(hours.zone, new[0]))
    blocks, lengths = merge(taken), tuple(lengths)
    for window, (part, whole) in ((day, DAY_LEFT), (week_of(new[0], hours.zone), WEEK_LEFT)):
        others = [each for each in kept if overlaps(each, window)]
        if not others:
            continue
        free = subtract(open_spans(hours, (min(max(window[0], now), window[1]), window[1])), blocks)
        left = subtract(free, merge([*others, new]))
        if any(_fits(left, length) * whole < _fits(free, length) * part for length in lengths):
            return False
    return True


def _fits(spans: Sequence[Span], length: int) -> int:
    """The seconds of the spans in which an appointment of `length` fits."""
    return sum(end - start for start, end in spans if end - start >= length)
