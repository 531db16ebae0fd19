"""Calendar files named after the case they stand for: against a reference library, and against what is right where
the reference is known to be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from icalendar import Calendar

from booking_app.sync import ical
from booking_app.sync.model import BusyKind, RemoteObject
from booking_app.sync.problems import Code, Problem

CASES = Path(__file__).parents[1] / "calendars"
ZONE = "Europe/Amsterdam"
LOW, HIGH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
WINDOW = (int(LOW.timestamp()), int(HIGH.timestamp()))
OWN = frozenset({"ann@example.com"})

AGREEING = """
    weekly_without_byday weekly_two_days_over_dst weekly_every_second_from_sunday exdate_in_utc
    exdate_in_another_zone exdate_as_date moved_instance moved_instance_named_in_utc
    moved_instance_far_away count until_in_utc yearly yearly_on_leap_day yearly_last_sunday_of_march
    monthly_on_the_31st monthly_last_workday monthly_second_tuesday rdate rdate_with_rule
    rdate_period start_outside_its_rule this_and_future only_overrides all_day all_day_three_days
    all_day_weekly_with_exceptions duration_over_midnight floating_series utc_series windows_zone
    quoted_windows_zone
""".split()  # noqa: SIM905


def expand(case: str, *, zone: str = ZONE, window: tuple[int, int] = WINDOW) -> RemoteObject:
    data = (CASES / f"{case}.ics").read_bytes()
    (found,) = ical.expand_objects([(f"/{case}.ics", '"1"', data)], zone, OWN, window)
    return found


def times(found: RemoteObject) -> list[tuple[int, int]]:
    return [(busy.start, busy.end) for busy in found.busy]


def at(*parts: int, zone: str = ZONE) -> int:
    return int(datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp())  # type: ignore[misc,arg-type]


def span(day: tuple[int, int, int], hour: int, hours: float = 1, zone: str = ZONE) -> tuple[int, int]:
    begin = at(*day, hour, zone=zone)
    return begin, begin + int(hours * 3600)


def reference(case: str, zone: str = ZONE) -> Iterator[tuple[int, int]]:
    local = ZoneInfo(zone)

    def instant(value: date) -> int:
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=local)).timestamp())

    calendar = Calendar.from_ical((CASES / f"{case}.ics").read_bytes())
    day = timedelta(days=1)
    for event in recurring_ical_events.of(calendar).between(LOW.astimezone(local) - day, HIGH.astimezone(local) + day):
        begin, end = instant(event.start), instant(event.end)
        if begin < WINDOW[1] and end > WINDOW[0]:
            yield begin, end


@pytest.mark.parametrize("case", AGREEING)
def test_p11_a_series_equals_the_reference_for_24_months(case: str) -> None:
    found = expand(case)
    assert times(found) == sorted(set(reference(case)))
    assert found.busy
    assert found.problems == ()


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Kolkata", "Pacific/Auckland", "America/Havana"])
@pytest.mark.parametrize(
    ("case", "first", "last"),
    [("all_day", (2026, 3, 29), (2026, 3, 30)), ("all_day_three_days", (2026, 10, 24), (2026, 10, 27))],
)
def test_p13_an_all_day_event_blocks_exactly_the_owners_days(
    case: str, first: tuple[int, int, int], last: tuple[int, int, int], zone: str
) -> None:
    found = expand(case, zone=zone)
    assert times(found) == [(at(*first, zone=zone), at(*last, zone=zone))]
    assert [busy.kind for busy in found.busy] == [BusyKind.ALL_DAY]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Kolkata", "Pacific/Auckland"])
def test_p13_an_all_day_series_has_no_gap_and_no_overlap_with_the_days_around(zone: str) -> None:
    for begin, end in times(expand("all_day_weekly_with_exceptions", zone=zone)):
        local = datetime.fromtimestamp(begin, ZoneInfo(zone))
        assert (local.hour, local.minute) == (0, 0)
        assert datetime.fromtimestamp(end, ZoneInfo(zone)) == local + timedelta(days=1)


MONDAYS = [(2026, 1, 5), (2026, 1, 12), (2026, 1, 19)]


def test_an_until_that_is_a_date_includes_that_day() -> None:
    expected = [span((2026, 1, day), 9) for day in (5, 6, 7)]
    assert times(expand("until_as_date_for_a_timed_series")) == expected


@pytest.mark.parametrize("case", ["cancelled_instance", "transparent_instance", "declined_instance"])
def test_p15_an_instance_that_takes_no_time_leaves_the_others(case: str) -> None:
    assert times(expand(case)) == [span(MONDAYS[0], 9), span(MONDAYS[2], 9)]


def test_p15_only_the_owners_own_answer_counts() -> None:
    assert times(expand("declined_by_somebody_else")) == [span(MONDAYS[0], 9)]
    assert times(expand("delegated")) == []
    (busy,) = expand("unanswered").busy
    assert busy.kind is BusyKind.TENTATIVE


def test_a_cancelled_series_takes_its_older_exceptions_along() -> None:
    assert times(expand("cancelled_series")) == []


def test_of_two_versions_of_an_instance_the_higher_sequence_counts() -> None:
    assert times(expand("same_instance_twice")) == [span(MONDAYS[0], 9), span((2026, 1, 13), 9)]


def test_a_time_in_the_gap_keeps_its_length() -> None:
    begin = int(datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp())  # 02:30 with the offset before the gap
    assert times(expand("gap")) == [(begin, begin + 3600)]


def test_an_ambiguous_time_is_the_first_of_the_two() -> None:
    begin = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())
    assert times(expand("fold")) == [(begin, begin + 900)]


def test_across_a_dst_change_the_later_of_the_two_ends_blocks() -> None:
    shifts = times(expand("night_shift_over_spring_forward"))
    # 8 hours elapsed end at 07:00 in the short night, where the clock says 06:00.
    assert shifts[1] == (at(2026, 3, 28, 22), at(2026, 3, 29, 7))
    assert shifts[0] == (at(2026, 3, 27, 22), at(2026, 3, 28, 6))
    # In the long night the clock says 06:00 after 9 hours.
    assert times(expand("night_shift_over_fall_back"))[1] == (at(2026, 10, 24, 22), at(2026, 10, 25, 6))


def test_an_event_without_length_is_not_busy() -> None:
    assert times(expand("zero_length")) == []


@pytest.mark.parametrize(
    ("case", "zone"),
    [
        ("windows_zone", "America/New_York"),
        ("quoted_windows_zone", "Europe/Berlin"),
        ("customized_time_zone", "Europe/Amsterdam"),
        ("customized_time_zone_elsewhere", "America/New_York"),
        ("microsoft_custom_zone", "Europe/Amsterdam"),
    ],
)
def test_p37_the_zones_that_microsoft_writes_are_understood(case: str, zone: str) -> None:
    found = expand(case)
    assert times(found) == [span((2026, 7, 6), 9, zone=zone)]
    assert found.problems == ()


def test_p37_one_name_with_different_rules_in_two_files_stays_apart() -> None:
    first, second = expand("customized_time_zone"), expand("customized_time_zone_elsewhere")
    assert second.busy[0].start - first.busy[0].start == 6 * 3600
    assert times(expand("customized_time_zone")) == times(first)


@pytest.mark.parametrize("case", ["stale_rules_for_a_known_zone", "mozilla_zone_path", "folded_and_alarmed"])
def test_p37_a_known_zone_wins_over_its_embedded_rules(case: str) -> None:
    assert times(expand(case)) == [span(MONDAYS[0], 9)]


def test_p37_an_unknown_zone_blocks_with_a_margin_and_is_listed() -> None:
    found = expand("unknown_zone")
    begin = int(datetime(2026, 7, 6, 9, tzinfo=UTC).timestamp())
    assert times(found) == [(begin - 14 * 3600, begin + 3600 + 14 * 3600)]
    assert found.busy[0].kind is BusyKind.UNCERTAIN
    assert found.problems == (Problem(Code.ZONE, begin),)


def test_a_bad_rule_blocks_every_day_at_its_time() -> None:
    found = expand("bad_rule")
    assert times(found)[:3] == [span((2026, 1, day), 9) for day in (5, 6, 7)]
    assert len(found.busy) == 786
    assert {busy.kind for busy in found.busy} == {BusyKind.UNCERTAIN}
    assert found.problems


def test_a_rule_that_never_matches_leaves_its_first_day() -> None:
    found = expand("never_matching_rule")
    assert (times(found), found.problems) == ([span((2026, 1, 5), 9)], ())


@pytest.mark.parametrize("case", ["bad_rule_within_the_day", "secondly_bomb"])
def test_a_series_that_cannot_be_expanded_blocks_from_its_start(case: str) -> None:
    found = expand(case)
    assert times(found) == [(at(2026, 1, 5, 9), WINDOW[1])]
    assert found.busy[0].kind is BusyKind.UNCERTAIN
    assert found.problems


@pytest.mark.parametrize("case", ["bad_start", "cut_off"])
def test_p17_what_cannot_be_placed_blocks_the_whole_window(case: str) -> None:
    found = expand(case)
    assert times(found) == [WINDOW]
    assert found.busy[0].kind is BusyKind.UNCERTAIN
    assert found.problems


def test_an_unreadable_end_blocks_a_day() -> None:
    found = expand("bad_end")
    begin = int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp())
    assert times(found) == [(begin, begin + 86_400)]
    assert found.problems == (Problem(Code.END, begin),)


def test_an_end_before_the_start_blocks_a_day_from_the_start() -> None:
    found = expand("end_before_start")
    begin = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp())
    assert times(found) == [(begin, begin + 86_400)]
    assert found.problems == (Problem(Code.END_BEFORE_START, begin),)


def test_an_event_of_centuries_ends_in_2200() -> None:
    assert times(expand("centuries_long"))[0][1] == ical.LATEST


def test_tasks_and_journals_take_no_time() -> None:
    found = expand("tasks_and_journals")
    assert (found.busy, found.problems) == ((), ())


def test_every_file_of_the_corpus_is_used() -> None:
    text = Path(__file__).read_text()
    unused = [case.stem for case in CASES.glob("*.ics") if case.stem not in text]
    assert unused == []
