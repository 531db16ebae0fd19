"""The simulated Google makes of iCalendar texts what our own reader makes of them, or says that it cannot."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.simulators.google.calendar import Calendar
from tests.simulators.google.calendars import busy_times
from tests.simulators.google.ical import Inexpressible
from tests.simulators.google.world import CalendarApp, GoogleWorld
from tests.unit.test_ical_corpus import CASES, HIGH, LOW, expand, times

INEXPRESSIBLE = frozenset(
    """
    bad_end bad_rule bad_rule_within_the_day bad_start customized_time_zone customized_time_zone_elsewhere cut_off
    delegated end_before_start microsoft_custom_zone never_matching_rule rdate_period same_instance_twice secondly_bomb
    tasks_and_journals this_and_future unknown_zone zero_length
    """.split()  # noqa: SIM905
)
DIFFERENT = {
    "gap": "the end in the gap is the start",
    "night_shift_over_fall_back": "instances are as long as the first one",
    "centuries_long": "our window of far-away days is bounded",
}


@pytest.fixture
def app() -> CalendarApp:
    world = GoogleWorld()
    world.panel.clock = lambda: datetime(2026, 6, 1, tzinfo=UTC)
    return world.add_user("ann@example.com").calendar()


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def busy(calendar: Calendar) -> list[tuple[int, int]]:
    return [(int(start.timestamp()), int(end.timestamp())) for start, end in busy_times(calendar, LOW, HIGH)]


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.ics")))
def test_google_sees_the_same_busy_times(app: CalendarApp, case: str) -> None:
    text = (CASES / f"{case}.ics").read_text()
    if case in INEXPRESSIBLE:
        with pytest.raises(Inexpressible):
            app.put_ical(text)
        return
    app.put_ical(text)
    if case in DIFFERENT:
        assert busy(app.calendar) != merged(times(expand(case)))
    else:
        assert busy(app.calendar) == merged(times(expand(case)))


def test_a_replaced_text_takes_its_exceptions_along(app: CalendarApp) -> None:
    name = app.put_ical((CASES / "moved_instance.ics").read_text())
    moved = busy(app.calendar)
    assert len(app.calendar.exceptions(name)) == 1
    app.put_ical((CASES / "weekly_without_byday.ics").read_text(), event_id=name)
    assert busy(app.calendar) == merged(times(expand("weekly_without_byday"))) != moved
    app.delete(name)
    assert busy(app.calendar) == []


def test_loose_instances_are_deleted_together(app: CalendarApp) -> None:
    name = app.put_ical((CASES / "only_overrides.ics").read_text())
    assert len(app.events()) == 2
    app.delete(name)
    assert app.events() == []
