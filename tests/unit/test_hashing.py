"""The bounded queue in front of what hashes passwords."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from booking_app.domain.errors import Busy
from booking_app.services.hashing import AT_ONCE, NICENESS, Hashing


async def test_who_finds_the_queue_full_is_told_at_once_and_the_others_are_served() -> None:
    hashing, go = Hashing(threads=2, most_waiting=3), threading.Event()
    waiting = [asyncio.create_task(hashing.run(go.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    for _ in range(300):
        with pytest.raises(Busy) as refused:
            await hashing.run(go.wait)
        assert refused.value.seconds > 0
    go.set()
    assert await asyncio.gather(*waiting) == [True] * 5
    assert await hashing.run(str, 7) == "7"


async def test_few_at_a_time_are_on_the_way_and_none_of_them_to_a_full_queue() -> None:
    hashing, go = Hashing(threads=1, most_waiting=0), threading.Event()
    on_the_way = most = 0

    async def go_there() -> None:
        nonlocal on_the_way, most
        async with hashing.turn():
            on_the_way += 1
            most = max(most, on_the_way)
            await asyncio.sleep(0)
            on_the_way -= 1

    await asyncio.gather(*(go_there() for _ in range(300)))
    assert most == AT_ONCE
    working = asyncio.create_task(hashing.run(go.wait))
    await asyncio.sleep(0)
    told = await asyncio.gather(*(go_there() for _ in range(300)), return_exceptions=True)
    assert {type(each) for each in told} == {Busy}
    go.set()
    await working
    await go_there()


async def test_work_that_nobody_waits_for_any_more_keeps_its_place_until_it_is_done() -> None:
    hashing, go, begun = Hashing(threads=1, most_waiting=0), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait()

    task = asyncio.create_task(hashing.run(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(Busy):
        await hashing.run(work)
    go.set()
    for _ in range(1000):
        try:
            await hashing.run(work)
        except Busy:
            await asyncio.sleep(0.01)
        else:
            return
    raise AssertionError("the place was not given back")


async def test_an_error_of_the_work_gives_the_place_back() -> None:
    hashing = Hashing(threads=1, most_waiting=0)
    for _ in range(3):
        with pytest.raises(ValueError):
            await hashing.run(int, "x")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness counts for whole processes")
async def test_hashing_stands_behind_what_answers_pages() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert await Hashing().run(os.getpriority, os.PRIO_PROCESS, 0) == max(before, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
