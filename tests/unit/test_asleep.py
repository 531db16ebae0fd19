"""How many states are kept for tabs that are away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken

from booking_app.state.asleep import Asleep


class Kept(rx.State):
    """Something to keep."""


def app() -> tuple[Any, Any]:
    kind: Any = StateManagerMemory  # Its decorators hide from mypy that it is whole.
    manager = kind()
    return SimpleNamespace(state_manager=manager, _state=rx.State), manager


async def visit(manager: Any, *tabs: str) -> None:
    for tab in tabs:
        await manager.get_state(BaseStateToken(ident=tab, cls=rx.State))


async def test_of_one_client_those_that_went_first_are_forgotten() -> None:
    shell, manager = app()
    asleep = Asleep(cast(Any, shell), each=2, most=100)
    await visit(manager, "a", "b", "c", "other")
    asleep.add("other", "192.0.2.9")
    for tab in ("a", "b", "a", "c"):  # `a` was back in between.
        asleep.add(tab, "192.0.2.1")
    assert sorted(token for token in ("a", "b", "c", "other") if _key(token) in manager.states) == ["a", "c", "other"]
    await manager.close()


async def test_of_all_clients_together_too_and_never_one_that_is_back_or_at_work() -> None:
    shell, manager = app()
    asleep = Asleep(cast(Any, shell), each=100, most=2)
    await visit(manager, "back", "busy", "a", "b", "c")
    asleep.add("back", "1")
    asleep.wake("back")
    asleep.add("busy", "2")
    async with manager.modify_state(BaseStateToken(ident="busy", cls=rx.State)):
        for tab in ("a", "b", "c"):
            asleep.add(tab, tab)
    assert sorted(each for each in ("back", "busy", "a", "b", "c") if _key(each) in manager.states) == [
        "b",
        "back",
        "busy",
        "c",
    ]
    await manager.close()


def _key(tab: str) -> str:
    return BaseStateToken(ident=tab, cls=rx.State).cache_key
