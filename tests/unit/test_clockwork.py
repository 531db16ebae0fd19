"""Chores at intervals: whatever the clock does, whatever they do."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from booking_app.domain.clock import monotonic, utc_now
from booking_app.jobs.clockwork import Clockwork


class Machine:
    """A clock that can be set, beside the time that passes."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return utc_now() + self.ahead


async def test_chores_go_on_when_the_clock_is_set_back() -> None:
    machine, rounds = Machine(), asyncio.Queue[None]()
    clockwork = Clockwork(machine.now, monotonic)

    async def chore() -> None:
        rounds.put_nowait(None)

    clockwork.every(0.05, "chore", chore)
    async with clockwork.running():
        await rounds.get()
        # The scheduler goes by the machine's clock: three hours back, its next round is three hours away.
        for job in clockwork.jobs:
            job.modify(next_run_time=job.next_run_time + timedelta(hours=3))
        machine.ahead = timedelta(hours=-3)
        while not rounds.empty():
            rounds.get_nowait()
        await rounds.get()


async def test_a_chore_that_has_begun_ends_by_itself() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clockwork = Clockwork(utc_now, monotonic)

    async def chore() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    clockwork.every(0.01, "chore", chore)
    async with clockwork.running():
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    assert ended.is_set()
    assert not clockwork.alive


async def test_a_chore_that_fails_is_started_again() -> None:
    rounds = asyncio.Queue[None]()
    clockwork = Clockwork(utc_now, monotonic)

    async def chore() -> None:
        rounds.put_nowait(None)
        raise RuntimeError("not this time")

    clockwork.every(0.01, "chore", chore)
    async with clockwork.running():
        assert clockwork.alive
        for _ in range(3):
            await rounds.get()
