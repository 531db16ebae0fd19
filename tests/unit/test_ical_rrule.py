"""Our recurrence rules against python-dateutil, over random rules, starts and spans."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_app.sync import rrule
from booking_app.sync.rule_text import read_rule
from booking_app.sync.work import TooDense, Work
from booking_app.sync.zones import clock, from_clock

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def ours(text: str, start: datetime, low: datetime, high: datetime) -> list[datetime]:
    walls = rrule.walls(read_rule(text).rules[0], clock(start), None, clock(low), clock(high))
    return [from_clock(wall) for wall in walls]


def expected(text: str, start: datetime, low: datetime, high: datetime) -> list[datetime]:
    found = []
    for moment in rrulestr(text, dtstart=start):
        if moment > high:
            break
        if moment >= low:
            found.append(moment)
    return found


def numbers(low: int, high: int, *, negative: bool = False) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    if negative:
        value = st.one_of(value, st.integers(-high, -low))
    return st.lists(value, min_size=1, max_size=3, unique=True).map(lambda xs: ",".join(map(str, xs)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules that match again and again: the reference looks for a match until the year 9999."""
    freq = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]))
    interval = draw(st.sampled_from([1, 1, 2, 3, 5]))
    coarse = freq in ("YEARLY", "MONTHLY")
    parts = [f"FREQ={freq};INTERVAL={interval};WKST={draw(st.sampled_from(WEEKDAYS))}"]
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"COUNT={draw(st.integers(1, 60))}")
    days = draw(st.sampled_from(["none", "weekdays", "nth", "month", "both", "year"]))
    if draw(st.booleans()) and days != "year" and (freq != "MONTHLY" or interval == 1):
        parts.append(f"BYMONTH={draw(numbers(1, 12))}")
    if days in ("month", "both") and freq in ("YEARLY", "MONTHLY", "DAILY"):
        parts.append(f"BYMONTHDAY={draw(numbers(1, 28, negative=True))}")
    if days == "year" and freq == "YEARLY":
        parts.append(f"BYYEARDAY={draw(numbers(1, 365, negative=True))}")
    if days in ("weekdays", "both") or (days == "nth" and not coarse):
        chosen = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True))
        parts.append("BYDAY=" + ",".join(chosen))
    elif days == "nth":
        nth = st.integers(-4, 4).filter(bool).map(str)
        chosen_nth = draw(st.lists(st.tuples(nth, st.sampled_from(WEEKDAYS)), min_size=1, max_size=3))
        parts.append("BYDAY=" + ",".join(dict.fromkeys("".join(day) for day in chosen_nth)))
    if freq != "HOURLY" and draw(st.integers(0, 4)) == 0:
        parts.append(f"BYHOUR={draw(numbers(0, 23))}")
    if draw(st.integers(0, 5)) == 0:
        parts.append(f"BYMINUTE={draw(numbers(0, 59))}")
    # dateutil counts positions from DTSTART in the first week, RFC 5545 in the whole week: not compared there.
    if freq in ("YEARLY", "MONTHLY", "DAILY") and draw(st.integers(0, 3)) == 0:
        parts.append(f"BYSETPOS={draw(st.sampled_from(['1', '-1', '1,-1']))}")
    return ";".join(parts)


starts = st.datetimes(datetime(2016, 1, 1), datetime(2026, 12, 31)).map(lambda d: d.replace(microsecond=0))


@settings(max_examples=200, deadline=None)
@given(text=rules(), start=starts, skip=st.integers(0, 500), days=st.integers(1, 200))
def test_p11_any_rule_gives_what_the_reference_gives(text: str, start: datetime, skip: int, days: int) -> None:
    low = start + timedelta(days=skip)
    high = low + timedelta(days=days)
    assert ours(text, start, low, high) == expected(text, start, low, high)


@pytest.mark.parametrize("start", [datetime(2024, 12, 30, 9), datetime(2020, 2, 29, 9), datetime(1999, 1, 31, 9)])
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY",
        "FREQ=MONTHLY",
        "FREQ=YEARLY;BYWEEKNO=1,20,53,-1;BYDAY=MO,SU",
        "FREQ=YEARLY;BYWEEKNO=1;WKST=SU;BYDAY=SU",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "FREQ=YEARLY;BYDAY=20MO",
        "FREQ=YEARLY;BYMONTH=1,6;BYDAY=-1SU",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU",
        "FREQ=MINUTELY;INTERVAL=90",
        "FREQ=SECONDLY;INTERVAL=86400",
    ],
)
def test_p11_the_rules_of_rfc_5545_equal_the_reference_for_years(text: str, start: datetime) -> None:
    low, high = start, start + timedelta(days=730 if "MINUTELY" in text else 5000)
    assert ours(text, start, low, high) == expected(text, start, low, high)


def test_a_rule_that_never_matches_ends() -> None:
    start = datetime(2000, 1, 1, 9)
    for freq in ("YEARLY", "MONTHLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"):
        assert ours(f"FREQ={freq};BYMONTH=2;BYMONTHDAY=30", start, start, datetime(2027, 1, 1)) == []


def test_a_rule_that_exhausts_the_reader_is_given_up() -> None:
    start = datetime(2026, 1, 1)
    for text in (
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYSECOND=1,2,3,4,5,6,7,8,9,10",
        "FREQ=YEARLY;BYYEARDAY="
        + ",".join(str(n) for n in range(1, 367))
        + ";BYSETPOS=1;BYHOUR="
        + ",".join(str(n) for n in range(24))
        + ";BYMINUTE="
        + ",".join(str(n) for n in range(60)),
    ):
        with pytest.raises(TooDense):
            ours(text, start, start, datetime(2030, 1, 1))


@pytest.mark.parametrize(
    ("text", "reading", "unread"),
    [
        ("FREQ=WEEKLY;COUNT=0;UNTIL=20260201", "FREQ=WEEKLY;UNTIL=20260201", "COUNT"),
        ("FREQ=WEEKLY;COUNT=-1", "FREQ=WEEKLY", "COUNT"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=3", "FREQ=DAILY;COUNT=3", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=;COUNT=3", "FREQ=DAILY;COUNT=3", "INTERVAL"),
        ("FREQ=WEEKLY;BYDAY=MO;BYDAY=WE", "FREQ=WEEKLY;BYDAY=MO,WE", "BYDAY"),
        ("FREQ=DAILY;INTERVAL=4;INTERVAL=6", "FREQ=DAILY;INTERVAL=2", "INTERVAL"),
        ("FREQ=DAILY;COUNT=3;COUNT=5", "FREQ=DAILY;COUNT=5", "COUNT"),
        ("FREQ=DAILY;UNTIL=20260201;UNTIL=20260301", "FREQ=DAILY;UNTIL=20260301", "UNTIL"),
        ("FREQ=WEEKLY;UNTIL=soon", "FREQ=WEEKLY", "UNTIL"),
        ("FREQ=MONTHLY;BYDAY=0MO", "FREQ=MONTHLY;BYDAY=MO", "BYDAY"),
        ("FREQ=WEEKLY;BYDAY=MO,XX", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "BYDAY"),
        ("FREQ=YEARLY;BYMONTH=13;UNTIL=20260201", "FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;UNTIL=20260201",
         "BYMONTH"),
        ("FREQ=WEEKLY;BYDAY=MO;BYEASTER=1", "FREQ=WEEKLY;BYDAY=MO", "BYEASTER"),
        ("FREQ=FORTNIGHTLY;BYDAY=MO;UNTIL=20260201", "FREQ=DAILY;BYDAY=MO;UNTIL=20260201", "FREQ"),
        ("BYDAY=MO", "FREQ=DAILY;BYDAY=MO", "FREQ"),
        ("", "FREQ=DAILY", "FREQ"),
        ("FREQ=MONTHLY;RSCALE=CHINESE;UNTIL=20260201", "FREQ=DAILY;UNTIL=20260201", "RSCALE"),
        ("FREQ=WEEKLY;WKST=XX;BYDAY=TU", "FREQ=WEEKLY;BYDAY=TU", "WKST"),
    ],
)  # fmt: skip
def test_one_part_that_cannot_be_read_leaves_the_others(text: str, reading: str, unread: str) -> None:
    found, meant = read_rule(text), read_rule(reading)
    assert (found.rules, found.unread) == (meant.rules, (unread,))
    assert not meant.unread


@pytest.mark.parametrize(
    "text",
    ["RRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3", "RRULE:RRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3",
     "freq=weekly;byday=mo,tu;count=3;", ";FREQ=WEEKLY;;BYDAY=MO, TU;COUNT=3",
     "FREQ=WEEKLY;FREQ=WEEKLY;BYDAY=TU,MO;COUNT=3",
     r"FREQ=WEEKLY\;BYDAY=MO\,TU\;COUNT=3", "TZID=Europe/Berlin;FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3",
     "FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3;X-OTHER=1", "RSCALE=GREGORIAN;SKIP=OMIT;FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3",
     "RSCALE=HEBREW;FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3"],
)  # fmt: skip
def test_what_is_written_oddly_but_plainly_is_read_without_a_doubt(text: str) -> None:
    assert read_rule(text) == read_rule("FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3")


def test_two_frequencies_are_both_taken() -> None:
    found = read_rule("FREQ=DAILY;FREQ=WEEKLY;COUNT=2")
    assert [rule.freq for rule in found.rules] == ["DAILY", "WEEKLY"]
    assert found.unread == ("FREQ",)


def test_a_count_of_what_cannot_be_told_still_ends_the_rule() -> None:
    (rule,) = read_rule("FREQ=WEEKLY;BYDAY=XX;COUNT=4").rules
    start = datetime(2026, 1, 5, 9)
    found = ours("FREQ=WEEKLY;BYDAY=XX;COUNT=4", start, start, datetime(2027, 1, 1))
    assert found == [start + timedelta(days=day) for day in range(36)]
    assert rule.count is None


SKIPS = [
    ("FREQ=MONTHLY", (2026, 12, 31), ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"],
     ["2026-12-31", "2027-01-31", "2027-03-01", "2027-03-31"]),
    ("FREQ=YEARLY", (2024, 2, 29), ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"],
     ["2024-02-29", "2025-03-01", "2026-03-01", "2027-03-01"]),
    ("FREQ=MONTHLY;BYMONTHDAY=29,30", (2027, 1, 29), ["2027-01-29", "2027-01-30", "2027-02-28", "2027-03-29"],
     ["2027-01-29", "2027-01-30", "2027-03-01", "2027-03-29"]),
    ("FREQ=MONTHLY;BYMONTHDAY=1,31", (2027, 4, 1), ["2027-04-01", "2027-04-30", "2027-05-01", "2027-05-31"],
     ["2027-04-01", "2027-05-01", "2027-05-31", "2027-06-01"]),
    ("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31", (2026, 12, 31), ["2026-12-31", "2027-02-28", "2027-04-30", "2027-06-30"],
     ["2026-12-31", "2027-03-01", "2027-05-01", "2027-07-01"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "backward", "forward"), SKIPS)
def test_a_day_that_a_month_lacks_is_made_up_for_as_rfc_7529_says(
    text: str, start: tuple[int, int, int], backward: list[str], forward: list[str]
) -> None:
    first = datetime(*start, 9)
    for skip, expected in (("BACKWARD", backward), ("FORWARD", forward)):
        whole = f"RSCALE=GREGORIAN;{text};SKIP={skip};COUNT=4"
        assert [f"{each:%Y-%m-%d}" for each in ours(whole, first, first, datetime(2030, 1, 1))] == expected
        later = datetime.fromisoformat(expected[2])
        assert ours(whole.removesuffix(";COUNT=4"), first, later, later + timedelta(days=1)) != []


@settings(max_examples=200, deadline=None)
@given(
    freq=st.sampled_from(["DAILY", "WEEKLY", "HOURLY", "MINUTELY"]),
    days=st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True),
    hours=st.lists(st.integers(0, 23), max_size=3, unique=True),
    interval=st.integers(1, 4),
    count=st.integers(1, 400),
    start=starts,
)
def test_a_count_is_found_without_walking(
    freq: str, days: list[str], hours: list[int], interval: int, count: int, start: datetime
) -> None:
    text = f"FREQ={freq};INTERVAL={interval};COUNT={count}"
    text += ";BYDAY=" + ",".join(days) if days else ""
    text += ";BYHOUR=" + ",".join(map(str, hours)) if hours and freq in ("DAILY", "WEEKLY") else ""
    assert ours(text, start, start, datetime(2200, 1, 1)) == list(rrulestr(text, dtstart=start))


@pytest.mark.parametrize("freq", ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"])
@pytest.mark.parametrize(
    "rest", ["COUNT=9;BYDAY={days}", "COUNT=9999999;BYDAY={days}", "BYDAY={days};BYSETPOS=-1",
             "COUNT=99999;BYMONTHDAY={dates}", "COUNT=9;BYMONTH=2;BYMONTHDAY=30", "COUNT=9;BYYEARDAY={dates}",
             "COUNT=9;BYWEEKNO=53;BYDAY={days}"],
)  # fmt: skip
def test_no_rule_takes_more_work_than_it_may(freq: str, rest: str) -> None:
    days = ",".join(f"{number}{day}" for number in (*range(6, 54), *range(-53, -5)) for day in WEEKDAYS)
    text = f"FREQ={freq};" + rest.format(days=days, dates=",".join(str(number) for number in range(1, 32)))
    work = Work(100_000)
    for year in (1601, 1583, 1):
        with contextlib.suppress(TooDense):
            rrule.walls(
                read_rule(text).rules[0], clock(datetime(year, 1, 1)), None, clock(datetime(2026, 11, 1)),
                clock(datetime(2028, 1, 1)), work,
            )  # fmt: skip
    assert work.left > -100_000


@pytest.mark.parametrize(
    "text",
    [
        "BYDAYS=MO,WE", "INTERVAL=1,BYDAY=MO,WE", "COUNT=10,BYDAY=MO,WE", "UNTIL=20270131T000000Z,BYDAY=MO,WE",
        "BYDAY MO,WE", "BYDAY:MO,WE", "BYDAY=MO;INTERVAL=1,BYDAY=WE",
    ],
)  # fmt: skip
def test_a_restriction_that_hides_where_none_is_read_leaves_no_day_out(text: str) -> None:
    found = read_rule(f"FREQ=WEEKLY;{text}")
    assert [(rule.freq, rule.interval, rule.byday) for rule in found.rules] == [("DAILY", 1, frozenset())]
    assert found.unread
    assert not found.any_time


def test_a_time_of_day_that_hides_may_be_any() -> None:
    assert read_rule("FREQ=DAILY;BYHOURS=9,17").any_time
    assert not read_rule("FREQ=WEEKLY;BYDAY=MO;BYEASTER=1").any_time


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("FREQ=DAILY;BYMONTHDAY=1ST;COUNT=10", 10 * 31), ("FREQ=DAILY;BYMONTH=2;BYDAY=MO,X;COUNT=9", 2 * 366),
        ("FREQ=WEEKLY;BYDAYS=MO;COUNT=10", 9 * 7), ("FREQ=DAILY;BYYEARDAY=366;BYDAY=X;COUNT=3", 8 * 366),
    ],
)  # fmt: skip
def test_a_guess_of_a_restricted_rule_lasts_as_long_as_the_rule_may(text: str, days: int) -> None:
    for rule in read_rule(text).rules:
        assert rule.count is None
        assert (rule.lasts or 0) >= days
