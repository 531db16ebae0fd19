"""Who follows a page goes on only as long as that is wanted."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from reflex.istate.data import SessionData

from booking_app.state import followers
from booking_app.state.followers import Following


def tab(token: str) -> SessionData:
    return SessionData(client_token=token)


def test_a_later_follower_of_the_same_tab_and_page_takes_over() -> None:
    with Following("book", tab("a")) as first, Following("index", tab("a")) as page, Following("book", tab("b")) as b:
        assert first.goes_on
        with Following("book", tab("a")) as second:
            assert not first.goes_on
            assert second.goes_on
            assert page.goes_on
            assert b.goes_on
        assert not first.goes_on
    assert followers._newest == {}


def test_whose_tab_is_gone_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = {"here": "1"}
    app = SimpleNamespace(event_namespace=SimpleNamespace(token_to_sid=sockets))
    monkeypatch.setitem(sys.modules, "booking_app.booking_app", SimpleNamespace(app=app))
    with Following("book", tab("here")) as here, Following("book", tab("gone")) as gone:
        assert here.goes_on
        assert not gone.goes_on
        del sockets["here"]
        assert not here.goes_on
