"""Pages stay true where the state that a background task holds is a copy: with Redis, between its locks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import wrapt
from reflex.state import BaseState
from sqlalchemy import text

from booking_app import runtime
from booking_app.config import Settings
from booking_app.feed import Change
from booking_app.runtime import Runtime
from booking_app.state.book import BookState
from booking_app.state.index import IndexState
from booking_app.state.manage import ManageState
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.unit.test_state_book import HTTPS, call, tab

NINE = at("2027-03-02 09:00")


class Copy(wrapt.ObjectProxy[BaseState]):
    """What a background task is given with Redis: the state as it was when the task began, and the state itself only
    within `async with`."""

    def __init__(self, state: BaseState) -> None:
        copy = type(state)._deserialize(state._serialize())
        copy.parent_state = state.parent_state
        super().__init__(copy)
        self._self_copy = self.__wrapped__
        self._self_state = state

    async def __aenter__(self) -> Any:
        self.__wrapped__ = self._self_state
        return self

    async def __aexit__(self, *_: object) -> None:
        self.__wrapped__ = self._self_copy


@pytest.fixture
async def running(database_url: str, clock: Clock) -> AsyncIterator[Runtime]:
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url=HTTPS)
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as started:
        await make_person(started.context)
        await make_service(started.context)
        yield started


async def test_the_booking_page_follows(running: Runtime, clock: Clock) -> None:
    state = tab(BookState, "/book/haircut")
    page: Any = Copy(state)
    await call(state, "open")
    await call(state, "zone_found", "UTC")
    await call(state, "pick_day", "2027-03-02")
    await make_booking(running.context, NINE)
    running.board.changed("resync", frozenset())
    await BookState._follow(page, (Change(topic="resync"),), None)
    assert state.day.notice == "9:00 was just taken by somebody else."
    await call(state, "take_soonest")
    clock.advance(minutes=6)
    await BookState._follow(page, (), None)
    assert state.kept_over


async def test_the_first_page_follows(running: Runtime) -> None:
    state = tab(IndexState, "/")
    page: Any = Copy(state)
    await call(state, "open")
    await call(state, "zone_found", "Europe/Amsterdam")
    await make_booking(running.context, at("2027-03-01 09:00"))
    running.board.changed("resync", frozenset())
    await IndexState._follow(page)
    assert state.offers[0].next_free == "Free today, 10:30"


async def test_the_page_of_a_booking_follows_its_own_people(running: Runtime) -> None:
    receipt = await make_booking(running.context, NINE)
    state = tab(ManageState, f"/manage/{receipt.token}")
    page: Any = Copy(state)
    await call(state, "open")
    async with running.sessions.begin() as db:
        await db.execute(text("UPDATE booking SET name = 'Another Name'"))
        anna = (await db.execute(text("SELECT id FROM bookable"))).scalar_one()
    await ManageState._follow(page, (Change(topic="availability", ids=frozenset({anna + 1})),), None)
    assert state.booked.customer == "Clara Customer"
    await ManageState._follow(page, (Change(topic="availability", ids=frozenset({anna})),), None)
    assert state.booked.customer == "Another Name"
