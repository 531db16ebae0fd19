"""iCalendar texts in the simulated Outlook: as what it shows them, and what it cannot hold it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.graph_client import ANN, APP, BACK, SECRET, Graph
from tests.contract.graph_client import graph as linked_graph
from tests.simulators.microsoft.errors import GraphError
from tests.simulators.microsoft.ical import Inexpressible, to_ical
from tests.simulators.microsoft.outlook import CalendarApp
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld

CASES = Path(__file__).parents[1] / "calendars"
LOW, HIGH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
REFUSED = frozenset(
    """
    bad_end bad_rule bad_rule_within_the_day bad_start centuries_long cut_off delegated end_before_start gap
    monthly_on_the_31st moved_instance_far_away never_matching_rule rdate rdate_period rdate_with_rule
    same_instance_twice secondly_bomb start_outside_its_rule tasks_and_journals this_and_future unknown_zone
    yearly_on_leap_day zero_length
    """.split()  # noqa: SIM905
)
"""What Outlook has no way to hold."""


@pytest.fixture(scope="module")
def shared() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.app(APP, SECRET, [BACK])
        world.add_user(ANN, name="Ann")
        yield world


@pytest.fixture(scope="module")
def graph(shared: MicrosoftWorld) -> Graph:
    return linked_graph(shared)


@pytest.fixture
def app(shared: MicrosoftWorld) -> Iterator[CalendarApp]:
    made = shared.user(ANN).add_calendar("Case")
    yield made
    made.remove()


def text(case: str) -> str:
    return (CASES / f"{case}.ics").read_text()


def view(graph: Graph, app: CalendarApp) -> list[dict[str, Any]]:
    bounds = {"startDateTime": LOW.isoformat(), "endDateTime": HIGH.isoformat()}
    return graph.all(f"me/calendars/{app.id}/calendarView", **bounds, S_top="1000")[0]


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_outlook_cannot_hold_is_refused_and_leaves_nothing(graph: Graph, app: CalendarApp, case: str) -> None:
    with pytest.raises(Inexpressible):
        app.put_ical(text(case))
    assert graph.get(f"me/calendars/{app.id}/events")["value"] == []


def test_zones_become_those_of_windows(graph: Graph, app: CalendarApp) -> None:
    app.put_ical(text("weekly_without_byday"))
    app.put_ical(text("microsoft_custom_zone"))
    names = {item["originalStartTimeZone"] for item in view(graph, app)}
    assert "tzone://Microsoft/Custom" in names
    assert all("/" not in name for name in names - {"tzone://Microsoft/Custom"})


def test_a_text_written_over_another_keeps_the_id(graph: Graph, app: CalendarApp) -> None:
    name = app.put_ical(text("moved_instance"))
    assert app.put_ical(text("windows_zone"), name=name) == name
    (item,) = view(graph, app)
    assert (item["id"], item["type"]) == (name, "singleInstance")
    app.put_ical(text("weekly_without_byday"), name=name)
    assert {item["type"] for item in view(graph, app)} == {"occurrence"}
    assert {item["seriesMasterId"] for item in view(graph, app)} == {name}


def test_single_instances_are_events_of_their_own(graph: Graph, app: CalendarApp) -> None:
    app.put_ical(text("only_overrides"))
    assert [item["type"] for item in view(graph, app)] == ["singleInstance"] * 2


def test_who_is_invited_and_what_they_answered(graph: Graph, app: CalendarApp) -> None:
    app.put_ical(text("unanswered"))
    (item,) = view(graph, app)
    assert (item["responseStatus"]["response"], item["showAs"]) == ("notResponded", "tentative")
    assert item["attendees"][0]["emailAddress"]["address"] == ANN
    assert item["iCalUId"] == "case@other"


def test_what_was_said_of_an_event_can_be_read_as_icalendar(app: CalendarApp) -> None:
    app.put_ical(text("windows_zone"))
    (found,) = app.events()
    written = to_ical(found.data, found.id)
    assert f"UID:{found.id}" in written
    assert "DTSTART:20260706T130000Z" in written
    assert "BEGIN:VALARM" in written
    assert "ATTENDEE" not in written
    guest = {"emailAddress": {"address": "guest@example.com"}}
    app.change(found.id, attendees=[guest], isReminderOn=False)
    (found,) = app.events()
    assert "ATTENDEE:mailto:guest@example.com" in to_ical(found.data, found.id)
    assert "VALARM" not in to_ical(found.data, found.id)


def test_an_occurrence_is_named_by_its_day(graph: Graph, app: CalendarApp) -> None:
    name = app.put_ical(text("weekly_without_byday"))
    assert app.events()[0].series
    app.cancel(name, date(2026, 1, 12))
    app.change(name, date(2026, 1, 19), showAs="free")
    items = view(graph, app)
    assert [item["start"]["dateTime"][:10] for item in items[:2]] == ["2026-01-05", "2026-01-19"]
    assert (items[1]["type"], items[1]["showAs"]) == ("exception", "free")
    with pytest.raises(GraphError):
        app.cancel(name, date(2026, 1, 13))
