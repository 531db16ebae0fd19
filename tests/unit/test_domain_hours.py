"""Zones, opening hours, and instants as readers see them, against `zoneinfo` asked one instant at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise
from random import Random

import pytest

from booking_app.domain.assignment import choose, week_of
from booking_app.domain.errors import Invalid
from booking_app.domain.hours import checked_hours, checked_periods, open_spans
from booking_app.domain.local import by_local_date, iso, local_days, local_times, offset_label
from booking_app.domain.rules import Hours
from booking_app.domain.zone_rules import zone_keys, zone_rules
from booking_app.domain.zones import (
    checked_zone,
    date_of,
    day_number,
    day_span,
    day_start,
    local_date,
    offset_at,
    offsets,
)
from tests.unit import oracle


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize("part", range(8))
def test_offsets_equal_zoneinfo_in_every_zone(part: int) -> None:
    random = Random(part)
    for zone in sorted(zone_keys())[part::8]:
        rules = zone_rules(zone)
        for _ in range(6):
            begin = random.randrange(instant("1975-01-01T00:00Z"), instant("2090-01-01T00:00Z"))
            stretches = offsets(zone, (begin, begin + 200 * 86400))
            assert stretches[0][0] == begin
            assert stretches[-1][1] == begin + 200 * 86400
            for (_, end, offset), (start, _, following) in pairwise(stretches):
                assert end == start
                assert offset != following
            for start, end, offset in stretches:
                for probe in (start, random.randrange(start, end), end - 1):
                    local = datetime.fromtimestamp(probe, rules)
                    assert local.utcoffset() == timedelta(seconds=offset)
                    assert offset_at(zone, probe) == offset
                    assert local_date(zone, probe) == local.date()


def test_offsets_of_nothing_are_nothing() -> None:
    assert offsets("Europe/Amsterdam", (5, 5)) == []
    assert offsets("Europe/Amsterdam", (6, 5)) == []


@pytest.mark.parametrize(
    "name", ["Europe/Amsterdm", "", "../../etc/passwd", "Etc/Unknown", "europe/amsterdam\0", "America"]
)
def test_an_unknown_zone_names_its_field(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_zone(name)
    assert caught.value.field == "timezone"


def test_a_known_zone_passes() -> None:
    assert checked_zone("Asia/Calcutta") == "Asia/Calcutta"


@pytest.mark.parametrize(
    ("zone", "day", "starts", "hours"),
    [
        ("Europe/Amsterdam", "2027-03-28", "2027-03-28T00:00+01:00", 23),
        ("Europe/Amsterdam", "2027-10-31", "2027-10-31T00:00+02:00", 25),
        ("Australia/Lord_Howe", "2027-04-04", "2027-04-04T00:00+11:00", 24.5),
        ("America/Santiago", "2027-09-05", "2027-09-05T01:00-03:00", 23),
        ("America/Santiago", "2027-04-03", "2027-04-03T00:00-03:00", 25),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00+14:00", 0),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T00:00-10:00", 24),
        ("UTC", "2027-03-28", "2027-03-28T00:00+00:00", 24),
    ],
)
def test_a_local_day_begins_and_lasts(zone: str, day: str, starts: str, hours: float) -> None:
    begin, end = day_span(zone, date.fromisoformat(day))
    assert begin == instant(starts) == day_start(zone, date.fromisoformat(day))
    assert end - begin == hours * 3600


def test_day_numbers_are_days_since_1970() -> None:
    assert day_number(date(1970, 1, 1)) == 0
    assert date_of(day_number(date(2027, 2, 28)) + 1) == date(2027, 3, 1)


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"])
def test_open_spans_equal_the_oracle(zone: str) -> None:
    for year in (2010, 2011):
        for switch in oracle.switches(zone, year):
            span = (switch - 36 * 3600, switch + 36 * 3600)
            shut = local_date(zone, switch + 86400)
            for periods in [((0, 1440),), ((0, 61), (90, 150), (1380, 1440)), ((120, 180), (540, 1020))]:
                hours = Hours(zone=zone, weekly=dict.fromkeys(range(7), periods), overrides={shut: ((600, 660),)})
                spans = open_spans(hours, span)
                assert all(end < start for (_, end), (start, _) in pairwise(spans))
                covered = {minute for start, end in spans for minute in range(start, end, 60)}
                assert covered == oracle.open_minutes(hours, span)


def test_open_spans_join_across_midnight_and_across_the_gap() -> None:
    hours = Hours(zone="Europe/Amsterdam", weekly={5: ((1200, 1440),), 6: ((0, 300),)})
    span = day_span("Europe/Amsterdam", date(2027, 3, 27), 2)
    assert open_spans(hours, span) == [(instant("2027-03-27T20:00+01:00"), instant("2027-03-28T05:00+02:00"))]
    assert open_spans(hours, (span[0], span[0])) == []


def test_an_override_replaces_or_closes_a_date() -> None:
    hours = Hours(
        zone="UTC",
        weekly=dict.fromkeys(range(7), ((540, 600),)),
        overrides={date(2027, 6, 2): (), date(2027, 6, 3): ((0, 60), (1000, 1060))},
    )
    lengths = [end - start for start, end in open_spans(hours, day_span("UTC", date(2027, 6, 1), 4))]
    assert lengths == [3600] * 4
    assert open_spans(hours, day_span("UTC", date(2027, 6, 2))) == []


@pytest.mark.parametrize(
    ("periods", "words"),
    [
        ([(540, 540)], "09:00"),
        ([(600, 540)], "10:00 to 09:00"),
        ([(-1, 60)], "24:00"),
        ([(0, 1441)], "24:00"),
        ([(0, 60), (60, 120)], "01:00"),
        ([(300, 400), (0, 301)], "05:00"),
    ],
)
def test_wrong_periods_are_named(periods: list[tuple[int, int]], words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        checked_periods(periods, "weekly.3")
    assert caught.value.field == "weekly.3"


def test_hours_are_checked_and_put_in_order() -> None:
    hours = checked_hours(Hours(zone="UTC", weekly={0: ((600, 700), (0, 60))}, overrides={date(2027, 1, 1): ()}))
    assert hours.weekly[0] == ((0, 60), (600, 700))
    wrong = {
        "zone": Hours(zone="Mars/Base", weekly={}),
        "weekly.7": Hours(zone="UTC", weekly={7: ()}),
        "overrides.2027-01-01": Hours(zone="UTC", weekly={}, overrides={date(2027, 1, 1): ((9, 8),)}),
    }
    for field, each in wrong.items():
        with pytest.raises(Invalid) as caught:
            checked_hours(each)
        assert caught.value.field == field


def test_readers_see_what_zoneinfo_says() -> None:
    random = Random(1)
    for zone in [
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "America/St_Johns",
        "UTC",
    ]:
        begin = instant("2011-12-27T00:00Z")
        starts = sorted(random.randrange(begin, begin + 200 * 86400) for _ in range(300))
        local = [datetime.fromtimestamp(start, zone_rules(zone)) for start in starts]
        grouped = by_local_date(starts, zone)
        assert [label for labels in grouped.values() for label in labels] == [each.isoformat() for each in local]
        assert [(day, len(labels)) for day, labels in grouped.items()] == [
            (day, len(of_day)) for day, of_day in local_days(starts, zone).items()
        ]
        assert list(chain.from_iterable(local_days(starts, zone).values())) == starts
        assert list(grouped) == sorted({each.date().isoformat() for each in local})
        assert local_times(starts, zone) == [each.strftime("%H:%M") for each in local]
        assert iso(starts[0], zone) == local[0].isoformat()
    assert by_local_date([], "UTC") == {}
    assert local_times([], "UTC") == []


def test_offsets_are_written_as_iso_8601_does() -> None:
    assert [offset_label(offset) for offset in (0, 20700, -12600, 1172)] == ["+00:00", "+05:45", "-03:30", "+00:19:32"]


@pytest.mark.parametrize(
    ("moment", "zone", "begin", "end"),
    [
        ("2027-03-28T23:30+02:00", "Europe/Amsterdam", "2027-03-22T00:00+01:00", "2027-03-29T00:00+02:00"),
        ("2027-03-28T23:30+02:00", "Asia/Tokyo", "2027-03-29T00:00+09:00", "2027-04-05T00:00+09:00"),
        ("2027-01-01T12:00+00:00", "UTC", "2026-12-28T00:00+00:00", "2027-01-04T00:00+00:00"),
    ],
)
def test_a_week_is_the_local_monday_to_sunday(moment: str, zone: str, begin: str, end: str) -> None:
    assert week_of(instant(moment), zone) == (instant(begin), instant(end))


def test_the_free_person_with_the_fewest_appointments_is_chosen() -> None:
    assert choose([3, 1, 2], {1: 4, 2: 2, 3: 2}) == 2
    assert choose([3, 1, 2], {1: 4, 2: 2}) == 3
    assert choose([7], {7: 100, 8: 0}) == 7
    with pytest.raises(ValueError):
        choose([], {})


def test_week_starts_are_instants_of_the_zone() -> None:
    begin, _ = week_of(instant("2027-06-09T10:00+02:00"), "Europe/Amsterdam")
    assert datetime.fromtimestamp(begin, UTC).isoformat() == "2027-06-06T22:00:00+00:00"
