"""The machine's clock set back or ahead by three hours: nobody is turned away, nothing waits, nothing is fresh."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from booking_app import runtime
from booking_app.api.v1 import router
from booking_app.config import Settings
from booking_app.db import claim_queries, outbox
from booking_app.db.alerts import open_alert
from booking_app.db.engine import reads
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Reason, Refused
from booking_app.jobs.alerts import tell
from booking_app.jobs.timekeeper import Timekeeper
from booking_app.services import availability, holds, rates
from booking_app.services.context import Context
from booking_app.services.rates import Rate
from booking_app.services.views import SlotQuery
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.office import cells

TEN = at("2027-03-02 10:00")
QUERY = SlotQuery(service="haircut", span=(at("2027-03-02"), at("2027-03-03")))
BOTH_WAYS = pytest.mark.parametrize("hours", [-3, 3])


@pytest.fixture
async def shop(ctx: Context) -> int:
    """A calendar that was verified just now and is read again in a minute."""
    person = await make_person(ctx)
    await make_service(ctx)
    return await make_calendar(ctx, person, due_in=60)


@pytest.fixture
async def keeper(ctx: Context) -> Timekeeper:
    """It has looked before."""
    keeper = Timekeeper(ctx, lease=30)
    assert not await keeper.look()
    return keeper


async def due_calendars(ctx: Context) -> list[int]:
    now = ctx.now()
    async with reads(ctx.sessions).connect() as db:
        return await claim_queries.claim_due_calendars(
            db,
            now=now,
            lease_until=now + timedelta(seconds=30),
            hot_before=now - timedelta(seconds=12),
            limit=9,
            host=9,
            person=9,
        )


async def due_mails(ctx: Context) -> list[str]:
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        works = await outbox.claim(db, "mail", now=now, lease_until=now + timedelta(seconds=30), limit=9)
    return [each.key for each in works]


@BOTH_WAYS
async def test_a_client_may_ask_as_often_as_before(
    ctx: Context, database_url: str, tmp_path: Path, clock: Clock, hours: int, shop: int
) -> None:
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path,
        secret_keys=(new_key(),),
        public_url="https://x.example",
        rate_slots=2,
    )
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed):
        app = FastAPI()
        app.include_router(router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test/api/v1") as client:
            asked = [(await client.get("/services")).status_code for _ in range(3)]
            assert asked == [200, 200, 429]
            clock.set(hours=hours)
            assert (await client.get("/services")).status_code == 429
            clock.advance(seconds=60)
            assert (await client.get("/services")).status_code == 200


@pytest.mark.parametrize("minutes", [-30, -180, 30])
async def test_what_all_processes_count_runs_out_as_before(
    ctx: Context, clock: Clock, keeper: Timekeeper, minutes: int
) -> None:
    hourly = [(b"somebody", Rate(most=2, period=timedelta(hours=1)))]
    assert [await rates.take_all(ctx, hourly) for _ in range(3)] == [True, True, False]
    clock.set(minutes=minutes)
    await keeper.look()
    clock.advance(minutes=30)
    assert await rates.take_all(ctx, hourly)


@BOTH_WAYS
async def test_what_is_known_of_a_calendar_is_not_fresh_until_it_is_read(
    ctx: Context, clock: Clock, shop: int, hours: int
) -> None:
    assert not (await availability.slots(ctx, QUERY)).withheld
    clock.set(hours=hours)
    assert [each.reason for each in (await availability.slots(ctx, QUERY)).withheld] == [Reason.CALENDAR_STALE]


@BOTH_WAYS
async def test_calendars_are_read_again(ctx: Context, clock: Clock, keeper: Timekeeper, shop: int, hours: int) -> None:
    assert await due_calendars(ctx) == []
    clock.set(hours=hours)
    assert await keeper.look() is (hours < 0)
    assert await due_calendars(ctx) == [shop]


@BOTH_WAYS
async def test_a_lease_of_a_dead_process_ends(
    ctx: Context, clock: Clock, keeper: Timekeeper, shop: int, hours: int
) -> None:
    clock.advance(seconds=60)
    assert await due_calendars(ctx) == [shop]
    clock.set(hours=hours)
    await keeper.look()
    clock.advance(seconds=31)
    assert await due_calendars(ctx) == [shop]


@BOTH_WAYS
async def test_an_effect_that_waits_or_is_leased_is_done(
    ctx: Context, clock: Clock, keeper: Timekeeper, hours: int
) -> None:
    async with ctx.sessions.begin() as db:
        await outbox.enqueue(db, "mail", "leased", due=ctx.now())
    assert await due_mails(ctx) == ["leased"]
    async with ctx.sessions.begin() as db:
        await outbox.enqueue(db, "mail", "waits", due=ctx.now() + timedelta(seconds=300))
    clock.set(hours=hours)
    await keeper.look()
    clock.advance(seconds=31)
    assert sorted(await due_mails(ctx)) == ["leased", "waits"]


async def test_a_hold_stands_for_its_minutes_and_no_three_hours(
    ctx: Context, clock: Clock, keeper: Timekeeper, shop: int
) -> None:
    await holds.hold(ctx, "haircut", TEN)
    clock.set(hours=-3)
    await keeper.look()
    assert await cells(ctx, "SELECT count(*) FROM appointment WHERE state = 'held'") == [(1,)]
    clock.advance(minutes=5)
    assert await holds.sweep_holds(ctx) == 1
    await make_calendar_fresh(ctx, shop)
    assert (await make_booking(ctx, TEN)).start == TEN


async def test_a_hold_under_a_clock_set_ahead_is_over_and_its_slot_free(
    ctx: Context, clock: Clock, keeper: Timekeeper, shop: int
) -> None:
    kept = await holds.hold(ctx, "haircut", TEN)
    clock.set(hours=3)
    await keeper.look()
    await make_calendar_fresh(ctx, shop)
    with pytest.raises(Refused):
        await holds.extend(ctx, kept.token)
    assert (await make_booking(ctx, TEN)).start == TEN


async def test_people_are_told_in_time(ctx: Context, clock: Clock, keeper: Timekeeper, shop: int) -> None:
    await add_admin(ctx)
    async with ctx.sessions.begin() as db:
        await db.execute(text("UPDATE calendar SET stopped = true"))
        await open_alert(db, subject=f"calendar:{shop}", message="Much is gone.", now=ctx.now(), grace=60)
    clock.set(hours=-3)
    await keeper.look()
    assert await tell(ctx) == 1


async def test_a_calendar_that_cannot_be_read_after_it_is_told_of(
    ctx: Context, clock: Clock, keeper: Timekeeper, shop: int
) -> None:
    await add_admin(ctx)
    clock.set(hours=-3)
    await keeper.look()
    clock.advance(seconds=1)
    assert await tell(ctx) == 0
    clock.advance(minutes=5)
    assert await tell(ctx) == 1


async def test_a_process_that_starts_after_the_clock_was_set_back_knows_it(
    ctx: Context, clock: Clock, keeper: Timekeeper, shop: int
) -> None:
    clock.set(hours=-3)
    started = Timekeeper(ctx, lease=30)
    assert await started.look()
    assert await due_calendars(ctx) == [shop]
    assert not await started.look()
    assert not await Timekeeper(ctx, lease=30).look()


async def test_machines_whose_clocks_differ_bring_nothing_back_again_and_again(
    ctx: Context, clock: Clock, keeper: Timekeeper
) -> None:
    behind = Clock(time=clock.time - timedelta(minutes=2))
    other = Context(
        sessions=ctx.sessions, now=behind, elapsed=behind.elapsed, sealer=ctx.sealer, public_url=ctx.public_url
    )
    second = Timekeeper(other, lease=30)
    await second.look()
    for _ in range(3):
        clock.advance(seconds=10)
        behind.advance(seconds=10)
        assert not await keeper.look()
        assert not await second.look()


async def test_time_that_passes_brings_nothing_back(ctx: Context, clock: Clock, keeper: Timekeeper, shop: int) -> None:
    clock.advance(seconds=20)
    clock.set(seconds=-30)
    assert not await keeper.look()
    assert await due_calendars(ctx) == []


async def make_calendar_fresh(ctx: Context, calendar_id: int) -> None:
    """It was read."""
    async with ctx.sessions.begin() as db:
        await db.execute(
            text("UPDATE calendar SET verified_at = to_timestamp(:now) WHERE id = :id"),
            {"now": to_instant(ctx.now()), "id": calendar_id},
        )


async def add_admin(ctx: Context) -> None:
    async with ctx.sessions.begin() as db:
        await db.execute(
            text(
                "INSERT INTO account (email, name, role, password_hash, active)"
                " VALUES ('a@x.example', 'A', 'admin', '', true)"
            )
        )
