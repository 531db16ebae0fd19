"""The guard on event handlers: each kind of handler, every handler of the program, and a raw websocket attack."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
import reflex as rx
from reflex.event import EventHandler
from reflex.istate.data import RouterData
from reflex.state import BaseState

import booking_app.state
from booking_app import runtime
from booking_app.config import Settings
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Invalid
from booking_app.runtime import Runtime
from booking_app.services import accounts
from booking_app.state.guard import access_of, caller, guarded, public, short_text, still_allowed, visitor, whole_number
from booking_app.state.owner import ForgetOnChangeOfSession
from booking_app.sync.vault import new_key
from tests.conftest import Clock

PASSWORD = "a calm green river"
REFLEX_OWN = {"setvar", "hydrate", "hydrate_and_load", "set_is_hydrated", "on_load_internal", "update_vars_internal"}


class Door(rx.State):
    """One handler of each kind; `secret` is what only a caller who passed may see."""

    secret: str = ""

    @rx.event
    @guarded(Role.STAFF)
    async def coroutine(self, number: int) -> None:
        self.secret = f"{caller().name} {number}"

    @rx.event
    @guarded(Role.STAFF)
    def plain(self) -> None:
        self.secret = caller().name

    @rx.event
    @guarded(Role.STAFF)
    async def stream(self) -> AsyncIterator[Any]:
        self.secret = caller().name
        yield rx.toast("one")
        self.secret += " again"
        yield rx.toast("two")

    @rx.event
    @guarded(Role.STAFF)
    def steps(self) -> Iterator[Any]:
        yield rx.toast("one")
        self.secret = caller().name

    @rx.event(background=True)
    @guarded(Role.STAFF)
    async def background(self) -> None:
        self.secret = caller().name

    @rx.event
    @guarded(Role.ADMIN)
    async def admin(self) -> None:
        self.secret = caller().name

    @rx.event
    @public
    async def anybody(self) -> None:
        self.secret = "nothing secret"


class Forgotten(rx.State):
    """What a handler looks like that nobody decided about."""

    @rx.event
    async def leak(self) -> None: ...


HANDLERS = ["coroutine", "plain", "stream", "steps", "background", "admin"]


@pytest.fixture
async def running(database_url: str, clock: Clock) -> AsyncIterator[Runtime]:
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url="https://book.example.com")
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as started:
        for name, role in (("Ada", Role.ADMIN), ("Sam", Role.STAFF)):
            email = f"{name.lower()}@example.com"
            await accounts.create_account(started.context, email=email, name=name, password=PASSWORD, role=role)
        yield started


def door(cookie: str | None = None, url: str = "https://book.example.com/admin/sync?day=3") -> Door:
    """The state of a tab whose browser sends this session cookie."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    headers = {"cookie": f"theme=dark; {accounts.cookie_name('https:')}={cookie}"} if cookie else {}
    carry(root, headers, url)
    return cast(Door, root.get_substate(Door.get_full_name().split(".")))


def carry(root: BaseState, headers: dict[str, str], url: str) -> None:
    data = {"headers": {"origin": "https://book.example.com", **headers}, "asPath": url.partition(".com")[2]}
    root._update_router_vars(data, {})
    assert RouterData.from_router_data(data).url == url


async def call(state: Door, name: str, *args: Any) -> list[Any]:
    """What the handler returned or yielded, called as Reflex calls it."""
    handler: EventHandler = type(state).event_handlers[name]
    result = handler.fn(state, *args)
    if hasattr(result, "__aiter__"):
        return [event async for event in result]
    result = await result
    return [] if result is None else [result]


def target(event: Any) -> str:
    return str({str(name): value for name, value in event.args}["path"])


async def cookie_of(running: Runtime, name: str) -> str:
    _, cookie = await accounts.sign_in(running.context, f"{name}@example.com", PASSWORD)
    return cookie


def arguments(name: str) -> tuple[int, ...]:
    return (7,) if name == "coroutine" else ()


@pytest.mark.parametrize("cookie", [None, "x" * 43, "expired"])
async def test_without_a_valid_session_nothing_runs(running: Runtime, clock: Clock, cookie: str | None) -> None:
    if cookie == "expired":
        cookie = await cookie_of(running, "ada")
        clock.advance(days=31)
    for name in HANDLERS:
        state = door(cookie)
        state.secret = "what the person before saw"
        [answer] = await call(state, name, *arguments(name))
        assert "/sign-in?next=%2Fadmin%2Fsync%3Fday%3D3" in target(answer)
        assert state.secret == ""


async def test_an_admin_may_call_everything(running: Runtime) -> None:
    cookie = await cookie_of(running, "ada")
    for name in HANDLERS:
        state = door(cookie)
        await call(state, name, *arguments(name))
        assert state.secret.startswith("Ada")


async def test_staff_may_not_call_what_is_for_admins(running: Runtime) -> None:
    state = door(await cookie_of(running, "sam"))
    await call(state, "coroutine", 7)
    assert state.secret == "Sam 7"
    [answer] = await call(state, "admin")
    assert "error=role" in target(answer)
    assert state.secret == ""


async def test_a_session_that_ended_elsewhere_is_noticed_at_the_next_call_and_by_a_task_that_stays(
    running: Runtime,
) -> None:
    seen: list[bool] = []

    @guarded(Role.STAFF)
    async def live(self: rx.State) -> None:
        seen.append(await still_allowed())
        await accounts.sign_out_everywhere(running.context, caller().account_id)
        seen.append(await still_allowed())

    state = door(await cookie_of(running, "sam"))
    await live(state)
    assert seen == [True, False]
    assert await visitor(state) is None
    assert await call(state, "plain")
    assert state.secret == ""


async def test_outside_of_a_guarded_handler_there_is_no_caller(running: Runtime) -> None:
    await call(door(await cookie_of(running, "ada")), "coroutine", 7)
    with pytest.raises(LookupError):
        caller()


def test_reflex_sees_the_handler_that_was_written() -> None:
    handlers = Door.event_handlers
    assert handlers["coroutine"]._get_type_hints()["number"] is int
    assert list(handlers["coroutine"].get_parameters()) == ["self", "number"]
    assert handlers["background"].is_background
    assert not handlers["coroutine"].is_background


async def test_the_tab_of_one_person_shows_nothing_of_the_one_before(running: Runtime) -> None:
    state = door(await cookie_of(running, "ada"))
    root = state._get_root_state()
    forget = ForgetOnChangeOfSession()
    app, event = cast(Any, None), cast(Any, None)
    await forget.preprocess(app, root, event)
    await call(state, "admin")
    await forget.preprocess(app, root, event)
    assert state.secret == "Ada"
    cookie = await cookie_of(running, "sam")
    carry(root, {"cookie": f"{accounts.cookie_name('https:')}={cookie}"}, "https://book.example.com/settings/calendars")
    await forget.preprocess(app, root, event)
    assert state.secret == ""


@pytest.mark.parametrize("value", [0, -1, True, "1", 1.0, None, [1], 2**63])
def test_an_id_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        whole_number(value)


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, "x" * 201, "nul\0"])
def test_a_text_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        short_text(value, "name")


def program_states() -> list[type[BaseState]]:
    """Every state class of the program; importing all of its modules finds also those no page uses."""
    for module in pkgutil.walk_packages(booking_app.state.__path__, "booking_app.state."):
        importlib.import_module(module.name)
    importlib.import_module("booking_app.booking_app")
    found, waiting = [], [cast(type[BaseState], rx.State)]
    while waiting:
        state = waiting.pop()
        waiting.extend(state.get_substates())
        if state.__module__.startswith("booking_app."):
            found.append(state)
    return found


def undecided(states: list[type[BaseState]]) -> list[str]:
    """The handlers without a word on who may call them. Every public function of a state is one."""
    return [
        f"{state.__module__}.{state.__name__}.{name}"
        for state in states
        for name, handler in state.event_handlers.items()
        if name != "setvar" and access_of(handler.fn) is None
    ]


def test_every_event_handler_of_the_program_is_guarded_or_public() -> None:
    states = program_states()
    assert len(states) >= 3
    assert undecided(states) == []
    assert undecided([Door, Forgotten]) == [f"{__name__}.Forgotten.leak"]


def test_no_var_can_be_set_from_outside() -> None:
    """Reflex gives every state a `setvar` that calls `set_<name>`: there is none that it made by itself."""
    for state in program_states():
        for name in state.base_vars:
            setter = getattr(state, f"set_{name}", None)
            assert setter is None or access_of(setter.fn) is not None, f"{state.__name__}.{name}"


def test_the_handlers_that_reflex_brings_are_the_known_ones() -> None:
    names = {
        name
        for state in [cast(type[BaseState], rx.State), *rx.State.get_substates()]
        if state.__module__.startswith("reflex")
        for name in state.event_handlers
    }
    assert names - REFLEX_OWN <= {"handle_frontend_exception"}
