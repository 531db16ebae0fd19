"""What is judged when asking a calendar, or waiting for somebody else's booking, takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from booking_app.db.appointments_queries import lock_bookables
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Reason, Refused
from booking_app.services import holds, manage
from booking_app.services.context import Context, LiveRead
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.rows import rows

TODAY = at("2027-03-01 09:00")
"""An hour ahead."""
NINE = at("2027-03-02 09:00")
TEN = at("2027-03-02 10:00")


def slow(ctx: Context, clock: Clock, *, ok: bool, seconds: float) -> Context:
    """The context with live reads that take so long."""

    async def reread(bookables: Collection[int], span: tuple[int, int]) -> Mapping[int, LiveRead]:
        clock.advance(seconds=seconds)
        return {each: LiveRead(ok=ok) for each in bookables}

    return replace(ctx, reread=reread)


@asynccontextmanager
async def somebody_books(ctx: Context, clock: Clock, bookable_id: int, seconds: float) -> AsyncIterator[None]:
    """Somebody else holds the lock of the bookable until the block's work waits for it, and for so long."""

    async def release_later() -> None:
        async with ctx.sessions.begin() as db:
            await lock_bookables(db, [bookable_id], to_instant(clock()))
            locked.set()
            while not await rows(ctx, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.02)
            clock.advance(seconds=seconds)

    locked = asyncio.Event()
    other = asyncio.create_task(release_later())
    await locked.wait()
    yield
    await asyncio.wait_for(other, 60)


async def test_p06_data_that_grew_too_old_during_the_live_read_is_not_accepted(ctx: Context, clock: Clock) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, age=10)
    with pytest.raises(Refused) as refusal:
        await make_booking(slow(ctx, clock, ok=False, seconds=25), NINE)
    assert refusal.value.reason is Reason.CALENDAR_STALE
    assert (await make_booking(slow(ctx, clock, ok=True, seconds=25), NINE)).start == NINE


async def test_the_notice_counts_when_the_booking_is_stored(ctx: Context, clock: Clock) -> None:
    anna = await make_person(ctx)
    await make_service(ctx, notice=59)
    await make_calendar(ctx, anna)
    with pytest.raises(Refused) as refusal:
        await make_booking(slow(ctx, clock, ok=True, seconds=61), TODAY)
    assert refusal.value.reason is Reason.TOO_SOON


@pytest.mark.parametrize("attempt", ["book", "hold", "move"])
async def test_p06_what_grew_too_old_while_waiting_for_the_lock_is_not_accepted(
    ctx: Context, clock: Clock, attempt: str
) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    receipt = await make_booking(ctx, NINE)
    await make_calendar(ctx, anna, age=595)
    async with somebody_books(ctx, clock, anna, 6):
        attempts: dict[str, Callable[[], Awaitable[object]]] = {
            "book": lambda: make_booking(ctx, TEN),
            "hold": lambda: holds.hold(ctx, "haircut", TEN),
            "move": lambda: manage.reschedule(ctx, receipt.token, TEN),
        }
        with pytest.raises(Refused) as refusal:
            await attempts[attempt]()
    assert refusal.value.reason is Reason.CALENDAR_STALE
    assert (await manage.view(ctx, receipt.token)).start == NINE
    assert len(await rows(ctx, "SELECT 1 FROM appointment")) == 1
