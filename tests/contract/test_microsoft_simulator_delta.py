"""What changed, as the simulated Graph tells it: windows, stubs, removals, replays, links that end."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.graph_client import ANN, APP, BACK, SECRET, WINDOW, Graph, at, event, weekly
from tests.contract.graph_client import graph as linked_graph
from tests.simulators.microsoft.errors import GraphError
from tests.simulators.microsoft.outlook import CalendarApp
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld

DELTA = "me/calendarView/delta"
OUTSIDE: dict[str, Any] = {"start": {"dateTime": "2028-01-01T09:00:00", "timeZone": "UTC"}}
OUTSIDE |= {"end": {"dateTime": "2028-01-01T10:00:00", "timeZone": "UTC"}}


@pytest.fixture
def world() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.add_user(ANN, name="Ann")
        world.app(APP, SECRET, [BACK])
        yield world


@pytest.fixture
def graph(world: MicrosoftWorld) -> Graph:
    return linked_graph(world)


@pytest.fixture
def app(world: MicrosoftWorld) -> CalendarApp:
    return world.user(ANN).calendar()


def told(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["id"], "removed" if "@removed" in item else item["type"]) for item in items]


def test_a_round_ends_with_a_link_and_the_next_begins_there(graph: Graph, app: CalendarApp) -> None:
    first = app.put(event("first"))
    items, pages, link = graph.all(DELTA, **WINDOW)
    assert (told(items), pages) == ([(first, "singleInstance")], 1)
    assert items[0]["subject"] == "first"  # whether one wants to know or not
    assert graph.all(link)[0] == []
    second = app.put(event("second", 12))
    app.change(first, subject="changed")
    assert sorted(told(graph.all(link)[0])) == sorted([(first, "singleInstance"), (second, "singleInstance")])
    link = graph.all(link)[2]
    app.delete(first)
    items, _, link = graph.all(link)
    assert items == [{"@odata.type": "#microsoft.graph.event", "id": first, "@removed": {"reason": "deleted"}}]
    assert graph.all(link)[0] == []


def test_pages_are_as_large_as_preferred(graph: Graph, app: CalendarApp) -> None:
    for number in range(23):
        app.put(event(hour=number))
    items, pages, _ = graph.all(DELTA, **WINDOW)
    assert (len(items), pages) == (23, 3)
    assert graph.all(DELTA, prefer="odata.maxpagesize=50", **WINDOW)[1] == 1
    assert graph.all(DELTA, prefer="odata.maxpagesize=1", **WINDOW)[1] == 23


@pytest.mark.parametrize("option", ["S_select", "S_expand", "S_filter", "S_orderby", "S_search", "S_top", "odd"])
def test_a_delta_takes_no_options(graph: Graph, option: str) -> None:
    assert graph.refused("GET", DELTA, **WINDOW, **{option: "id"}) == (400, "BadRequest")
    link = graph.all(DELTA, **WINDOW)[2]
    assert graph.refused("GET", f"{link}&startDateTime=2027-03-01T00:00:00Z") == (400, "BadRequest")
    assert graph.refused("GET", DELTA)[0] == 400


def test_occurrences_are_stubs_beside_their_series(world: MicrosoftWorld, graph: Graph, app: CalendarApp) -> None:
    series = app.put(weekly(4, showAs="free"))
    third = app.occurrences(series, WINDOW["startDateTime"], WINDOW["endDateTime"])[2]
    app.change(third, subject="Other")
    items, _, link = graph.all(DELTA, **WINDOW)
    kinds = [item["type"] for item in items]
    assert kinds == ["seriesMaster", "occurrence", "occurrence", "exception", "occurrence"]
    stub = next(item for item in items if item["type"] == "occurrence")
    assert set(stub) == {"@odata.type", "@odata.etag", "seriesMasterId", "type", "id", "start", "end"}
    assert stub["seriesMasterId"] == series
    assert next(item for item in items if item["type"] == "seriesMaster")["showAs"] == "free"
    app.change(series, subject="Everything")
    assert len(graph.all(link)[0]) == 5  # the series and all its occurrences
    link = graph.all(link)[2]
    app.delete(third)
    assert (third, "removed") in told(graph.all(link)[0])
    world.delta_masters = False
    assert "seriesMaster" not in [item["type"] for item in graph.all(DELTA, **WINDOW)[0]]


def test_the_window_stays_and_what_leaves_it_is_removed(graph: Graph, app: CalendarApp) -> None:
    inside, outside = app.put(event()), app.put(event() | OUTSIDE)
    items, _, link = graph.all(DELTA, **WINDOW)
    assert told(items) == [(inside, "singleInstance")]
    app.change(outside, subject="Still far away")
    app.change(inside, **OUTSIDE)
    items, _, link = graph.all(link)
    assert told(items) == [(inside, "removed"), (outside, "removed")]
    app.change(outside, start=at(9), end=at(10))
    assert told(graph.all(link)[0]) == [(outside, "singleInstance")]
    graph.get(f"me/events/{inside}")  # it was never deleted


def test_a_calendar_of_its_own_and_a_move(world: MicrosoftWorld, graph: Graph, app: CalendarApp) -> None:
    other = world.user(ANN).add_calendar("Other")
    name = app.put(event())
    plain = graph.get(f"me/events/{name}", prefer="")["id"]
    path = f"me/calendars/{quote(other.id, safe='')}/calendarView/delta"
    here, there = graph.all(DELTA, **WINDOW)[2], graph.all(path, **WINDOW)[2]
    here_plain = graph.all(DELTA, prefer="", **WINDOW)[2]
    app.move(name, other)
    assert told(graph.all(here)[0]) == [(name, "removed")]
    assert told(graph.all(here_plain, prefer="")[0]) == [(plain, "removed")]
    assert told(graph.all(there)[0]) == [(name, "singleInstance")]
    token = there.partition("?")[2]
    assert graph.refused("GET", f"{DELTA}?{token}") == (400, "BadRequest")


def test_links_are_of_one_mailbox_and_end(world: MicrosoftWorld, graph: Graph, app: CalendarApp) -> None:
    link = graph.all(DELTA, **WINDOW)[2]
    world.add_user("bob@example.com")
    assert linked_graph(world, user="bob@example.com").refused("GET", link) == (400, "SyncStateInvalid")
    assert graph.refused("GET", link + "x") == (400, "SyncStateInvalid")
    world.expire_delta(ANN)
    answer = graph.ask("GET", link)
    assert answer.status_code == 410
    error = answer.json()["error"]
    assert (error["code"], error["innerError"]["code"]) == ("SyncStateNotFound", "resyncRequired")
    assert graph.all(answer.headers["Location"])[2]
    app.put(event())
    assert len(graph.all(DELTA, **WINDOW)[0]) == 1


def test_items_come_twice_and_again_and_late(world: MicrosoftWorld, graph: Graph, app: CalendarApp) -> None:
    name = app.put(event())
    link = graph.all(DELTA, **WINDOW)[2]
    world.replay = world.delta_empty = True
    items, pages, _ = graph.all(DELTA, **WINDOW)
    assert pages == 2
    assert told(items) == [(name, "singleInstance")] * 2
    assert items[0]["@odata.etag"] != items[1]["@odata.etag"]
    assert items[1]["start"]["dateTime"].startswith("2027-03-10T09:00")
    world.replay = world.delta_empty = False
    world.resend = 1
    assert told(graph.all(link)[0]) == [(name, "singleInstance")]
    assert graph.all(link)[0] == []
    world.lag = 60
    app.change(name, subject="Late")
    items, _, after = graph.all(link)
    assert items == []
    world.panel.skew = 61
    assert told(graph.all(after)[0]) == [(name, "singleInstance")]


@pytest.mark.parametrize("seed", range(6))
def test_following_equals_reading_afresh(world: MicrosoftWorld, graph: Graph, app: CalendarApp, seed: int) -> None:
    chance = random.Random(seed)
    names = [app.put(event(str(number), number)) for number in range(3)] + [app.put(weekly(6)), app.put(weekly())]
    held: dict[str, str] = {}
    items, _, link = graph.all(DELTA, **WINDOW)
    follow(held, items)
    world.replay = chance.random() < 0.5
    for _ in range(6):
        for _ in range(chance.randrange(1, 4)):
            act(chance, app, names)
        items, _, link = graph.all(link)
        follow(held, items)
        fresh: dict[str, str] = {}
        follow(fresh, graph.all(DELTA, **WINDOW)[0])
        assert held == fresh
        view = graph.all("me/calendarView", **WINDOW, S_top="500")[0]
        assert {item["id"] for item in view} == {name for name, etag in held.items() if not etag.startswith("series")}


def follow(held: dict[str, str], items: list[dict[str, Any]]) -> None:
    for item in items:
        if "@removed" in item:
            held.pop(item["id"], None)
        else:
            held[item["id"]] = ("series" if item["type"] == "seriesMaster" else "") + item["@odata.etag"]


def act(chance: random.Random, app: CalendarApp, names: list[str]) -> None:
    """Something that a person does; what Outlook refuses changes nothing."""
    deed = chance.randrange(6)
    if deed == 0:
        names.append(app.put(event(hour=chance.randrange(20), day=chance.randrange(1, 28))))
        return
    name = chance.choice(names)
    occurrences = app.occurrences(name, "2027-03-01T00:00:00Z", "2027-06-01T00:00:00Z") if deed > 2 else []
    with contextlib.suppress(GraphError):
        if deed == 1 and len(names) > 2:
            names.remove(name)
            app.delete(name)
        elif deed == 2:
            app.change(name, subject=str(chance.random()))
        elif deed == 3 and len(occurrences) > 1:
            app.delete(chance.choice(occurrences))
        elif deed == 4 and len(occurrences) > 1:
            day, hour = chance.randrange(1, 28), chance.randrange(20)
            app.change(chance.choice(occurrences), start=at(hour, day), end=at(hour + 1, day))
        elif len(occurrences) < 2:
            app.change(name, **OUTSIDE)
