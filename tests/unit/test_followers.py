"""Who follows a page goes on only as long as that is wanted."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from reflex.istate.data import SessionData

from booking_app.state import followers
from booking_app.state.followers import Following

SHELL = "booking_app.booking_app"  # other tests of this process may have loaded the real one, with no tab connected


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tabs a stand-in of the app has: what a test takes out is gone."""
    tabs = {"a": "1", "b": "2"}
    app = SimpleNamespace(event_namespace=SimpleNamespace(token_to_sid=tabs))
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
