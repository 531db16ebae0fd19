"""Calendar files as exporters and servers write them that nobody here had seen: what they block, and what of them is
named as not understood."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from booking_app.sync.model import Busy, BusyKind
from tests.unit.test_ical_corpus import CASES, expand

ODD = CASES / "odd"

MARKS = {BusyKind.UNCERTAIN: " ?", BusyKind.TENTATIVE: " ~"}
RIGHT: dict[str, tuple[str, list[str]]] = {
    "end_without_zone": ("", ["2026-12-11 14:00 15:00"]),
    "open_end_before_start": ("end-before-start", ["2026-12-10 13:00 12-11 13:00 ?"]),
    "end_date_before_start": ("end-before-start", ["2026-12-10 13:00 12-11 13:00 ?"]),
    "negative_duration": ("end-before-start", ["2026-12-10 13:00 12-11 13:00 ?"]),
    "all_day_end_before_start": ("end-before-start", ["2026-12-09 23:00 12-10 23:00 ?"]),
    "whole_day_with_hours_duration": ("length", ["2026-12-01 23:00 12-02 23:00 ?"]),
    "whole_day_until_an_hour": ("length", ["2026-12-01 23:00 12-03 23:00 ?"]),
    "end_at_24_00": ("", ["2026-12-09 21:00 23:00"]),
    "start_at_24_00": ("", ["2026-12-09 23:00 12-10 00:00"]),
    "until_at_24_00": ("", ["2026-12-10 08:00 09:00", "2026-12-11 08:00 09:00"]),
    "exdate_without_zone": ("", ["2026-12-08 14:00 15:00", "2026-12-09 14:00 15:00", "2026-12-11 14:00 15:00"]),
    "rdate_without_zone": ("", ["2026-12-08 14:00 15:00", "2026-12-09 16:00 17:00", "2026-12-10 14:00 14:30"]),
    "recurrence_id_without_zone": ("", ["2026-12-08 14:00 15:00", "2026-12-09 20:00 21:00"]),
    "same_uid_twice": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30"]),
    "no_uid_twice": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30"]),
    "newer_revision_beside_the_old": ("", ["2026-12-10 10:00 10:30"]),
    "same_uid_as_a_series": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30", "2026-12-11 08:00 08:30"]),
    "unreadable_recurrence_id": ("exception", [
        "2026-12-10 08:00 08:30",
        "2026-12-10 10:00 10:30 ?",
        "2026-12-10 14:00 14:30 ?",
        "2026-12-11 08:00 08:30",
    ]),
    "moved_to_two_places": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30", "2026-12-10 14:00 14:30"]),
    "moved_then_deleted": ("", ["2026-12-03 09:00 10:00", "2026-12-17 09:00 10:00"]),
    "deleted_then_moved": ("", ["2026-12-03 09:00 10:00", "2026-12-10 14:00 15:00"]),
    "rdate_after_thisandfuture": ("", [
        "2026-12-01 12:00 14:00",
        "2026-12-03 12:00 14:00",
        "2026-12-05 09:00 16:00",
        "2026-12-06 06:00 13:00",
        "2026-12-07 09:00 16:00",
        "2026-12-09 09:00 16:00",
        "2026-12-11 09:00 16:00",
    ]),
    "windows_name_own_rules": ("", ["2027-07-19 13:30 14:00"]),
    "offset_name_own_rules": ("", ["2027-07-19 04:30 05:00"]),
    "exchange_escaped_tzid": ("", ["2026-12-10 09:00 10:00"]),
    "escaped_name_of_its_own": ("", ["2026-12-10 13:00 14:00"]),
    "windows_display_name": ("", ["2026-12-01 18:30 20:00", "2026-12-08 18:30 20:00"]),
    "display_name_without_quotes": ("zone", ["2026-11-30 23:30 12-02 04:30 ?"]),
    "tzid_unquoted_colon": ("", ["2026-12-10 09:30 10:30"]),
    "display_name_unquoted": ("", ["2027-07-01 13:00 14:00"]),
    "colon_before_the_parameters": ("", ["2026-12-10 14:00 15:00"]),
    "offset_in_front_of_an_unknown_name": ("zone", ["2026-12-10 15:00 20:00 ?"]),
    "apple_travel_time": ("", ["2026-12-10 09:15 11:00"]),
    "travel_time_of_a_series": ("", ["2026-12-10 09:30 11:00", "2026-12-17 11:45 13:00", "2026-12-24 10:00 11:00"]),
    "travel_time_unreadable": ("travel", ["2026-12-10 08:00 11:00 ?"]),
    "travel_to_what_takes_no_time": ("", []),
    "vfreebusy_object": ("", ["2026-12-10 09:00 11:00"]),
    "free_busy_of_each_kind": ("", [
        "2026-12-10 08:00 09:00",
        "2026-12-10 10:00 11:00",
        "2026-12-10 14:00 15:00 ~",
        "2026-12-10 16:00 17:00",
        "2026-12-10 18:00 19:00",
    ]),
    "free_busy_unreadable": ("busy-times", ["2026-12-10 00:00 12-11 00:00 ?", "2026-12-10 08:00 09:00"]),
    "two_calendars_in_one_object": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30"]),
    "two_calendars_two_zones": ("", ["2026-12-10 09:00 09:30", "2026-12-10 15:00 15:30"]),
    "count_zero": ("rule", []),
    "interval_zero": ("rule", ["2026-12-10 08:00 09:00 ?", "2026-12-17 08:00 09:00 ?"]),
    "count_below_zero": ("rule", ["2026-12-10 08:00 09:00 ?", "2026-12-11 08:00 09:00 ?"]),
    "rule_within_a_rule": ("", ["2026-12-10 08:00 09:00", "2026-12-11 08:00 09:00"]),
    "rule_within_a_rule_sorted": ("", ["2026-12-10 08:00 09:00", "2026-12-11 08:00 09:00"]),
    "zone_within_a_rule": ("", ["2026-12-10 08:00 09:00", "2026-12-11 08:00 09:00"]),
    "frequency_twice": ("", ["2026-12-10 08:00 09:00", "2026-12-17 08:00 09:00"]),
    "two_frequencies": ("rule", ["2026-12-10 08:00 09:00 ?", "2026-12-11 08:00 09:00 ?", "2026-12-17 08:00 09:00 ?"]),
    "weekday_that_is_none": ("rule", []),
    "rscale_gregorian": ("", [
        "2026-12-30 23:00 12-31 23:00",
        "2027-01-30 23:00 01-31 23:00",
        "2027-02-27 23:00 02-28 23:00",
        "2027-03-30 22:00 03-31 22:00",
    ]),
    "rscale_forward": ("", [
        "2026-12-30 23:00 12-31 23:00",
        "2027-01-30 23:00 01-31 23:00",
        "2027-02-28 23:00 03-01 23:00",
        "2027-03-30 22:00 03-31 22:00",
    ]),
    "rscale_of_another_calendar": ("rule", [
        "2025-12-31 23:00 2026-01-01 23:00 ?",
        "2026-01-01 23:00 01-02 23:00 ?",
        "2026-01-02 23:00 01-03 23:00 ?",
    ]),
    "minutely_count": ("", [
        "2026-12-02 08:00 08:10",
        "2026-12-02 08:01 08:11",
        "2026-12-02 08:02 08:12",
        "2026-12-02 08:03 08:13",
        "2026-12-02 08:04 08:14",
        "2026-12-02 08:05 08:15",
    ]),
    "minutely_long_ago": ("", []),
    "minutely_filtered": ("", [
        "2026-01-05 08:00 08:10",
        "2026-12-02 08:00 08:10",
        "2026-12-02 08:30 08:40",
        "2027-12-02 08:00 08:10",
        "2027-12-02 08:30 08:40",
    ]),
    "est_own_rules": ("", ["2027-07-01 14:00 15:00"]),
    "rdate_unknown_zone": ("zone", ["2026-12-01 09:00 10:00 ?", "2026-12-09 19:00 12-11 00:00 ?"]),
    "exdate_unknown_zone": ("zone", [
        "2026-12-01 09:00 10:00 ?",
        "2026-12-02 09:00 10:00 ?",
        "2026-12-03 09:00 10:00 ?",
    ]),
    "dtstamp_missing_once": ("", ["2026-12-10 08:00 08:30", "2026-12-10 10:00 10:30"]),
    "cancelled_beside_series": ("", [
        "2026-12-03 09:00 10:00",
        "2026-12-10 14:00 15:00",
        "2026-12-17 09:00 10:00",
    ]),
    "newer_override_of_cancelled": ("", ["2026-12-10 13:00 14:00"]),
    "vfreebusy_mixed": ("busy-times", ["2026-12-10 00:00 12-11 00:00 ?", "2026-12-10 12:00 12-11 12:00 ?"]),
    "value_date_with_time": ("", ["2026-12-09 23:00 12-10 23:00"]),
    "iso_extended": ("", ["2026-12-10 09:00 10:00"]),
    "end_and_duration": ("length", ["2026-12-10 09:00 12:00 ?"]),
    "crcrlf_fold": ("", [
        "2026-12-07 09:00 10:00",
        "2026-12-09 09:00 10:00",
        "2026-12-14 09:00 10:00",
        "2026-12-16 09:00 10:00",
    ]),
    "secondly_until": ("too-much-work", ["2026-12-02 08:00 12-03 08:01 ?"]),
}  # fmt: skip
"""Codes of what could not be read, and blocks in UTC: "?" behind what is not certain, "~" behind the tentative."""


def words(busy: Busy) -> str:
    start, end = (datetime.fromtimestamp(each, UTC) for each in (busy.start, busy.end))
    if start.date() == end.date():
        until = f"{end:%H:%M}"
    else:
        until = f"{end:%m-%d %H:%M}" if start.year == end.year else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} {until}{MARKS.get(busy.kind, '')}"


@pytest.mark.parametrize("case", RIGHT)
def test_p10_p11_p37_what_exporters_write_blocks_what_it_means(case: str) -> None:
    found = expand(f"odd/{case}")
    codes, blocks = RIGHT[case]
    assert [words(busy) for busy in found.busy] == blocks
    assert " ".join(dict.fromkeys(problem.code for problem in found.problems)) == codes


@pytest.mark.parametrize("case", [case for case, (codes, blocks) in RIGHT.items() if codes and blocks])
def test_what_is_not_understood_is_named_with_its_date(case: str) -> None:
    found = expand(f"odd/{case}")
    unsure = [busy for busy in found.busy if busy.kind is BusyKind.UNCERTAIN]
    for problem in found.problems:
        assert problem.at is not None
        assert min(busy.start for busy in unsure) - 15 * 3600 < problem.at or problem.at < found.busy[0].start


def test_every_file_has_its_right_blocks() -> None:
    assert {path.stem for path in ODD.glob("*.ics")} == RIGHT.keys()
