"""When to try again: an effect, and a calendar."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.effects import Park, Retry
from booking_app.jobs.retry import LONGEST, decide
from booking_app.sync.errors import AccessLost, EditConflict, Gone, ProviderError, Rejected, Transient
from booking_app.sync.policy import (
    ReadLane,
    SyncPolicy,
    fresh_window,
    lane_of,
    needs_whole_window,
    next_read,
    setback,
    shares,
    takes,
)


def test_parked_work_has_no_next_time() -> None:
    verdict = decide(Park(reason="Choose a calendar."), 1, jitter=0)
    assert verdict.wait is None
    assert verdict.reason == "Choose a calendar."


def test_the_other_side_is_never_asked_earlier_than_it_wished() -> None:
    assert decide(Retry(reason="x", after=4000), 1, jitter=0).wait == 4000


@given(st.integers(1, 10_000), st.floats(0, 0.999))
def test_waits_grow_and_end_at_five_minutes(attempts: int, jitter: float) -> None:
    wait = decide(Retry(reason="x"), attempts, jitter=jitter).wait
    following = decide(Retry(reason="x"), attempts + 1, jitter=jitter).wait
    assert wait is not None
    assert following is not None
    assert 1 <= wait <= following <= LONGEST * 1.2


@given(st.sampled_from([Transient("t"), Rejected("r"), Gone("g"), EditConflict("e")]), st.integers(1, 5000))
def test_a_failing_calendar_is_asked_at_least_every_five_minutes(error: ProviderError, failures: int) -> None:
    assert 0 < setback(error, failures, jitter=0.5).wait <= 300


def test_what_each_failure_means() -> None:
    assert setback(Transient("t", retry_after=77), 1).wait == 77
    assert setback(Transient("t"), 1).state is ConnectionState.SLOWED
    assert not setback(Transient("t"), 1).stopped
    assert setback(AccessLost("a"), 1).state is ConnectionState.NEEDS_SIGN_IN
    assert [setback(AccessLost("a"), number).wait for number in (1, 2, 3, 9)] == [30, 900, 3600, 3600]
    assert setback(AccessLost("a"), 1).grace > setback(AccessLost("a"), 1).wait
    assert [setback(AccessLost("a", final=True), number).wait for number in (1, 2, 3)] == [900, 3600, 3600]
    assert setback(AccessLost("a", final=True), 1).grace == 0
    assert setback(Rejected("r"), 1).stopped
    assert setback(Gone("g"), 1).stopped


@given(st.floats(0, 0.999), st.booleans())
def test_reads_come_in_time(jitter: float, hot: bool) -> None:
    policy = SyncPolicy(hot=12, cold=60)
    bound = 12 if hot else 60
    assert 0.9 * bound <= next_read(policy, hot=hot, jitter=jitter) <= bound


def test_the_lane_of_a_calendar_is_what_its_past_says() -> None:
    assert lane_of(0, 0) is lane_of(2, 9) is ReadLane.QUICK
    assert lane_of(2.1, 0) is ReadLane.SLOW
    assert lane_of(2.1, 1) is ReadLane.STUCK


def test_who_was_slow_is_quick_again_after_a_few_quick_reads_and_not_after_one() -> None:
    lasts, lanes = 80.0, []
    for _ in range(4):
        lasts = takes(lasts, 0.1)
        lanes.append(lane_of(lasts, 0))
    assert lanes == [ReadLane.SLOW, ReadLane.SLOW, ReadLane.QUICK, ReadLane.QUICK]


@given(st.integers(1, 100))
def test_a_share_is_never_nothing_and_leaves_room_for_others(width: int) -> None:
    each = shares(width)
    assert 1 <= each.person <= each.host
    assert each.host >= 2
    assert width <= 2 or each.host < width


@given(st.floats(0, 600), st.booleans(), st.integers(1, 20))
def test_who_takes_long_is_left_alone_for_as_long(took: float, hot: bool, failures: int) -> None:
    assert next_read(SyncPolicy(), hot=hot, jitter=0.9, took=took) >= took
    assert setback(Transient("t"), failures, took=took).wait >= took


@given(st.integers(0, 2**32))
def test_a_fresh_window_reaches_far_enough_for_a_month(now: int) -> None:
    policy = SyncPolicy()
    start, end = fresh_window(policy, now)
    assert start < now
    assert not needs_whole_window(policy, window_end=end, now=now + 30 * 86400)
    assert needs_whole_window(policy, window_end=end, now=now + 60 * 86400)
    assert needs_whole_window(policy, window_end=None, now=now)
