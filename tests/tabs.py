"""The handlers of pages, called as Reflex calls them for a tab of somebody's browser."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, TypeVar, cast

import pytest
import reflex as rx

from booking_app import runtime
from booking_app.config import Settings
from booking_app.runtime import Runtime
from booking_app.services import accounts
from booking_app.services.typed import COOKIE as TYPED
from booking_app.sync.vault import new_key
from tests.token_server import TokenServer

ORIGIN = "https://book.example.com"
PASSWORD = "a calm green river"
State = TypeVar("State", bound=rx.State)


def program_settings(database_url: str, world: TokenServer | None = None, *, public_url: str = ORIGIN) -> Settings:
    """Those of a program to which `world`, where there is one, is Google and Microsoft."""
    url = world.url if world else ""
    return Settings(
        database_url=database_url,
        secret_keys=(new_key(),),
        public_url=public_url,
        google_url=url,
        microsoft_url=url,
    )


@contextlib.asynccontextmanager
async def program(
    settings: Settings, now: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    """The program that the pages of this process belong to, without its workers."""
    async with runtime.built(settings, now=now) as started:
        monkeypatch.setattr(runtime, "_running", [started])
        yield started


def tab(kind: type[State], cookie: str, address: str, *, typed: str = "") -> State:
    """The state of a tab whose browser sends this session cookie, and what was `typed` into a refused form."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    cookies = f"{accounts.cookie_name(ORIGIN)}={cookie}; {TYPED}={typed}"
    root._update_router_vars({"headers": {"cookie": cookies, "origin": ORIGIN}, "asPath": address}, {})
    return beside(root, kind)


def beside(state: rx.State, kind: type[State]) -> State:
    """Another state of the same tab."""
    root = state
    while root.parent_state is not None:
        root = cast(rx.State, root.parent_state)
    return cast(State, root.get_substate(kind.get_full_name().split(".")))


async def call(state: rx.State, name: str, *args: Any) -> list[Any]:
    """What the handler returned or yielded."""
    result = type(state).event_handlers[name].fn(state, *args)
    if hasattr(result, "__aiter__"):
        return [event async for event in result]
    result = await result
    return [] if result is None else [result]
