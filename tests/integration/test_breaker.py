"""A mass disappearance is not believed: the old copy stays until it is back or a person confirms it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import to_instant
from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync.pull import Pulled, accept_changes
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import Office, cells, make_office

TEN = at("2027-03-02 10:00")
DAY = 86400


async def full_calendar(ctx: Context, count: int) -> tuple[Office, list[str]]:
    office = await make_office(ctx)
    keys = [office.add_event(f"event{n}", TEN + n * DAY, TEN + n * DAY + 3600) for n in range(count)]
    await office.read()
    assert len(await office.blocks()) == count
    return office, keys


async def open_subjects(office: Office) -> list[str]:
    return [row[0] for row in await cells(office.ctx, "SELECT subject FROM alert WHERE closed_at IS NULL")]


async def test_p27_an_empty_reply_for_a_full_calendar_stops_the_sync_and_keeps_the_copy(ctx: Context) -> None:
    office, _ = await full_calendar(ctx, 8)
    before = await office.calendar()
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = 8
    assert await office.read() is Pulled.FAILED
    assert len(await office.blocks()) == 8
    calendar = await office.calendar()
    assert calendar.stopped is True
    assert calendar.verified_at == before.verified_at
    assert "8 of 8 events disappeared" in calendar.trouble
    assert (await office.connection()).state == ConnectionState.STOPPED.value
    assert await open_subjects(office) == [f"calendar:{office.calendar_id}"]
    assert office.server.calls.count("changes") >= 2, "the whole calendar is read a second time before it stops"


async def test_p27_it_goes_on_by_itself_when_the_events_are_back(ctx: Context) -> None:
    office, _ = await full_calendar(ctx, 8)
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = 8
    await office.read()
    office.server.heal()
    assert await office.read() is Pulled.READ
    assert (await office.calendar()).stopped is False
    assert (await office.connection()).state == ConnectionState.OK.value
    assert await open_subjects(office) == []
    assert len(await office.blocks()) == 8


async def test_p27_many_that_the_server_denies_together_with_one_that_stayed_stop_it(ctx: Context) -> None:
    office, keys = await full_calendar(ctx, 60)
    office.server.denies = True
    for key in keys[:11]:
        office.server.erase(office.remote_id, key)
    assert await office.read() is Pulled.FAILED
    assert "11 of 60 events disappeared" in (await office.calendar()).trouble
    assert len(await office.blocks()) == 60
    office.server.heal()
    assert await office.read() is Pulled.READ
    assert len(await office.blocks()) == 49


@pytest.mark.parametrize("hidden", [11, 59])
async def test_p27_many_that_a_list_leaves_out_though_they_are_there_stop_it(ctx: Context, hidden: int) -> None:
    office, _ = await full_calendar(ctx, 60)
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = hidden
    assert await office.read() is Pulled.FAILED
    assert len(await office.blocks()) == 60


@pytest.mark.parametrize(("total", "gone"), [(7, 3), (5, 5), (7, 6), (30, 29), (60, 11), (60, 50)])
async def test_who_tidies_up_is_believed_event_by_event(ctx: Context, total: int, gone: int) -> None:
    office, keys = await full_calendar(ctx, total)
    for key in keys[:gone]:
        office.server.erase(office.remote_id, key)
    assert await office.read() is Pulled.READ
    assert len(await office.blocks()) == total - gone
    assert office.server.calls.count("get") == gone + (gone > 5), "each, and one that stayed as a control"
    assert await open_subjects(office) == []


async def test_what_is_past_does_not_count(ctx: Context, clock: Clock) -> None:
    office, keys = await full_calendar(ctx, 33)
    clock.advance(seconds=TEN + 27 * DAY - to_instant(clock()))
    await office.read()
    office.server.denies = True  # nothing is to be told from asking for them
    for key in keys[:27]:
        office.server.erase(office.remote_id, key)
    assert await office.read() is Pulled.READ
    assert not (await office.calendar()).stopped
    assert len(await office.blocks()) <= 6


async def test_of_more_than_can_be_asked_for_at_once_the_rest_is_asked_for_soon(ctx: Context, clock: Clock) -> None:
    office, keys = await full_calendar(ctx, 130)
    office.server.calls.clear()
    for key in keys[:120]:
        office.server.erase(office.remote_id, key)
    for expected in (80, 30, 10):
        before = clock()
        assert await office.read() is Pulled.READ
        assert len(await office.blocks()) == expected
        due = (await office.calendar()).due_at
        assert (due - before < timedelta(seconds=5)) == (expected > 10)
    assert office.server.calls.count("get") == 120 + 3


async def test_an_owner_who_deletes_many_appointments_cancels_them(ctx: Context) -> None:
    office = await make_office(ctx)
    for n in range(8):
        await make_booking(office.ctx, TEN + n * 1800, email=f"c{n}@example.com")
    office.add_event("stays", TEN + DAY, TEN + DAY + 3600)
    await office.write()
    await office.read()
    for key, data in office.server.read(office.remote_id).items():
        if b"@booking-app" in data:
            office.server.erase(office.remote_id, key)
    assert await office.read() is Pulled.READ
    assert await cells(office.ctx, "SELECT DISTINCT state FROM appointment") == [("cancelled",)]


async def test_ten_of_sixty_are_believed_once_each_is_confirmed(ctx: Context) -> None:
    office, keys = await full_calendar(ctx, 60)
    for key in keys[:10]:
        office.server.erase(office.remote_id, key)
    assert await office.read() is Pulled.READ
    assert len(await office.blocks()) == 50


async def test_p27_our_appointments_stay_until_somebody_confirms_and_then_follow(ctx: Context, clock: Clock) -> None:
    office, keys = await full_calendar(ctx, 12)
    await make_booking(office.ctx, at("2027-03-02 11:00"))
    await office.write()
    await office.read()
    for key in list(office.server.read(office.remote_id)):
        office.server.erase(office.remote_id, key)
    for _ in range(3):
        clock.advance(seconds=300)
        await office.read()
        states = await cells(office.ctx, "SELECT state FROM appointment")
        assert [row[0] for row in states] == ["confirmed"]
    message = await accept_changes(
        office.ctx, office.accounts, office.policy, calendar_uid=str((await office.calendar()).uid)
    )
    assert "again" in message
    assert await office.blocks() == []
    states = await cells(office.ctx, "SELECT state FROM appointment")
    assert [row[0] for row in states] == ["cancelled"]
    assert (await office.calendar()).stopped is False
    assert await open_subjects(office) == []
    assert keys


async def test_p26_no_appointment_is_cancelled_by_a_list_alone_however_much_vanished(ctx: Context) -> None:
    office, _ = await full_calendar(ctx, 60)
    await make_booking(office.ctx, at("2027-03-02 14:00"))
    await office.write()
    await office.read()
    uid = str((await office.calendar()).uid)
    for stands in (True, False):
        if not stands:
            for key in list(office.server.read(office.remote_id)):
                office.server.erase(office.remote_id, key)
        office.server.expire_cursors(office.remote_id)
        office.server.hidden, office.server.calls[:] = 61, []
        await accept_changes(office.ctx, office.accounts, office.policy, calendar_uid=uid)
        assert office.server.calls.count("get") == 1
        assert await office.blocks() == []
        state = "confirmed" if stands else "cancelled"
        assert await cells(office.ctx, "SELECT state FROM appointment") == [(state,)]


async def test_the_owners_word_waits_for_a_read_under_way(ctx: Context, clock: Clock) -> None:
    office, _ = await full_calendar(ctx, 8)
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = 8
    await office.read()
    uid = str((await office.calendar()).uid)
    clock.advance(minutes=10)
    (reading,) = await office.reader().claim(1)
    before = len(office.server.calls)
    message = await accept_changes(office.ctx, office.accounts, office.policy, calendar_uid=uid)
    assert "Try again" in message
    assert len(office.server.calls) == before
    await reading
    assert len(await office.blocks()) == 8
    await accept_changes(office.ctx, office.accounts, office.policy, calendar_uid=uid)
    assert (await office.calendar()).lease_until is None


async def test_nobody_reads_beside_the_owners_word_however_long_that_takes(ctx: Context, clock: Clock) -> None:
    office, _ = await full_calendar(ctx, 8)
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = 8
    await office.read()
    uid, policy = str((await office.calendar()).uid), replace(office.policy, lease=0.3)
    clock.advance(minutes=10)
    office.server.delay = 0.1
    office.server.calls.clear()
    accepted = asyncio.create_task(accept_changes(office.ctx, office.accounts, policy, calendar_uid=uid))
    until = None
    while not accepted.done():
        extended = (await office.calendar()).lease_until
        if extended is not None and extended != until:
            until = extended
            clock.advance(seconds=0.2)
            assert not await office.reader().claim(1)
        await asyncio.sleep(0.02)
    assert "followed again" in await accepted
    assert (await office.calendar()).lease_until is None


async def test_cancelling_many_appointments_ourselves_is_no_disappearance(ctx: Context) -> None:
    office = await make_office(ctx)
    receipts = [await make_booking(office.ctx, TEN + n * 1800, email=f"c{n}@example.com") for n in range(6)]
    await office.write()
    await office.read()
    for receipt in receipts:
        await manage.cancel(office.ctx, receipt.token)
    await office.write()
    assert await office.read() is Pulled.READ
    assert (await office.calendar()).stopped is False
    assert await office.blocks() == []
