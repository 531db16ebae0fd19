"""The one slot rule against the minute-by-minute oracle, around every kind of clock change."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from booking_app.domain.errors import Reason
from booking_app.domain.local import by_local_date, local_times
from booking_app.domain.rules import DayPeriods, Hours, Occupied, Schedule, SlotRules
from booking_app.domain.slots import nearest, offers_all, offers_any, open_starts, refusal
from booking_app.domain.zone_rules import zone_rules
from booking_app.domain.zones import day_span
from tests.unit import oracle

ZONES = {
    "Europe/Amsterdam": 2027,
    "Europe/London": 2027,
    "America/New_York": 2027,
    "America/Sao_Paulo": 2018,  # gap at midnight: that day starts at 01:00
    "America/Santiago": 2027,  # the same, and the fold before midnight returns to the date
    "America/St_Johns": 2010,  # switched at 00:01, so the fold left the new date again
    "Asia/Beirut": 2027,
    "Africa/Cairo": 2027,
    "Africa/Casablanca": 2025,  # Ramadan: back and forth within five weeks
    "Australia/Lord_Howe": 2027,  # half an hour
    "Pacific/Chatham": 2027,
    "Pacific/Apia": 2011,  # 30 December 2011 did not exist
    "Asia/Kathmandu": 1985,  # +05:30 became +05:45
    "Antarctica/Troll": 2027,  # two hours
    "Asia/Kolkata": 2027,
    "UTC": 2027,
}
UNCHANGING = {"Asia/Kolkata", "UTC"}
MONDAY = int(datetime(2027, 6, 7, tzinfo=zone_rules("Europe/Amsterdam")).timestamp())
WEEK = (MONDAY, MONDAY + 7 * 86400)

moderate = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def make_rules(**overrides: int | None) -> SlotRules:
    return SlotRules(**{"duration": 60, "interval": 60, **overrides})  # type: ignore[arg-type]


def make_schedule(
    bookable_id: int = 1,
    periods: DayPeriods = ((540, 1020),),
    zone: str = "Europe/Amsterdam",
    busy: tuple[tuple[int, int], ...] = (),
    occupied: tuple[Occupied, ...] = (),
) -> Schedule:
    hours = Hours(zone=zone, weekly=dict.fromkeys(range(7), periods))
    return Schedule(bookable_id=bookable_id, hours=hours, busy=busy, occupied=occupied)


def at(day: int, hour: int, minute: int = 0) -> int:
    """An instant of the week by day (Monday 0) and wall time in Amsterdam."""
    return MONDAY + day * 86400 + hour * 3600 + minute * 60


minutes = st.one_of(st.sampled_from([0, 60, 120, 150, 180, 540, 1020, 1380, 1440]), st.integers(0, 1440))


@st.composite
def day_periods(draw: st.DrawFn) -> DayPeriods:
    cuts = sorted(draw(st.sets(minutes, min_size=draw(st.sampled_from([0, 2, 2, 4])), max_size=6)))
    return tuple(zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def problems(draw: st.DrawFn, zone: str) -> tuple[SlotRules, Schedule, tuple[int, int], int]:
    """A service, a schedule, a span around a change of the clock (or any day), and a now."""
    moments = oracle.switches(zone, ZONES[zone]) or (int(datetime(2027, 6, 9, tzinfo=zone_rules(zone)).timestamp()),)
    begin = draw(st.sampled_from(moments)) - draw(st.integers(0, 40 * 3600))
    span = (begin, begin + draw(st.sampled_from([1, 6 * 3600, 40 * 3600, 60 * 3600])) + draw(st.integers(0, 3600)))
    near = st.one_of(
        st.integers(0, 160).map(lambda quarters: begin - begin % 900 + quarters * 900),
        st.integers(-8 * 3600, 60 * 3600).map(lambda seconds: begin + seconds),
    )
    length = st.one_of(st.sampled_from([3600, 900, 1800, 0]), st.integers(1, 3 * 3600))
    around = oracle.wall(zone, begin).date()
    dates = st.integers(-1, 4).map(lambda days: around + timedelta(days=days))
    whole = st.just(((0, 1440),))
    hours = Hours(
        zone=zone,
        weekly=dict(enumerate(draw(st.lists(day_periods() | whole, min_size=7, max_size=7)))),
        overrides=draw(st.dictionaries(dates, day_periods(), max_size=2)),
    )
    buffers = st.sampled_from([0, 0, 5, 10, 30, 90])
    some = st.sampled_from([0, 1, 2, 3])
    rules = SlotRules(
        duration=draw(st.sampled_from([15, 1, 30, 45, 60, 61, 90, 600])),
        interval=draw(st.sampled_from([5, 7, 15, 20, 30, 45, 60, 90])),
        buffer_before=draw(buffers),
        buffer_after=draw(buffers),
        notice=draw(st.sampled_from([0, 0, 0, 1, 60, 1440])),
        horizon_days=draw(st.sampled_from([30, 30, 30, 0, 1, 2])),
        cap_per_day=draw(st.sampled_from([None, None, None, 1, 2])),
    )
    busy = [(a, a + n) for a, n in draw(st.lists(st.tuples(near, length), min_size=draw(some), max_size=5))]
    occupied = [
        Occupied(start=a, end=a + n, before=before * 60, after=after * 60 + 1, counts=counts)
        for a, n, before, after, counts in draw(
            st.lists(st.tuples(near, length, buffers, buffers, st.booleans()), min_size=draw(some), max_size=3)
        )
    ]
    now = begin + draw(st.sampled_from([-86400, -86400, 0]) | st.integers(-2 * 86400, 86400))
    return rules, Schedule(bookable_id=1, hours=hours, busy=busy, occupied=occupied), span, now


@pytest.mark.parametrize("zone", ZONES)
@moderate
@given(data=st.data())
def test_starts_equal_the_oracle_and_only_what_is_offered_is_accepted(zone: str, data: st.DataObject) -> None:
    rules, schedule, span, now = data.draw(problems(zone))
    offered = open_starts(rules, schedule, span, now)
    assert offered == oracle.open_starts(rules, schedule, span, now)
    others = [*range(span[0] + -span[0] % 60, span[1], 1860), *(start + 1 for start in offered[:10])]
    for start in {*offered[:30], *others}:
        if start < span[1]:
            assert (refusal(rules, schedule, start, now) is None) == (start in offered)


def test_the_zones_do_change_where_the_tests_look() -> None:
    assert len(ZONES) >= 12
    for zone, year in ZONES.items():
        expected = 0 if zone in UNCHANGING else 1 if zone == "Asia/Kathmandu" else 2
        assert len(oracle.switches(zone, year)) >= expected
        assert (zone in UNCHANGING) == (not oracle.switches(zone, year))


@pytest.mark.parametrize(
    ("zone", "switch"), [(zone, switch) for zone, year in ZONES.items() for switch in oracle.switches(zone, year)]
)
def test_p34_no_slot_in_the_gap_and_wall_times_kept(zone: str, switch: int) -> None:
    rules = make_rules(duration=15, interval=15)
    span = (switch - 3 * 86400, switch + 3 * 86400)
    always = open_starts(rules, make_schedule(zone=zone, periods=((0, 1440),)), span, span[0])
    grouped = by_local_date(always, zone)
    assert list(grouped) == sorted(grouped)
    assert all(label.startswith(day) for day, labels in grouped.items() for label in labels)
    # Where a date returns for a while its times are not next to each other.
    labels = sorted((label for day in grouped.values() for label in day), key=datetime.fromisoformat)
    for start, label in zip(always, labels, strict=True):
        assert label == oracle.wall(zone, start).isoformat()
        shown = datetime.fromisoformat(label)
        local = shown.replace(tzinfo=zone_rules(zone))
        # A wall time in the gap does not survive the way to an instant and back.
        assert start in {local.replace(fold=fold).timestamp() for fold in (0, 1)}
        assert shown.timestamp() == start
    assert always == list(range(span[0] + -span[0] % 900, span[1], 900))  # each quarter once, in the fold twice

    office = open_starts(rules, make_schedule(zone=zone), span, span[0])
    by_day: dict[date, list[str]] = {}
    for start, time in zip(office, local_times(office, zone), strict=True):
        by_day.setdefault(oracle.wall(zone, start).date(), []).append(time)
    whole_days = list(by_day.values())[1:-1]
    assert len(whole_days) >= 3
    for times in whole_days:
        assert (times[0], times[-1], len(times)) == ("09:00", "16:45", 32)


@settings(moderate, max_examples=100)
@given(data=st.data())
def test_p42_nothing_is_closer_than_the_larger_buffer(data: st.DataObject) -> None:
    """Bookings of several services come in one after the other; whatever is accepted keeps its distance."""
    buffers = st.sampled_from([0, 5, 15, 30, 60])
    services = [
        make_rules(
            duration=data.draw(st.sampled_from([15, 30, 50])),
            interval=data.draw(st.sampled_from([5, 15, 30])),
            buffer_before=data.draw(buffers),
            buffer_after=data.draw(buffers),
        )
        for _ in range(3)
    ]
    moment = st.integers(at(0, 8), at(0, 18))
    external = tuple((a, a + n) for a, n in data.draw(st.lists(st.tuples(moment, st.integers(1, 3600)), max_size=3)))
    booked: list[Occupied] = []
    for _ in range(data.draw(st.integers(2, 12))):
        rules = data.draw(st.sampled_from(services))
        schedule = make_schedule(busy=external, occupied=tuple(booked))
        wished = at(0, 9) + data.draw(st.integers(0, 96)) * 300
        if refusal(rules, schedule, wished, MONDAY) is None:
            booked.append(
                Occupied(
                    start=wished,
                    end=wished + rules.duration * 60,
                    before=rules.buffer_before * 60,
                    after=rules.buffer_after * 60,
                )
            )
    blocks = sorted([(o.start, o.end, o.before, o.after) for o in booked] + [(a, b, 0, 0) for a, b in external])
    for i, (start, end, before, after) in enumerate(blocks):
        for other_start, other_end, other_before, other_after in blocks[i + 1 :]:
            if (start, end) in external and (other_start, other_end) in external:
                continue
            assert other_start - end >= max(after, other_before) or start - other_end >= max(other_after, before)


def test_p42_buffers_are_not_added_up_and_not_left_out() -> None:
    rules = make_rules(buffer_before=30, buffer_after=15, interval=15)
    meeting = (at(0, 12), at(0, 13))
    own = Occupied(start=meeting[0], end=meeting[1], before=600, after=600)
    starts = set(open_starts(rules, make_schedule(occupied=(own,)), WEEK, MONDAY))
    assert at(0, 10, 45) in starts
    assert at(0, 11) not in starts
    assert at(0, 13, 15) not in starts
    assert at(0, 13, 30) in starts
    assert starts == set(open_starts(rules, make_schedule(busy=(meeting,)), WEEK, MONDAY))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (at(0, 9), Reason.TOO_SOON),
        (at(1, 9), None),
        (at(1, 10), Reason.TAKEN),
        (at(1, 11), Reason.CALENDAR_BUSY),
        (at(1, 12, 30), Reason.OFF_GRID),
        (at(1, 13) + 1, Reason.OFF_GRID),
        (at(1, 16, 30), Reason.CLOSED),
        (at(1, 20), Reason.CLOSED),
        (at(2, 9), Reason.DAY_FULL),
        (at(2, 14), Reason.TAKEN),
        (at(4, 9), Reason.TOO_FAR),
        (at(3, 16), None),
    ],
)
def test_a_refusal_says_why(start: int, reason: Reason | None) -> None:
    rules = make_rules(notice=60, horizon_days=3, cap_per_day=2)
    taken = [(at(1, 10), True), (at(2, 13), True), (at(2, 14), True)]
    schedule = make_schedule(
        busy=((at(1, 11), at(1, 12)),),
        occupied=tuple(Occupied(start=a, end=a + 3600, counts=counts) for a, counts in taken),
    )
    assert refusal(rules, schedule, start, at(0, 8, 30)) is reason


def test_any_names_who_is_free_and_all_wants_everybody() -> None:
    rules = make_rules(interval=240, duration=240)
    first = make_schedule(1, busy=((at(0, 9), at(0, 10)),))
    second = make_schedule(2, busy=((at(0, 13), at(0, 14)), (at(1, 9), at(1, 10))))
    two_days = (at(0, 0), at(2, 0))
    assert offers_any(rules, [first, second], two_days, MONDAY) == [
        (at(0, 9), (2,)),
        (at(0, 13), (1,)),
        (at(1, 9), (1,)),
        (at(1, 13), (1, 2)),
    ]
    assert offers_all(rules, [first, second], two_days, MONDAY) == [(at(1, 13), (1, 2))]
    assert offers_all(rules, [], two_days, MONDAY) == []
    assert offers_any(rules, [], two_days, MONDAY) == []


def test_alternatives_are_the_same_person_or_the_same_time_before_the_rest() -> None:
    offers = [(100, (1, 2)), (200, (2,)), (300, (2,)), (400, (1,)), (500, (1,))]
    assert nearest(offers, 300, bookable_id=1) == [(300, (2,)), (400, (1,)), (100, (1,)), (500, (1,)), (200, (2,))]
    assert nearest(offers, 300, limit=3) == [(300, (2,)), (200, (2,)), (400, (1,))]


def test_empty_and_backward_spans_offer_nothing() -> None:
    for span in [(MONDAY, MONDAY), (MONDAY + 5, MONDAY), (-(10**12), MONDAY), (MONDAY + 10**12, MONDAY + 10**13)]:
        assert open_starts(make_rules(), make_schedule(), span, MONDAY) == []
    assert len(open_starts(make_rules(horizon_days=6), make_schedule(), (-(10**15), 10**15), MONDAY)) == 7 * 8


def test_a_daily_span_has_the_slots_of_the_whole_night() -> None:
    """Two periods that meet at midnight are one stretch; each counts its starts from its own opening."""
    rules = make_rules(duration=120, interval=45)
    starts = open_starts(rules, make_schedule(periods=((0, 120), (1320, 1440))), WEEK, MONDAY)
    assert at(0, 22, 45) in starts
    assert at(0, 23, 30) in starts
    assert at(1, 0) in starts
    assert at(1, 0, 45) not in starts
    assert at(6, 22) in starts  # its end lies beyond the span


def test_days_of_23_and_25_hours() -> None:
    rules = make_rules(duration=15, interval=15)
    schedule = make_schedule(periods=((0, 1440),))
    for day, quarters in [(date(2027, 3, 28), 92), (date(2027, 10, 31), 100), (date(2027, 6, 1), 96)]:
        span = day_span("Europe/Amsterdam", day)
        assert len(open_starts(rules, schedule, span, span[0])) == quarters
