"""Many who ask at once share a read, and nobody gets an answer that was begun before the question."""

from __future__ import annotations

import asyncio

import pytest

from booking_app.sync.sharing import Shared


async def test_fifty_at_once_cost_two_reads_and_none_is_older_than_its_question() -> None:
    shared: Shared[int] = Shared(timeout=5)
    begun = 0

    async def read() -> int:
        nonlocal begun
        begun += 1
        mine = begun
        await asyncio.sleep(0.01)
        return mine

    first = asyncio.create_task(shared.ask("a", read))
    while not begun:
        await asyncio.sleep(0)
    others = await asyncio.gather(*(shared.ask("a", read) for _ in range(49)))
    assert await first == 1
    assert set(others) == {2}
    assert begun == 2
    assert await shared.ask("a", read) == 3


async def test_a_read_that_hangs_ends_and_the_next_has_its_turn() -> None:
    shared: Shared[str] = Shared(timeout=0.05)

    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    async def answer() -> str:
        return "now"

    hanging = asyncio.create_task(shared.ask("a", hang))
    await asyncio.sleep(0.01)
    assert await shared.ask("a", answer) == "now"
    with pytest.raises(TimeoutError):
        await hanging


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    shared: Shared[str] = Shared(timeout=5)
    go = asyncio.Event()

    async def read() -> str:
        await go.wait()
        return "done"

    leaving = asyncio.create_task(shared.ask("a", read))
    await asyncio.sleep(0)
    staying = asyncio.create_task(shared.ask("a", read))
    await asyncio.sleep(0)
    leaving.cancel()
    go.set()
    assert await staying == "done"


async def test_an_error_reaches_everybody_who_shares_it_and_nobody_after() -> None:
    shared: Shared[str] = Shared(timeout=5)

    async def fail() -> str:
        await asyncio.sleep(0.01)
        raise LookupError("gone")

    first = asyncio.create_task(shared.ask("a", fail))
    await asyncio.sleep(0)
    outcomes = await asyncio.gather(*(shared.ask("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [LookupError] * 3
    with pytest.raises(LookupError):
        await first

    async def answer() -> str:
        return "fine"

    assert await shared.ask("a", answer) == "fine"


async def test_closing_ends_what_is_on_its_way() -> None:
    shared: Shared[int] = Shared(60)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> int:
        begun.set()
        try:
            return await asyncio.sleep(60, 1)
        finally:
            ended.set()

    asked = [asyncio.create_task(shared.ask("calendar", endless)) for _ in range(2)]
    await begun.wait()
    await shared.close()
    assert ended.is_set()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*asked, return_exceptions=True)
    )
