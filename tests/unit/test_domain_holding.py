"""How much of a person's time may be kept at once."""

from __future__ import annotations

import random

import pytest

from booking_app.domain.holding import may_keep
from booking_app.domain.rules import Hours, Span
from tests.factories import OFFICE, at

HOURS = Hours(zone="UTC", weekly=OFFICE)
MONDAY = at("2027-03-01 00:00")
HALF = 1800


def slots(days: range, length: int = HALF, step: int = HALF) -> list[Span]:
    """The spans of office hours on these days of the week of Monday, 1 March."""
    spans = []
    for day in days:
        opens, closes = MONDAY + day * 86400 + 9 * 3600, MONDAY + day * 86400 + 17 * 3600
        spans += [(start, start + length) for start in range(opens, closes - length + 1, step)]
    return spans


def fill(spans: list[Span], *, taken: list[Span] | None = None, lengths: tuple[int, ...] = (HALF,)) -> list[Span]:
    """What is kept after somebody with any number of addresses tried all of the spans."""
    kept: list[Span] = []
    for span in spans:
        free = not any(max(span[0], each[0]) < min(span[1], each[1]) for each in [*kept, *(taken or [])])
        if free and may_keep(span, hours=HOURS, taken=taken or [], kept=kept, lengths=lengths, now=MONDAY):
            kept.append(span)
    return kept


def test_a_day_and_a_week_cannot_be_closed() -> None:
    day = fill(slots(range(1)))
    assert 5 <= len(day) <= 10, "at most two thirds of 16"
    week = fill(slots(range(5)))
    assert 20 <= len(week) <= 40, "at most half of 80"
    for each in range(5):
        there = [span for span in week if MONDAY + each * 86400 <= span[0] < MONDAY + (each + 1) * 86400]
        assert len(there) <= 10


@pytest.mark.parametrize("order", range(5))
def test_in_any_order_and_at_any_distance_time_is_left_for_each_length(order: int) -> None:
    tried = slots(range(5), step=600)
    random.Random(order).shuffle(tried)
    kept = fill(tried, lengths=(HALF, 2 * 3600))
    for length in (HALF, 2 * 3600):
        for day in range(5):
            opens, closes = MONDAY + day * 86400 + 9 * 3600, MONDAY + day * 86400 + 17 * 3600
            edges = [opens, *(edge for span in sorted(kept) if opens <= span[0] < closes for edge in span), closes]
            gaps = [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]
            alone = sum(opens <= span[0] < closes for span in kept) <= 1
            assert alone or sum(gap for gap in gaps if gap >= length) >= 8 * 3600 / 3


def test_a_few_short_holds_do_not_close_a_day_for_a_long_service() -> None:
    long = 4 * 3600
    wisely = [(MONDAY + hour * 3600, MONDAY + hour * 3600 + HALF) for hour in (12, 15, 10, 14, 16)]
    assert fill(wisely, lengths=(HALF,)) == wisely, "half of the day's time is left, in pieces"
    closes = MONDAY + 17 * 3600
    kept = sorted(fill(wisely, lengths=(HALF, long)))
    assert kept
    assert closes - kept[-1][1] >= long


def test_the_last_free_time_is_kept_for_its_first_visitor() -> None:
    opens = MONDAY + 9 * 3600
    taken = [(opens, opens + 7 * 3600)]
    rest = slots(range(1))[14:]
    assert fill(rest, taken=taken) == rest[:1]
    almost = [(opens, opens + 8 * 3600 - HALF)]
    assert fill(slots(range(1)), taken=almost) == slots(range(1))[15:]


def test_what_is_kept_on_other_days_does_not_matter_to_a_day() -> None:
    kept = fill(slots(range(1)))
    tuesday = slots(range(1, 2))[0]
    assert may_keep(tuesday, hours=HOURS, taken=[], kept=kept, lengths=[HALF], now=MONDAY)
    elsewhere = [(start + 7 * 86400, end + 7 * 86400) for start, end in slots(range(5))]
    assert may_keep(tuesday, hours=HOURS, taken=[], kept=elsewhere, lengths=[HALF], now=MONDAY)
