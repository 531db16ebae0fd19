"""Span algebra against sets of integers, and the small rules of appointments."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_app.domain.appointment import AppointmentState, change_refusal
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.errors import Reason
from booking_app.domain.intervals import contains, intersect, merge, overlaps, subtract
from booking_app.domain.rules import Span

points = st.integers(-20, 40)
any_spans = st.lists(st.tuples(points, points), max_size=8)
quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def covered(spans: list[Span]) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


def is_normal(spans: list[Span]) -> bool:
    return all(start < end for start, end in spans) and all(end < start for (_, end), (start, _) in pairwise(spans))


@quick
@given(any_spans, any_spans, st.tuples(points, points))
def test_spans_are_sets_of_instants(one: list[Span], other: list[Span], probe: Span) -> None:
    left, right = merge(one), merge(other)
    assert is_normal(left)
    assert covered(left) == covered(one)
    for result, expected in [
        (intersect(left, right), covered(left) & covered(right)),
        (subtract(left, right), covered(left) - covered(right)),
    ]:
        assert is_normal(result)
        assert covered(result) == expected
    points_of_probe = covered([probe])
    assert contains(left, probe) == (bool(points_of_probe) and points_of_probe <= covered(left))
    for span in one:
        assert overlaps(span, probe) == bool(covered([span]) & points_of_probe)


def test_touching_spans_become_one_but_do_not_overlap() -> None:
    assert merge([(5, 7), (1, 5), (9, 9)]) == [(1, 7)]
    assert not overlaps((1, 5), (5, 7))


def test_a_customer_may_change_until_the_cut_off() -> None:
    start = 100_000
    assert change_refusal(AppointmentState.CONFIRMED, start, 120, start - 7200) is None
    assert change_refusal(AppointmentState.CONFIRMED, start, 120, start - 7199) is Reason.CUT_OFF
    assert change_refusal(AppointmentState.CONFIRMED, start, 0, start) is None
    assert change_refusal(AppointmentState.CANCELLED, start, 0, 0) is Reason.ALREADY_CANCELLED


def test_instants_are_whole_seconds_and_never_naive() -> None:
    moment = datetime(2027, 3, 28, 1, 0, 0, 999_999, tzinfo=UTC)
    assert from_instant(to_instant(moment)) == moment.replace(microsecond=0)
    assert to_instant(datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == -1
    with pytest.raises(ValueError, match="no time zone"):
        to_instant(datetime(2027, 3, 28))
