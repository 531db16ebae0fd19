"""What the websocket side decides without a websocket."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import reflex as rx
from reflex.event import Event
from reflex.state import StateUpdate
from reflex.utils.token_manager import LocalTokenManager, SocketRecord

from booking_app.state.owner import DropWhatNobodyWaitsFor
from booking_app.state.sockets import MOST_UNREAD, MOST_UNREAD_CHARACTERS, Sockets


def sockets(*tabs: str, waiting: list[Any] | None = None) -> Sockets:
    """Those of a process to which these tabs are connected, with what waits to be sent to each."""
    made = object.__new__(Sockets)
    here = LocalTokenManager()  # type: ignore[no-untyped-call]
    here.token_to_socket.update((tab, SocketRecord(instance_id=here.instance_id, sid=tab)) for tab in tabs)
    cast(Any, made)._token_manager = here
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for each in waiting or []:
        queue.put_nowait(each)
    cast(Any, made)._engine_socket = lambda _sid: SimpleNamespace(queue=queue)
    return made


async def test_what_a_tab_asked_for_is_not_begun_once_it_is_gone() -> None:
    app = cast(Any, SimpleNamespace(event_namespace=sockets("here")))
    for tab, begun in (("here", True), ("gone", False)):
        state = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
        state._update_router_vars({"token": tab}, {})
        answer = await DropWhatNobodyWaitsFor().preprocess(app, state, Event(name="x"))
        assert answer == (None if begun else StateUpdate())
    without_sockets = cast(Any, SimpleNamespace(event_namespace=None))
    assert await DropWhatNobodyWaitsFor().preprocess(without_sockets, state, Event(name="x")) is None


def test_how_much_may_wait_for_a_client_to_read() -> None:
    def packets(number: int, size: int) -> list[Any]:
        return [None, *(SimpleNamespace(data="x" * size) for _ in range(number)), SimpleNamespace(data=None)]

    assert not sockets(waiting=packets(MOST_UNREAD - 1, 100))._too_much_waits("a")
    assert sockets(waiting=packets(MOST_UNREAD, 100))._too_much_waits("a")
    assert sockets(waiting=packets(3, MOST_UNREAD_CHARACTERS // 2))._too_much_waits("a")
    # One alone may be as large as it has to be.
    assert not sockets(waiting=[SimpleNamespace(data="x" * 2 * MOST_UNREAD_CHARACTERS)])._too_much_waits("a")
