"""How many slots the pages keep, for how long, and when they are given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import reflex as rx

from booking_app import runtime
from booking_app.config import Settings
from booking_app.domain.clock import to_instant
from booking_app.limiter import client_key
from booking_app.runtime import Runtime
from booking_app.services import holds
from booking_app.state import keeping
from booking_app.state.book import BookState
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import make_person, make_service
from tests.rows import rows
from tests.unit.test_state_book import FORM, HTTPS, call


@pytest.fixture
async def running(database_url: str, clock: Clock) -> AsyncIterator[Runtime]:
    keeping._kept.clear()
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url=HTTPS, rate_bookings=100)
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as started:
        await make_person(started.context)
        await make_service(started.context)
        yield started


async def a_form(tab: str, address: str = "203.0.113.7") -> BookState:
    """A tab in which the soonest time was chosen, which another tab may have kept before."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    router = {"headers": {"origin": HTTPS}, "asPath": "/book/haircut", "token": tab, "sid": tab, "ip": address}
    root._update_router_vars(router, {})
    state = root.get_substate(BookState.get_full_name().split("."))
    assert isinstance(state, BookState)
    await call(state, "open")
    await call(state, "zone_found", "UTC")
    await call(state, "take_soonest")
    for _ in range(20):
        if state.step == "pick":
            await call(state, "take_instead", state.refusal.instead[0].start)
    assert state.step == "form"
    return state


async def standing(running: Runtime) -> int:
    return len(await rows(running.context, "SELECT 1 FROM appointment WHERE state = 'held'"))


async def test_one_address_keeps_a_few_slots_and_can_still_book_beyond(running: Runtime, clock: Clock) -> None:
    forms = [await a_form(f"tab-{number}") for number in range(holds.MOST)]
    assert await standing(running) == holds.MOST
    beyond = await a_form("one-more")
    assert (beyond._hold, beyond.kept_over, await standing(running)) == (None, True, holds.MOST)
    await call(beyond, "submit", FORM)
    assert beyond.step == "done"
    elsewhere = await a_form("elsewhere", "203.0.113.8")
    assert elsewhere._hold
    await call(forms[0], "back")
    assert (await a_form("another"))._hold
    assert (await a_form("too-many"))._hold is None
    clock.advance(minutes=6)
    assert (await a_form("later"))._hold


async def test_attempts_at_once_keep_no_more(running: Runtime) -> None:
    await asyncio.gather(*(a_form(f"tab-{number}") for number in range(holds.MOST)))
    before = await standing(running)
    await asyncio.gather(*(a_form(f"more-{number}") for number in range(holds.MOST)))
    assert before <= await standing(running) <= holds.MOST


async def test_a_tab_keeps_one_slot(running: Runtime) -> None:
    state = await a_form("tab")
    await call(state, "back")
    await call(state, "take_soonest")
    assert (bool(state._hold), await standing(running)) == (True, 1)


async def test_typing_keeps_a_slot_longer_now_and_then_and_a_quarter_of_an_hour_in_all(
    running: Runtime, clock: Clock
) -> None:
    began = to_instant(clock())
    state = await a_form("tab")
    clock.advance(seconds=29)
    await call(state, "typing")
    assert state.kept_until == began + 300
    clock.advance(seconds=1)
    await call(state, "typing")
    assert state.kept_until == began + 330
    for _ in range(6):
        clock.advance(minutes=2)
        await call(state, "typing")
    assert state.kept_until == began + 900
    clock.advance(minutes=3)
    await call(state, "typing")
    assert (state._hold, state.kept_over) == (None, True)


async def test_a_page_that_is_left_gives_its_slot_back(running: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "GRACE", 0.05)
    state = await a_form("tab")
    with keeping.Watching(state.router.session):
        pass
    await asyncio.wait(keeping._farewells)
    assert await standing(running) == 0


async def test_a_page_that_comes_back_keeps_its_slot(running: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "GRACE", 0.05)
    state = await a_form("tab")
    with keeping.Watching(state.router.session):
        pass
    with keeping.Watching(state.router.session):
        await asyncio.wait(keeping._farewells)
        assert await standing(running) == 1
    await asyncio.wait(keeping._farewells)
    assert await standing(running) == 0


async def test_the_slot_of_a_tab_that_another_process_serves_is_not_given_back(
    running: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it has left that process too by the time that this one would give it back: that is up to the other."""
    seen: list[str] = []

    async def is_elsewhere(tab: str) -> bool:
        seen.append(tab)
        return len(seen) == 2

    monkeypatch.setattr(keeping, "GRACE", 0.05)
    monkeypatch.setattr(keeping, "is_elsewhere", is_elsewhere)
    state = await a_form("tab")
    with keeping.Watching(state.router.session):
        pass
    await asyncio.wait(keeping._farewells)
    assert (seen, await standing(running)) == (["tab", "tab"], 1)
    # It comes back and leaves for good.
    with keeping.Watching(state.router.session):
        await call(state, "open")
    await asyncio.wait(keeping._farewells)
    assert await standing(running) == 0


def test_all_addresses_of_a_network_are_one_client() -> None:
    assert client_key("2001:db8:1:2::1") == client_key("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert client_key("2001:db8:1:3::1") != client_key("2001:db8:1:2::1")
    assert client_key("::ffff:203.0.113.7") == client_key("203.0.113.7") == "203.0.113.7"
    assert client_key("testclient") == "testclient"
