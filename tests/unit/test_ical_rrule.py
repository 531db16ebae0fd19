"""Our recurrence rules against python-dateutil, over random rules, starts and spans."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_app.sync import rrule
from booking_app.sync.zones import clock, from_clock

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def ours(text: str, start: datetime, low: datetime, high: datetime) -> list[datetime]:
    walls = rrule.walls(rrule.parse(text), clock(start), None, clock(low), clock(high))
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
    assert ours("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", start, start, datetime(2027, 1, 1)) == []


def test_a_rule_that_exhausts_the_reader_is_given_up() -> None:
    start = datetime(2026, 1, 1)
    for text in (
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYSECOND=1,2,3,4,5,6,7,8,9,10",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYYEARDAY="
        + ",".join(str(n) for n in range(1, 367))
        + ";BYSETPOS=1;BYHOUR="
        + ",".join(str(n) for n in range(24))
        + ";BYMINUTE="
        + ",".join(str(n) for n in range(60)),
    ):
        with pytest.raises(rrule.TooDense):
            ours(text, start, start, datetime(2030, 1, 1))


@pytest.mark.parametrize(
    "text",
    ["", "WEEKLY", "FREQ=FORTNIGHTLY", "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=-1",
     "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;SKIP=FORWARD;RSCALE=CHINESE", "FREQ=DAILY;FREQ=WEEKLY",
     "FREQ=MONTHLY;BYDAY=0MO", "FREQ=DAILY;INTERVAL="],
)  # fmt: skip
def test_a_rule_outside_the_grammar_is_named_bad(text: str) -> None:
    with pytest.raises(rrule.BadRule):
        rrule.parse(text)
