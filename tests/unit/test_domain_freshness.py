"""Fresh, or withheld with a reason; never silently empty."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import Reason
from booking_app.domain.freshness import (
    SLOW,
    TOLERANCE,
    CalendarState,
    covered,
    distrust,
    oldest,
    trusted_until,
    worth_waiting,
)

NOW = 1_800_000_000
FRESH = CalendarState(calendar_id=1, verified_at=NOW - 600, window=(NOW - 1000, NOW + 1000))


def test_data_is_trusted_up_to_the_bound_itself() -> None:
    assert distrust([FRESH], NOW, 600) is None
    assert distrust([FRESH], NOW + 1, 600) is Reason.CALENDAR_STALE
    assert distrust([], NOW, 600) is None


def test_a_passing_error_is_no_reason_while_the_data_is_young() -> None:
    slow = replace(FRESH, troubled=True, connection=ConnectionState.SLOWED)
    assert distrust([slow], NOW, 600) is None
    assert distrust([slow], NOW + 1, 600) is Reason.CALENDAR_UNREADABLE
    assert not worth_waiting(slow)
    assert worth_waiting(FRESH)


def test_nobody_waits_for_what_was_slow_or_was_never_read() -> None:
    assert worth_waiting(replace(FRESH, takes=SLOW))
    assert not worth_waiting(replace(FRESH, takes=SLOW + 0.1))
    assert not worth_waiting(replace(FRESH, verified_at=None))


def test_p07_what_is_slow_counts_only_within_the_bound_of_what_fails() -> None:
    slow = replace(FRESH, takes=80, verified_at=NOW - 30)
    assert distrust([slow], NOW, 600, 30) is None
    assert distrust([slow], NOW + 1, 600, 30) is Reason.CALENDAR_STALE


def test_p07_what_could_not_be_read_last_time_counts_only_within_its_own_bound() -> None:
    young, old = replace(FRESH, verified_at=NOW - 30), replace(FRESH, verified_at=NOW - 31)
    for each, reason in ((young, None), (old, Reason.CALENDAR_UNREADABLE)):
        assert distrust([replace(each, troubled=True)], NOW, 600, 30) is reason
        assert distrust([each, replace(FRESH, connection=ConnectionState.SLOWED)], NOW, 600, 30) is None
    assert distrust([replace(old, troubled=True)], NOW, 600) is None


@given(
    st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=4),
    st.sampled_from([0.0, 10.0, 30.5, 600.0]),
)
def test_until_when_calendars_are_trusted_is_when_they_no_longer_are(
    ages: list[tuple[int, bool]], when_failing: float
) -> None:
    calendars = [
        replace(FRESH, calendar_id=number, verified_at=NOW - age, troubled=troubled)
        for number, (age, troubled) in enumerate(ages)
    ]
    if distrust(calendars, NOW, 600, when_failing) is not None:
        return
    until = trusted_until(calendars, 600, when_failing)
    assert (until is None) == (not calendars)
    if until is not None:
        assert distrust(calendars, until, 600, when_failing) is None
        assert distrust(calendars, until + 1, 600, when_failing) is not None


def test_p17_unreadable_is_never_empty_however_young_the_copy() -> None:
    for broken in (
        replace(FRESH, stopped=True),
        replace(FRESH, connection=ConnectionState.STOPPED),
        replace(FRESH, connection=ConnectionState.NEEDS_SIGN_IN),
    ):
        assert distrust([FRESH, broken], NOW, 600) is Reason.CALENDAR_UNREADABLE
        assert distrust([replace(FRESH, verified_at=None), broken], NOW, 600) is Reason.CALENDAR_UNREADABLE


def test_the_oldest_calendar_speaks_for_all_and_one_never_read_for_nobody() -> None:
    younger = replace(FRESH, verified_at=NOW)
    assert oldest([younger, FRESH]) == NOW - 600
    assert oldest([]) is None
    assert oldest([FRESH, replace(FRESH, verified_at=None)]) is None
    assert distrust([replace(FRESH, verified_at=None)], NOW, 600) is Reason.CALENDAR_STALE


def test_an_appointment_with_its_buffers_lies_in_what_every_calendar_covers() -> None:
    assert covered([FRESH], (NOW - 5000, NOW + 5000), 100, 300) == (NOW - 900, NOW + 701)
    narrow = replace(FRESH, window=(NOW, NOW + 500))
    assert covered([FRESH, narrow], (NOW - 5000, NOW + 5000), 0, 500) == (NOW, NOW + 1)
    assert covered([narrow], (NOW - 5000, NOW - 4000), 0, 0) == (NOW, NOW)
    assert covered([], (1, 2), 100, 100) == (1, 2)


def test_the_future_is_never_fresh() -> None:
    assert distrust([replace(FRESH, verified_at=NOW + TOLERANCE)], NOW, 600) is None
    for ahead in (TOLERANCE + 1, 3 * 3600):
        assert distrust([replace(FRESH, verified_at=NOW + ahead)], NOW, 600) is Reason.CALENDAR_STALE
