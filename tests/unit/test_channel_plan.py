"""Which push channels should stand, when they are renewed, and what a push may bring about."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_app.sync.channel_plan import (
    LEAST,
    ChannelState,
    Held,
    bring_forward,
    can_be_pushed_to,
    digest,
    named_in,
    places,
    renew_at,
    secret_for,
    settle,
    try_again_in,
)
from booking_app.sync.errors import AccessLost, Gone, ProviderError, ProviderRefused, Rejected, Transient

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
WEEK = NOW + timedelta(days=7)
HERE = "https://book.example.com/api/webhooks/google"
GAP = timedelta(seconds=12)
OPEN, OPENING, CLOSING = ChannelState.OPEN, ChannelState.OPENING, ChannelState.CLOSING


def held(
    number: int,
    place: int | None,
    state: ChannelState = OPEN,
    *,
    address: str = HERE,
    expires_at: datetime | None = WEEK,
) -> Held:
    return Held(id=number, place=place, state=state, address=address, expires_at=expires_at)


@pytest.mark.parametrize(
    ("url", "real", "simulated"),
    [
        ("https://book.example.com", True, True),
        ("http://book.example.com", False, False),
        ("https://localhost:8000", False, True),
        ("https://127.0.0.1", False, True),
        ("http://localhost:8000", False, True),
        ("http://127.0.0.1:8000", False, True),
        ("http://[::1]:8000", False, True),
        ("http://192.168.1.4:8000", False, False),
        ("http://localhost.example.com", False, False),
        ("", False, False),
    ],
)
def test_channels_are_only_asked_for_where_messages_can_arrive(url: str, real: bool, simulated: bool) -> None:
    assert can_be_pushed_to(url, simulated=False) is real
    assert can_be_pushed_to(url, simulated=True) is simulated


def test_one_channel_a_used_calendar_or_one_an_account() -> None:
    assert places({4, 7}, per_calendar=True) == {4, 7}
    assert places({4, 7}, per_calendar=False) == {None}
    assert places((), per_calendar=False) == frozenset()


def test_what_is_used_gets_a_channel_and_what_is_not_loses_it() -> None:
    found = settle({4, 7}, [held(1, 4), held(2, 9)], address=HERE, may_open=True, now=NOW)
    assert (found.open, found.close) == ((7,), (2,))
    assert settle({4}, [held(1, 4)], address=HERE, may_open=True, now=NOW).nothing
    assert settle({4}, [held(1, 4, OPENING, address="")], address=HERE, may_open=True, now=NOW).nothing


def test_a_channel_stays_open_while_its_successor_is_being_opened() -> None:
    assert settle({4}, [held(1, 4), held(2, 4, OPENING)], address=HERE, may_open=True, now=NOW).nothing


def test_one_that_is_being_closed_counts_for_nothing() -> None:
    found = settle({4}, [held(1, 4, CLOSING)], address=HERE, may_open=True, now=NOW)
    assert (found.open, found.close) == ((4,), ())


def test_of_two_the_one_that_lasts_longer_stays() -> None:
    rows = [
        held(1, None),
        held(2, None, expires_at=WEEK + timedelta(hours=1)),
        held(3, None, OPENING),
        held(4, None, OPENING),
    ]
    found = settle({None}, rows, address=HERE, may_open=True, now=NOW)
    assert found.open == ()
    assert set(found.close) == {1, 3} or set(found.close) == {1, 4}


def test_one_that_has_ended_or_delivers_to_a_former_address_is_replaced() -> None:
    for row in (held(1, 4, expires_at=NOW), held(1, 4, address="https://old.example.com/api/webhooks/google")):
        found = settle({4}, [row], address=HERE, may_open=True, now=NOW)
        assert (found.open, found.close) == ((4,), (1,))


def test_an_account_that_lets_nobody_in_keeps_its_channels_and_gets_no_new_ones() -> None:
    found = settle({4, 7}, [held(1, 4)], address=HERE, may_open=False, now=NOW)
    assert found.nothing


places_drawn = st.one_of(st.none(), st.integers(1, 4))
rows_drawn = st.lists(
    st.builds(
        lambda place, state, address, days: (place, state, address, days),
        places_drawn,
        st.sampled_from(list(ChannelState)),
        st.sampled_from([HERE, "", "https://old.example.com/"]),
        st.integers(-2, 7),
    ),
    max_size=8,
)


@given(wanted=st.frozensets(places_drawn, max_size=4), drawn=rows_drawn)
def test_after_settling_each_wanted_place_has_what_it_needs_and_nothing_is_left_to_do(
    wanted: frozenset[int | None], drawn: list[tuple[int | None, ChannelState, str, int]]
) -> None:
    rows = [
        held(number, place, state, address=address, expires_at=NOW + timedelta(days=days))
        for number, (place, state, address, days) in enumerate(drawn)
    ]
    first = settle(wanted, rows, address=HERE, may_open=True, now=NOW)
    left = [each for each in rows if each.id not in first.close and each.state is not CLOSING]
    left += [held(100 + number, place, OPENING, address="") for number, place in enumerate(first.open)]
    assert {each.place for each in left} == wanted
    for place in wanted:
        assert len([each for each in left if each.place == place and each.state is OPEN]) <= 1
        assert len([each for each in left if each.place == place and each.state is OPENING]) <= 1
    assert settle(wanted, left, address=HERE, may_open=True, now=NOW).nothing


@pytest.mark.parametrize(
    ("life", "ahead"), [(timedelta(days=7), timedelta(days=1)), (timedelta(minutes=45), timedelta(minutes=22.5))]
)
def test_renewal_is_a_day_ahead_or_at_half_a_short_life_at_the_latest(life: timedelta, ahead: timedelta) -> None:
    ends = NOW + life
    assert renew_at(since=NOW, expires_at=ends, jitter=0) == ends - ahead
    earliest = renew_at(since=NOW, expires_at=ends, jitter=0.999)
    assert ends - ahead * 1.25 < earliest < ends - ahead * 1.24


@given(seconds=st.integers(-(10**6), 10**7), jitter=st.floats(0, 0.999))
def test_renewal_never_spins_and_never_comes_after_the_end_of_what_lasts(seconds: int, jitter: float) -> None:
    at = renew_at(since=NOW, expires_at=NOW + timedelta(seconds=seconds), jitter=jitter)
    assert at >= NOW + LEAST
    if seconds > 120:
        assert at < NOW + timedelta(seconds=seconds)


def test_a_disturbance_is_tried_again_later_and_later_and_never_before_the_provider_said() -> None:
    waits = [try_again_in(Transient("busy"), number, jitter=0) for number in range(1, 12)]
    assert waits[:3] == [30, 60, 120]
    assert waits[-1] == 3600
    assert try_again_in(Transient("busy", retry_after=7200), 1, jitter=0) == 7200
    assert try_again_in(ProviderRefused("secret"), 1, jitter=0) == 30
    assert try_again_in(AccessLost("gone"), 1, jitter=0) == 3600


@pytest.mark.parametrize("error", [Rejected("no"), Gone("no")])
def test_what_is_refused_is_tried_rarely(error: ProviderError) -> None:
    assert try_again_in(error, 1, jitter=0) == 300
    assert try_again_in(error, 40, jitter=0) == 6 * 3600


def test_a_secret_names_its_channel_and_fits_both_providers() -> None:
    uid = uuid4()
    secret, other = secret_for(uid), secret_for(uid)
    assert secret != other
    assert named_in(secret) == uid
    assert len(secret) <= 128
    assert len(digest(secret)) == 32
    for nonsense in ("", ".", "x.y", uid.hex, f"{uid}.x", "é" * 32 + ".x", "\ud800.x"):
        assert named_in(nonsense) is None
        assert digest(nonsense) != digest(secret)


def push(
    *, due_in: float, pushed_ago: float | None = None, reading: bool = False, failing: bool = False
) -> tuple[float, float] | None:
    """(seconds until the read, seconds until the read that the push asked for)."""
    found = bring_forward(
        due_at=NOW + timedelta(seconds=due_in),
        pushed_at=None if pushed_ago is None else NOW - timedelta(seconds=pushed_ago),
        reading=reading,
        failing=failing,
        now=NOW,
        gap=GAP,
    )
    return None if found is None else ((found.due_at - NOW).total_seconds(), (found.pushed_at - NOW).total_seconds())


def test_a_push_makes_a_calendar_due_at_once() -> None:
    assert push(due_in=50) == (0, 0)
    assert push(due_in=50, pushed_ago=12) == (0, 0)


def test_one_that_is_due_already_stays_so() -> None:
    assert push(due_in=0) is None
    assert push(due_in=-5) is None


def test_a_push_soon_after_one_of_which_nothing_came_waits_for_its_turn() -> None:
    assert push(due_in=50, pushed_ago=2) == (10, 10)
    assert push(due_in=10, pushed_ago=2) is None
    assert push(due_in=50, pushed_ago=-10) == (10, 10)


def test_a_push_during_a_read_asks_for_another_one_after_it() -> None:
    assert push(due_in=30, reading=True) == (0, 0)
    assert push(due_in=0, reading=True) == (-1e-6, 0)
    assert push(due_in=-1, reading=True) == (0, 0)
    assert push(due_in=0, pushed_ago=0, reading=True) == (12, 12)


def test_a_provider_that_asked_for_a_pause_gets_it() -> None:
    assert push(due_in=300, failing=True) is None
    assert push(due_in=300, failing=True, reading=True) is None


@given(times=st.lists(st.floats(0, 120), min_size=1, max_size=60))
def test_a_flood_without_changes_costs_one_read_in_each_gap(times: list[float]) -> None:
    pushed_at: datetime | None = None
    due, reads = NOW + timedelta(days=1), []
    for seconds in sorted(times):
        now = NOW + timedelta(seconds=seconds)
        if due <= now:
            reads.append(due)
            due = NOW + timedelta(days=1)
        found = bring_forward(due_at=due, pushed_at=pushed_at, reading=False, failing=False, now=now, gap=GAP)
        if found is not None:
            due, pushed_at = found.due_at, found.pushed_at
    reads.append(due)
    assert reads[0] == NOW + timedelta(seconds=min(times))
    assert all(later - earlier >= GAP for earlier, later in itertools.pairwise(reads))
