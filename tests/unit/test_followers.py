"""Who follows a page goes on only as long as that is wanted."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
import reflex as rx
from reflex.istate.data import SessionData

from booking_app import runtime
from booking_app.feed import Change, Hub
from booking_app.state import followers
from booking_app.state.calendars import CalendarsState
from booking_app.state.followers import Following, keep_true
from booking_app.state.sync import SyncState
from booking_app.state.team import TeamState

SHELL = "booking_app.booking_app"  # other tests of this process may have loaded the real one, with no tab connected


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tabs a stand-in of the app has: what a test takes out is gone."""
    tabs = {"a": "1", "b": "2"}
    app = SimpleNamespace(event_namespace=SimpleNamespace(has=tabs.__contains__))
    monkeypatch.setitem(sys.modules, SHELL, SimpleNamespace(app=app))
    return tabs


def tab(token: str) -> SessionData:
    return SessionData(client_token=token)


def test_a_later_follower_of_the_same_tab_and_page_takes_over(connected: dict[str, str]) -> None:
    with Following("book", tab("a")) as first, Following("index", tab("a")) as page, Following("book", tab("b")) as b:
        assert first.goes_on
        with Following("book", tab("a")) as second:
            assert not first.goes_on
            assert second.goes_on
            assert page.goes_on
            assert b.goes_on
        assert not first.goes_on
    assert followers._newest == {}


def test_whose_tab_is_gone_stops(connected: dict[str, str]) -> None:
    with Following("book", tab("a")) as here, Following("book", tab("gone")) as gone:
        assert here.goes_on
        assert not gone.goes_on
        del connected["a"]
        assert not here.goes_on


def test_where_no_app_runs_there_is_no_tab_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, SHELL, raising=False)
    with Following("book", tab("a")) as follower:
        assert follower.goes_on


class Page:
    """What `keep_true` uses of a state that a background handler has."""

    def __init__(self) -> None:
        self.router = SimpleNamespace(session=tab("a"), url=SimpleNamespace(path="/admin/team/"))

    async def __aenter__(self) -> Page:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_page_is_looked_at_again_until_it_is_left_whatever_one_look_meets(
    connected: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def allowed() -> bool:
        return True

    hub, page, looks = Hub(), Page(), list[set[str]]()
    monkeypatch.setattr(runtime, "_running", [SimpleNamespace(hub=hub)])
    monkeypatch.setattr(followers, "still_allowed", allowed)
    monkeypatch.setattr(followers, "_PAUSE", 0)

    async def look(changed: set[str]) -> None:
        looks.append(changed)
        match len(looks):
            case 1:
                raise OSError("The database restarts.")
            case 2:
                hub.publish(Change(topic="sync", ids=frozenset({1})))
            case 3:
                page.router.url.path = "/admin/sync/"

    await keep_true(cast(rx.State, page), "/admin/team", "sync", "catalog", tick=0.01, look=look)
    assert looks == [{"sync", "catalog"}, set(), {"sync"}]
    assert [each.message for each in caplog.records] == ["page.follow"]
    assert hub.listeners == 0


@pytest.mark.parametrize("kind", [TeamState, SyncState, CalendarsState])
async def test_nothing_is_drawn_in_a_page_that_is_not_open_yet(kind: Any) -> None:
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    state = root.get_substate(kind.get_full_name().split("."))
    for changed in ({"sync", "availability"}, set[str]()):
        await cast(Any, state)._look(changed)
    assert not cast(Any, state).loaded
