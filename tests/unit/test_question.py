"""Which contents are compared when."""

from __future__ import annotations

from booking_app.sync.question import reread


def test_each_object_is_compared_once_in_as_many_days_as_it_takes() -> None:
    keys = [f"/calendar/{n}.ics" for n in range(1_800)]
    days = [reread(keys, day) for day in range(20_000, 20_004)]
    assert frozenset().union(*days) == set(keys)
    assert sum(len(each) for each in days) == len(keys)
    assert max(len(each) for each in days) < 600


def test_a_small_calendar_is_compared_whole_and_nothing_between() -> None:
    keys = ["/a.ics", "/b.ics"]
    assert reread(keys, 20_001) == set(keys)
    assert reread(keys, None) == frozenset()
    assert reread([], 20_001) == frozenset()
