"""What is asked at about the same time is answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from booking_app.sync.together import Together


class Doubling:
    """Answers each number with its double and remembers what it was asked together."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def work(self, numbers: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(numbers))
        await asyncio.sleep(0)
        if 13 in numbers:
            raise LookupError("thirteen")
        return [2 * each for each in numbers]


async def test_what_begins_in_the_same_turn_is_asked_at_once() -> None:
    doubling = Doubling()
    together = Together(doubling.work)
    assert await asyncio.gather(*(together.ask(each) for each in range(5))) == [0, 2, 4, 6, 8]
    assert doubling.asked == [[0, 1, 2, 3, 4]]
    assert await together.ask(7) == 14
    assert doubling.asked[1:] == [[7]]


async def test_what_comes_within_the_gap_waits_for_each_other() -> None:
    doubling = Doubling()
    together = Together(doubling.work, gap=1)
    first = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0.01)
    assert await together.ask(2) == 4
    assert await first == 2
    assert doubling.asked == [[1, 2]]


async def test_no_more_than_so_many_wait() -> None:
    doubling = Doubling()
    together = Together(doubling.work, gap=3600, most=3)
    assert await asyncio.gather(*(together.ask(each) for each in range(6))) == [0, 2, 4, 6, 8, 10]
    assert doubling.asked == [[0, 1, 2], [3, 4, 5]]


async def test_an_error_is_everybodys_and_the_next_ones_are_answered() -> None:
    together = Together(Doubling().work)
    found = await asyncio.gather(together.ask(1), together.ask(13), return_exceptions=True)
    assert [type(each) for each in found] == [LookupError, LookupError]
    assert await together.ask(2) == 4


async def test_who_gives_up_leaves_the_others_alone() -> None:
    doubling = Doubling()
    together = Together(doubling.work, gap=0.02)
    first, second = (asyncio.create_task(together.ask(each)) for each in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
    assert doubling.asked == [[2]]


async def test_what_nobody_waits_for_is_not_asked() -> None:
    doubling = Doubling()
    together = Together(doubling.work, gap=0.02)
    only = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.sleep(0.05)
    assert doubling.asked == []
    assert await together.ask(3) == 6


async def test_closing_lets_end_what_nobody_waits_for_any_more() -> None:
    ended = asyncio.Event()

    async def slow(numbers: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.05)
        ended.set()
        return numbers

    together = Together(slow)
    asked = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0.01)
    asked.cancel()
    await together.close()
    assert ended.is_set()
