"""The workers: one account or person that hangs holds up nobody else, and nothing is held for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from booking_app.db import outbox
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.effects import Done, Outcome, Work
from booking_app.jobs.pool import Pool
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services.context import Context
from booking_app.sync import connect, pull
from booking_app.sync.accounts import Accounts
from booking_app.sync.model import Credentials
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.memory import MemoryProvider
from tests.conftest import Clock
from tests.factories import at
from tests.office import Office, cells, make_office

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")
HANGS = 3600.0


def reader_of(*offices: Office, width: int = 6, patience: float = 2, longest: float = 600) -> CalendarReader:
    """One reader for the calendars of several offices, each with its own server."""
    first = offices[0]
    servers = {next(iter(each.server.passwords)): each.server for each in offices}

    def open_provider(_provider: str, credentials: Credentials) -> CalendarProvider:
        return MemoryProvider(servers[credentials.username], account=credentials.username, password=credentials.secret)

    accounts = Accounts(first.ctx.sealer, open_provider)

    async def read(calendar_id: int) -> object:
        return await pull.pull(first.ctx, accounts, first.policy, calendar_id)

    return CalendarReader(first.ctx, read, Leases(), hot_interval=12, width=width, patience=patience, longest=longest)


@contextlib.asynccontextmanager
async def at_work(pool: Pool) -> AsyncIterator[None]:
    task = asyncio.create_task(pool.run())
    pool.wake()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.05)


async def block_both(office: Office) -> None:
    """Both calendars of the account block."""
    uids = [str(row[0]) for row in await cells(office.ctx, "SELECT uid FROM calendar ORDER BY id")]
    await connect.choose(office.ctx, bookable_id=office.person, blocks=uids, target=None)


async def test_p05_an_account_that_hangs_does_not_hold_up_another_persons_calendar(ctx: Context, clock: Clock) -> None:
    anna = await make_office(ctx)
    ben = await make_office(ctx, slug="ben", service=False)
    anna.server.delay = HANGS
    ben.add_event("new", TEN, ELEVEN)
    clock.advance(minutes=2)

    async def seen() -> bool:
        return await ben.blocks() == [(TEN, ELEVEN)]

    # A single place, and Anna is first in the queue: it is hers until she has been slow for too long.
    async with at_work(reader_of(anna, ben, width=1, patience=0.2)):
        await until(seen)


async def test_of_one_account_one_calendar_is_read_at_a_time_by_all_processes_together(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    await block_both(office)
    clock.advance(minutes=2)
    first, second = reader_of(office), reader_of(office)
    (claimed,) = await first.claim(5)
    assert await first.claim(5) == []
    assert await second.claim(5) == []
    await claimed
    (claimed,) = await second.claim(5)
    await claimed
    assert await cells(ctx, "SELECT 1 FROM calendar WHERE verified_at IS NULL") == []


async def test_a_read_that_never_ends_is_given_up_and_counts_as_a_failure(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.server.delay = HANGS
    clock.advance(minutes=2)
    assert await reader_of(office, longest=0.1).drain() == 1
    calendar = await office.calendar()
    assert (calendar.failures, calendar.lease_until) == (1, None)
    assert "took too long" in calendar.trouble
    assert (await office.connection()).state == ConnectionState.SLOWED.value


async def test_a_bug_in_reading_counts_as_a_failure_of_the_calendar(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=2)

    async def read(_calendar_id: int) -> object:
        raise KeyError("bug")

    reader = CalendarReader(ctx, read, Leases(), hot_interval=12)
    assert await reader.drain() == 1
    calendar = await office.calendar()
    assert calendar.failures == 1
    assert "KeyError" in calendar.trouble
    assert calendar.due_at == clock() + timedelta(seconds=60)
    assert (await office.connection()).failing_since == clock()


async def test_p31_a_persons_calendar_that_hangs_does_not_hold_up_anothers_writes(ctx: Context) -> None:
    for key in [*(f"{number}:1" for number in range(8)), "8:2"]:
        async with ctx.sessions.begin() as db:
            await outbox.enqueue(db, "calendar", key, due=ctx.now())
    begun: list[str] = []

    async def write(work: Work) -> Outcome:
        begun.append(work.key)
        if work.key.endswith(":1"):
            await asyncio.sleep(HANGS)
        return Done()

    async def written() -> bool:
        return await cells(ctx, "SELECT 1 FROM outbox WHERE key = '8:2'") == []

    async with at_work(Lane(ctx, "calendar", write, Leases(), width=1, patience=0.2)):
        await until(written)
    assert begun == ["0:1", "8:2"]


@pytest.mark.parametrize("locked", ["calendar", "outbox"])
async def test_leases_are_extended_while_rows_are_locked(ctx: Context, clock: Clock, locked: str) -> None:
    office = await make_office(ctx)
    await block_both(office)
    clock.advance(minutes=2)
    leases = Leases(seconds=30)
    async with ctx.sessions.begin() as db:
        for key in ("1:1", "2:1"):
            await outbox.enqueue(db, "mail", key, due=ctx.now())
        works = await outbox.claim(db, "mail", now=clock(), lease_until=clock() + timedelta(seconds=30), limit=2)
        ids = list(await db.scalars(text("UPDATE calendar SET lease_until = :until RETURNING id"), {"until": clock()}))
    leases.works.update(work.id for work in works)
    leases.calendars.update(ids)
    clock.advance(seconds=1)
    async with ctx.sessions() as holder:
        first = min(ids if locked == "calendar" else leases.works)
        await holder.execute(text(f"SELECT 1 FROM {locked} WHERE id = :id FOR UPDATE"), {"id": first})
        async with asyncio.timeout(20):
            await leases.extend(ctx)
    for table, count in (("calendar", 2), ("outbox", 2)):
        extended = await cells(
            ctx, f"SELECT id FROM {table} WHERE lease_until = :until", until=clock() + timedelta(seconds=30)
        )
        assert len(extended) == (count - 1 if table == locked else count)
