"""Which of several processes serves a tab, and what becomes of the tabs of one that was killed, with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from reflex.state import StateUpdate
from reflex.utils.token_manager import LocalTokenManager, RedisTokenManager

from booking_app.state import elsewhere
from booking_app.state.elsewhere import is_elsewhere, is_here, take_over
from tests import redis_server

NOBODY = "nobody"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server.running() as url:
        yield url


class Process(RedisTokenManager):
    """What one process knows of tabs, and what it was told to send to them."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.sent: list[str] = []

    async def emit(self, update: StateUpdate, token: str) -> None:
        self.sent.append(token)

    async def begin(self) -> None:
        """Serve tabs, as from the first that connects on."""
        self.ensure_lost_and_found_task(self.emit)
        channel = f"channel:{self._get_lost_and_found_key(self.instance_id)}"
        while not await self.redis.publish(channel, elsewhere._KNOCK):
            await asyncio.sleep(0.01)

    async def die(self) -> None:
        """Stop at once, and leave everything as it is."""
        for task in (self._lost_and_found_task, self._socket_record_task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.redis.aclose()


@pytest.fixture
async def processes(redis_url: str) -> AsyncIterator[list[Process]]:
    three = [Process(Redis.from_url(redis_url)) for _ in range(3)]
    await three[0].redis.flushdb()
    for each in three:
        await each.begin()
    yield three
    for each in three:
        await each.die()


async def test_a_tab_is_where_it_connected(processes: list[Process]) -> None:
    here, there, _ = processes
    assert await here.link_token_to_sid("tab", "socket") is None
    assert is_here(here, "tab")
    assert not await is_elsewhere(here, "tab")
    assert await is_elsewhere(there, "tab")
    # What is known of tabs of others does not make them ours.
    assert not is_here(there, "tab")
    assert not await is_elsewhere(there, NOBODY)
    await here.disconnect_token("tab", "socket")
    assert not is_here(here, "tab")
    assert not await is_elsewhere(there, "tab")


async def test_the_tab_of_a_killed_process_goes_on_at_another(processes: list[Process]) -> None:
    dead, here, there = processes
    await dead.link_token_to_sid("tab", "first")
    await dead.die()
    assert not await is_elsewhere(here, "tab")
    assert await take_over(here, "tab")
    assert await here.link_token_to_sid("tab", "second") is None
    assert is_here(here, "tab")
    assert await is_elsewhere(there, "tab")


async def test_the_duplicate_of_an_open_tab_does_not_take_its_place(
    processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, _ = processes
    monkeypatch.setattr(elsewhere, "LEAVING", 0.2)
    await here.link_token_to_sid("tab", "socket")
    assert not await take_over(there, "tab")
    assert is_here(here, "tab")
    assert await is_elsewhere(there, "tab")


async def test_a_tab_that_is_back_before_its_process_has_seen_it_leave_is_waited_for(processes: list[Process]) -> None:
    here, there, _ = processes
    await here.link_token_to_sid("tab", "first")
    arrival = asyncio.create_task(take_over(there, "tab"))
    await asyncio.sleep(0)
    await here.disconnect_token("tab", "first")
    assert await arrival
    assert await there.link_token_to_sid("tab", "second") is None


async def test_what_a_process_left_of_its_own_tab_is_in_nobodys_way(processes: list[Process]) -> None:
    here, *_ = processes
    await here.link_token_to_sid("tab", "first")
    # It has seen the tab leave; Redis has not been told yet.
    here.token_to_socket.clear()
    here.sid_to_token.clear()
    assert await take_over(here, "tab")
    assert await here.link_token_to_sid("tab", "second") is None


async def test_to_ask_whether_a_process_lives_sends_nothing_to_its_tabs(processes: list[Process]) -> None:
    here, there, _ = processes
    await here.link_token_to_sid("tab", "socket")
    assert await is_elsewhere(there, "tab")
    assert set(here.sent) <= {""}


async def test_one_process_alone_has_all_tabs() -> None:
    alone = LocalTokenManager()  # type: ignore[no-untyped-call]
    await alone.link_token_to_sid("tab", "socket")
    assert is_here(alone, "tab")
    assert not await is_elsewhere(alone, "tab")
    assert await take_over(alone, NOBODY)
