"""The outbox: nothing lost, nothing done twice, no lane waits for another, a dead worker's claim runs out."""

from __future__ import annotations

import asyncio

from booking_app.db import outbox
from booking_app.domain.effects import Done, Outcome, Park, Retry, Work
from booking_app.jobs.worker import Lane, Leases
from booking_app.services import calendars
from booking_app.services.context import Context
from tests.conftest import Clock
from tests.office import cells


async def ask(ctx: Context, key: str, effect: str = "mail") -> None:
    async with ctx.sessions.begin() as db:
        await outbox.enqueue(db, effect, key, due=ctx.now())


def lane(ctx: Context, outcome: Outcome | Exception, done: list[str], effect: str = "mail") -> Lane:
    async def handler(work: Work) -> Outcome:
        done.append(work.key)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Lane(ctx, effect, handler, Leases())


async def test_done_work_goes_and_two_workers_never_share_a_row(ctx: Context) -> None:
    for number in range(20):
        await ask(ctx, f"k{number}")
    done: list[str] = []
    await asyncio.gather(*(lane(ctx, Done(), done).drain() for _ in range(4)))
    assert sorted(done) == sorted(f"k{number}" for number in range(20))
    assert await cells(ctx, "SELECT 1 FROM outbox") == []


async def test_asked_again_while_it_is_being_done_it_is_done_again(ctx: Context) -> None:
    await ask(ctx, "a")
    seen: list[int] = []

    async def handler(work: Work) -> Outcome:
        seen.append(work.generation)
        if len(seen) == 1:
            await ask(ctx, "a")
        return Done()

    await Lane(ctx, "mail", handler, Leases()).drain()
    assert seen == [1, 2]
    assert await cells(ctx, "SELECT 1 FROM outbox") == []


async def test_failures_wait_longer_each_time_and_parked_work_waits_for_a_person(ctx: Context, clock: Clock) -> None:
    await ask(ctx, "a")
    done: list[str] = []
    failing = lane(ctx, Retry(reason="Not now."), done)
    waits = []
    for _ in range(12):
        before = clock()
        while await failing.drain() == 0:
            clock.advance(seconds=1)
        waits.append((clock() - before).total_seconds())
    # They double up to five minutes and stay there, each longer by up to a fifth.
    assert waits[:10] == sorted(waits[:10])
    assert all(300 <= wait <= 361 for wait in waits[10:])
    clock.advance(seconds=400)
    await lane(ctx, Park(reason="Somebody has to look."), done).drain()
    (row,) = await cells(ctx, "SELECT id, parked, reason FROM outbox")
    assert row[1:] == (True, "Somebody has to look.")
    clock.advance(days=1)
    assert await lane(ctx, Done(), done).drain() == 0
    await calendars.retry_now(ctx, outbox_id=row[0])
    assert await lane(ctx, Done(), done).drain() == 1


async def test_a_bug_in_a_handler_stops_neither_the_lane_nor_loses_the_row(ctx: Context, clock: Clock) -> None:
    await ask(ctx, "a")
    await ask(ctx, "b")
    done: list[str] = []
    await lane(ctx, RuntimeError("bug"), done).drain()
    assert done == ["a", "b"]
    assert len(await cells(ctx, "SELECT 1 FROM outbox WHERE attempts = 1 AND lease_until IS NULL")) == 2


async def test_the_claim_of_a_dead_worker_runs_out(ctx: Context, clock: Clock) -> None:
    await ask(ctx, "a")
    done: list[str] = []
    dying = lane(ctx, Done(), done)
    for unfinished in await dying.claim(1):
        asyncio.ensure_future(unfinished).cancel()
    assert await lane(ctx, Done(), done).drain() == 0
    clock.advance(seconds=31)
    assert await lane(ctx, Done(), done).drain() == 1


async def test_a_living_worker_keeps_its_claim(ctx: Context, clock: Clock) -> None:
    await ask(ctx, "a")
    leases = Leases(seconds=30)
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(_work: Work) -> Outcome:
        started.set()
        await release.wait()
        return Done()

    task = asyncio.create_task(Lane(ctx, "mail", slow, leases).drain())
    await started.wait()
    done: list[str] = []
    for _ in range(4):
        clock.advance(seconds=20)
        await leases.extend(ctx)
        assert await lane(ctx, Done(), done).drain() == 0
    release.set()
    assert await task == 1
    assert done == []


async def test_p31_mail_does_not_wait_for_a_calendar_that_hangs(ctx: Context) -> None:
    for number in range(8):
        await ask(ctx, f"{number}:1", "calendar")
    await ask(ctx, "confirmation", "mail")
    leases = Leases()

    async def hangs(_work: Work) -> Outcome:
        await asyncio.sleep(3600)
        return Done()

    done: list[str] = []
    stuck = Lane(ctx, "calendar", hangs, leases)
    mail = lane(ctx, Done(), done)
    workers = [asyncio.create_task(stuck.run()), asyncio.create_task(mail.run())]
    stuck.wake()
    mail.wake()
    async with asyncio.timeout(20):
        while not done:
            await asyncio.sleep(0.02)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert done == ["confirmation"]
    assert len(await cells(ctx, "SELECT 1 FROM outbox WHERE effect = 'calendar'")) == 8
