"""What has to be true of a browser's message before anything acts on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reflex_base.utils.format import format_event_handler

import booking_app.pages.routes  # noqa: F401  (all states are known)
from booking_app.state.book import BookState
from booking_app.state.messages import checked
from booking_app.state.people import PeopleState
from tests.integration.test_guard import program_states

ROOT = "reflex___state____state"
HYDRATE = f"{ROOT}.hydrate_and_load"
PAGE = {"pathname": "/book/[service]", "asPath": "/book/haircut?x=1", "query": {"service": "haircut"}}


def name_of(state: Any, handler: str) -> str:
    name: str = format_event_handler(state.event_handlers[handler])
    return name


def test_what_pages_send_is_taken() -> None:
    assert checked({"name": HYDRATE, "payload": {"vars": {}, "hashes": ["a"]}, "router_data": PAGE}) is not None
    assert checked({"name": HYDRATE, "router_data": PAGE, "event_actions": {}, "handler": None}) == {
        "name": HYDRATE,
        "payload": {},
        "router_data": PAGE,
    }
    assert checked({"name": f"{ROOT}.hydrate"}) is not None
    opened = checked(
        {"name": name_of(BookState, "open"), "payload": None, "router_data": {**PAGE, "headers": {"a": 1}}}
    )
    assert opened is not None
    assert opened["router_data"] == PAGE


ODD: list[object] = [
    None, 7, "x", [], {}, {"name": None}, {"name": []}, {"name": {}}, {"name": "no.such.handler"}, {"name": ROOT},
    {"name": HYDRATE, "payload": []}, {"name": HYDRATE, "payload": "x"}, {"name": HYDRATE, "router_data": [1]},
    {"name": HYDRATE, "payload": {"unknown": 1}}, {"name": HYDRATE, "payload": {"vars": 1}},
    {"name": HYDRATE, "payload": {"vars": {"nowhere.x": 1}}}, {"name": HYDRATE, "payload": {"hashes": [1]}},
    {"name": HYDRATE, "payload": {"vars": {f"{ROOT}.is_hydrated": True}}},
    {"name": f"{ROOT}.setvar", "payload": {"var_name": "is_hydrated", "value": True}},
    {"name": f"{ROOT}.set_is_hydrated", "payload": {}}, {"name": f"{ROOT}.set_is_hydrated", "payload": {"value": []}},
    {"name": HYDRATE, "router_data": {"pathname": 1}}, {"name": HYDRATE, "router_data": {"asPath": "x" * 3000}},
    {"name": HYDRATE, "router_data": {"asPath": "@[/"}}, {"name": HYDRATE, "router_data": {"asPath": ":x"}},
    {"name": HYDRATE, "router_data": {"query": []}}, {"name": HYDRATE, "router_data": {"query": {"a": {}}}},
]  # fmt: skip


@pytest.mark.parametrize("message", ODD, ids=lambda message: str(message)[:60])
def test_what_does_not_fit_is_nothing(message: object) -> None:
    assert checked(message) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([name_of(state, each) for state in program_states() for each in state.event_handlers]), JSON, JSON
)
def test_nothing_that_json_can_say_is_an_error(name: str, payload: object, page: object) -> None:
    checked({"name": name, "payload": payload, "router_data": page})
    checked({"name": payload, "payload": {"value": page}})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_parameter_gets_what_its_type_says(data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(program_states()))
    handler = state.event_handlers[data.draw(st.sampled_from(sorted(state.event_handlers)))]
    hints = handler._get_type_hints()
    payload = {each: data.draw(JSON) for each in list(handler.get_parameters())[1:]}
    taken = checked({"name": format_event_handler(handler), "payload": payload})
    if taken is not None:
        for each, value in payload.items():
            for kind in (str, int, bool, dict):
                assert hints.get(each) is not kind or type(value) is kind


def test_a_handler_that_takes_nothing_is_given_nothing() -> None:
    assert checked({"name": name_of(PeopleState, "open"), "payload": {}}) is not None
    assert checked({"name": name_of(PeopleState, "open"), "payload": {"self": 1}}) is None
