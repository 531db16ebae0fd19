"""Where appointments and busy blocks stand in the team calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from booking_app.domain.zones import day_span
from booking_app.state.team_layout import HOUR, Frame, closed_bands, frame, hour_marks, places, wall_minutes

AMSTERDAM = "Europe/Amsterdam"
OFFICE = Frame(first=8 * 60, last=18 * 60)


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]


def test_wall_minutes_are_those_of_the_clock_and_cut_at_midnight() -> None:
    day = day_span(AMSTERDAM, date(2027, 3, 1))
    assert wall_minutes((at(2027, 3, 1, 8, 30), at(2027, 3, 1, 9, 15)), day, AMSTERDAM) == (570, 615)
    assert wall_minutes((at(2027, 2, 28, 20), at(2027, 3, 1, 1)), day, AMSTERDAM) == (0, 120)
    assert wall_minutes((at(2027, 3, 1, 22), at(2027, 3, 2, 5)), day, AMSTERDAM) == (1380, 1440)
    assert wall_minutes((at(2027, 3, 1, 23), at(2027, 3, 2, 5)), day, AMSTERDAM) is None


def test_p34_a_meeting_in_the_repeated_hour_keeps_its_length() -> None:
    day = day_span(AMSTERDAM, date(2027, 10, 31))
    # 02:30 summer time to 02:15 winter time: three quarters of an hour.
    assert wall_minutes((at(2027, 10, 31, 0, 30), at(2027, 10, 31, 1, 15)), day, AMSTERDAM) == (150, 195)


def test_the_frame_grows_in_whole_hours_and_never_shrinks_below_the_least() -> None:
    assert frame([]) == OFFICE
    assert frame([(7 * 60 + 30, 9 * 60), (17 * 60, 20 * 60 + 5)]) == Frame(first=7 * 60, last=21 * 60)
    marks = hour_marks(frame([]))
    assert [mark.label for mark in marks[:2]] == ["8:00", "9:00"]
    assert marks[1].top == HOUR


def test_closed_bands_are_what_the_open_hours_leave() -> None:
    bands = closed_bands([(13 * 60, 17 * 60), (9 * 60, 12 * 60)], OFFICE)
    assert [(band.top, band.height) for band in bands] == [(0, HOUR), (4 * HOUR, HOUR), (9 * HOUR, HOUR)]
    assert [(band.top, band.height) for band in closed_bands([], OFFICE)] == [(0, 10 * HOUR)]
    assert closed_bands([(0, 24 * 60)], OFFICE) == ()


def test_what_overlaps_stands_side_by_side_and_the_rest_keeps_the_whole_width() -> None:
    [first, second, alone] = places([(540, 600), (570, 630), (660, 720)], OFFICE)
    assert (first.left, first.width) == (0, 50)
    assert (second.left, second.width) == (50, 50)
    assert (alone.left, alone.width) == (0, 100)
    assert alone.top == 3 * HOUR + 1
    assert alone.height == HOUR - 3


def test_two_short_ones_in_a_row_are_drawn_beside_each_other_rather_than_over() -> None:
    [first, second] = places([(540, 545), (545, 550)], OFFICE)
    assert (first.left, second.left) == (0, 50)


@given(st.lists(st.tuples(st.integers(480, 1060), st.integers(5, 180)), max_size=30))
def test_no_two_blocks_cover_each_other(pairs: list[tuple[int, int]]) -> None:
    found = places([(start, min(start + length, 1080)) for start, length in pairs], OFFICE)
    assert len(found) == len(pairs)
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            apart_in_time = one.top + one.height <= other.top + 1 or other.top + other.height <= one.top + 1
            apart_across = one.left + one.width <= other.left + 0.05 or other.left + other.width <= one.left + 0.05
            assert apart_in_time or apart_across
