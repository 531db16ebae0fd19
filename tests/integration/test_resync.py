"""Complete reads: swapped in one step, mended daily, and never half of anything."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import to_instant
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync import connect
from booking_app.sync.errors import Transient
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import Office, cells, event, make_office

TUESDAY = (at("2027-03-02"), at("2027-03-03"))
TEN = at("2027-03-02 10:00")
DAY = 86400


async def test_p12_a_reader_in_a_tight_loop_never_sees_a_busy_slot_free_during_100_resyncs(ctx: Context) -> None:
    office = await make_office(ctx)
    for number in range(6):
        office.add_event(f"e{number}", TEN + number * DAY, TEN + number * DAY + 3600)
    await office.read()
    query = SlotQuery(service="haircut", span=TUESDAY)
    reads = 0
    finished = asyncio.Event()

    async def watch() -> None:
        nonlocal reads
        while not finished.is_set():
            answer = await availability.slots(office.ctx, query)
            assert TEN not in answer.starts
            assert answer.starts, "nor does the day close"
            reads += 1

    watcher = asyncio.create_task(watch())
    for number in range(100):
        async with office.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET window_end = '2027-03-20', cursor = NULL"))
            if number % 2:
                # Everything is written anew, not only compared.
                await db.execute(text("UPDATE busy_block SET kind = 'tentative'"))
        assert await office.read() is Pulled.READ
        assert not watcher.done()
    finished.set()
    await watcher
    assert reads > 20
    assert len(await office.blocks()) == 6


async def test_p09_a_read_that_breaks_off_commits_nothing_and_says_so(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.add_event("first", TEN, TEN + 3600)
    await office.read()
    before = await cells(office.ctx, "SELECT cursor, verified_at, window_end FROM calendar ORDER BY id")
    for number in range(30):
        office.add_event(f"e{number}", TEN + number * DAY, TEN + number * DAY + 3600)
    office.server.lose_replies(verbs=frozenset({"changes"}))
    clock.advance(seconds=15)
    assert await office.read() is Pulled.FAILED
    assert await cells(office.ctx, "SELECT cursor, verified_at, window_end FROM calendar ORDER BY id") == before
    assert len(await office.blocks()) == 1
    assert (await office.connection()).state == ConnectionState.SLOWED.value
    clock.advance(seconds=15)
    assert await office.read() is Pulled.READ
    assert len(await office.blocks()) == 31


async def test_the_daily_comparison_mends_what_incremental_reads_missed(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.add_event("kept", TEN, TEN + 3600)
    office.add_event("lost", TEN + DAY, TEN + DAY + 3600)
    await office.read()
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("DELETE FROM busy_block WHERE key LIKE '%lost%'"))
        await db.execute(text("DELETE FROM calendar_object WHERE key LIKE '%lost%'"))
    await office.read()
    assert len(await office.blocks()) == 1
    clock.advance(days=1, minutes=1)
    await office.read()
    assert len(await office.blocks()) == 2


async def test_the_window_moves_on_so_that_the_horizon_is_always_covered(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    rule = "RRULE:FREQ=DAILY"
    office.server.store(office.remote_id, "daily.ics", event("daily@x", TEN, TEN + 3600, extra=[rule]))
    await office.read()
    first = max(start for start, _ in await office.blocks())
    for _ in range(6):
        clock.advance(days=20)
        await office.read()
        calendar = await office.calendar()
        assert calendar.window_end is not None
        assert to_instant(calendar.window_end) >= to_instant(clock()) + office.policy.ahead
    assert max(start for start, _ in await office.blocks()) >= first + 80 * DAY


async def test_two_reads_at_once_leave_one_result(ctx: Context) -> None:
    office = await make_office(ctx)
    office.add_event("a", TEN, TEN + 3600)
    outcomes = await asyncio.gather(office.read(), office.read())
    assert Pulled.READ in outcomes
    assert await office.blocks() == [(TEN, TEN + 3600)]
    office.add_event("b", TEN + DAY, TEN + DAY + 3600)
    await office.read()
    assert len(await office.blocks()) == 2


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        ("SELECT 1", "UPDATE calendar SET cursor = NULL, verified_at = NULL"),
        # Linked in another way, its objects have other names; and a first read has no cursor to tell by.
        ("UPDATE calendar SET cursor = NULL, verified_at = NULL", "UPDATE connection SET mode = 'busy'"),
    ],
)
async def test_a_read_that_was_overtaken_by_a_choice_is_dropped(ctx: Context, before: str, meanwhile: str) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text(before))
    office.add_event("a", TEN, TEN + 3600)
    office.server.delay = 2
    office.server.calls.clear()
    reading = asyncio.create_task(office.read())
    while not office.server.calls:
        await asyncio.sleep(0.02)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text(meanwhile))
    assert await reading is Pulled.SUPERSEDED
    assert await office.blocks() == []
    calendar = await office.calendar()
    assert calendar.verified_at is None
    assert calendar.lease_until is None


async def test_p07_a_frozen_source_is_never_served_beyond_the_hard_bound(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    query = SlotQuery(service="haircut", span=TUESDAY)
    # Nobody reads: what is known is trusted up to the hard bound.
    clock.advance(seconds=500)
    assert (await availability.slots(office.ctx, query)).starts
    clock.advance(seconds=200)
    answer = await availability.slots(office.ctx, query)
    assert answer.starts == ()
    assert answer.withheld[0].staff == "anna"


async def test_p07_of_a_source_whose_last_read_failed_nothing_is_served_beyond_the_soft_bound(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    query = SlotQuery(service="haircut", span=TUESDAY)
    office.server.fail(lambda: Transient("down"))
    clock.advance(seconds=20)
    await office.read()
    assert (await availability.slots(office.ctx, query)).starts
    clock.advance(seconds=20)
    answer = await availability.slots(office.ctx, query)
    assert answer.starts == ()
    assert answer.withheld[0].staff == "anna"


async def chosen_anew(office: Office, clock: Clock) -> None:
    """Its owner switches the calendar off and on again, and it is read."""
    uid = str((await office.calendar()).uid)
    for blocks in ([], [uid]):
        await connect.choose(office.ctx, bookable_id=office.person, blocks=blocks, target=uid)
    for _ in range(4):
        clock.advance(minutes=2)
        await office.reader().drain()
        await office.write()


async def test_p25_our_event_that_was_deleted_before_the_calendar_is_chosen_anew_is_missed(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    for hour in (11, 12):
        await make_booking(office.ctx, at(f"2027-03-02 {hour}:00"))
        await office.write()
    await office.read()
    deleted, kept = sorted(
        office.server.read(office.remote_id), key=lambda key: office.server.read(office.remote_id)[key]
    )
    office.server.erase(office.remote_id, deleted)
    await chosen_anew(office, clock)
    assert sorted(await cells(office.ctx, "SELECT state FROM appointment")) == [("cancelled",), ("confirmed",)]
    assert list(office.server.read(office.remote_id)) == [kept]


async def test_p27_an_owner_who_restarts_a_stopped_calendar_loses_no_deletion(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    for number in range(12):
        office.add_event(f"e{number}", TEN + (number + 1) * DAY, TEN + (number + 1) * DAY + 3600)
    await make_booking(office.ctx, at("2027-03-02 11:00"))
    await office.write()
    await office.read()
    for key in list(office.server.read(office.remote_id)):
        office.server.erase(office.remote_id, key)
    await office.read()
    assert (await office.calendar()).stopped
    await chosen_anew(office, clock)
    assert not (await office.calendar()).stopped
    assert await cells(office.ctx, "SELECT state FROM appointment") == [("cancelled",)]
