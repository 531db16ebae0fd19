"""Fresh, or withheld with a reason; never silently empty."""

from __future__ import annotations

from dataclasses import replace

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import Reason
from booking_app.domain.freshness import CalendarState, covered, distrust, failing, oldest

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
    assert failing(slow)
    assert not failing(FRESH)


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
