"""A slot is kept while the form is filled in, and freed again."""

from __future__ import annotations

import asyncio

import pytest

from booking_app.domain.errors import Reason, Refused
from booking_app.services import availability, holds
from booking_app.services.booking import book
from booking_app.services.context import Context
from booking_app.services.views import Hold, SlotQuery
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_request, make_service
from tests.rows import rows

NINE = at("2027-03-02 09:00")
TEN = at("2027-03-02 10:00")


async def is_open(ctx: Context, start: int) -> bool:
    answer = await availability.slots(ctx, SlotQuery(service="haircut", span=(start, start + 1)))
    return answer.starts == (start,)


async def test_a_hold_closes_the_slot_and_its_holder_books_it(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    hold = await holds.hold(ctx, "haircut", NINE)
    assert (hold.start, hold.end, hold.staff) == (NINE, NINE + 1800, ("anna",))
    assert not await is_open(ctx, NINE)
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, NINE)
    assert refusal.value.alternatives[0].start == NINE + 1800
    assert await rows(ctx, "SELECT 1 FROM outbox") == []
    receipt = await book(ctx, make_request(NINE, hold=hold.token))
    assert receipt.start == NINE
    assert [row.state for row in await rows(ctx, "SELECT state FROM appointment")] == ["confirmed"]


async def test_a_hold_ends_by_itself_and_the_slot_is_free_at_once(ctx: Context, clock: Clock) -> None:
    await make_person(ctx)
    await make_service(ctx)
    hold = await holds.hold(ctx, "haircut", NINE)
    clock.advance(minutes=4, seconds=59)
    assert not await is_open(ctx, NINE)
    clock.advance(seconds=1)
    assert await is_open(ctx, NINE)
    assert (await make_booking(ctx, NINE)).start == NINE  # nobody swept it yet
    with pytest.raises(Refused) as refusal:
        await holds.extend(ctx, hold.token)
    assert refusal.value.reason is Reason.HOLD_EXPIRED


async def test_extending_releasing_and_sweeping(ctx: Context, clock: Clock) -> None:
    await make_person(ctx)
    await make_service(ctx)
    hold = await holds.hold(ctx, "haircut", NINE)
    clock.advance(minutes=4)
    assert (await holds.extend(ctx, hold.token)).expires_at == hold.expires_at + 240
    clock.advance(minutes=4)
    assert not await is_open(ctx, NINE)
    assert await holds.sweep_holds(ctx) == 0
    await holds.release(ctx, hold.token)
    assert await is_open(ctx, NINE)
    await holds.release(ctx, hold.token)
    await holds.release(ctx, "no such thing")
    await holds.hold(ctx, "haircut", TEN)
    clock.advance(minutes=6)
    assert await holds.sweep_holds(ctx) == 1
    assert await rows(ctx, "SELECT 1 FROM appointment") == []


async def test_p02_an_expired_hold_is_booked_afresh_or_refused_when_somebody_else_was_faster(
    ctx: Context, clock: Clock
) -> None:
    await make_person(ctx)
    await make_service(ctx)
    first, second = await holds.hold(ctx, "haircut", NINE), await holds.hold(ctx, "haircut", TEN)
    clock.advance(minutes=6)
    assert (await book(ctx, make_request(NINE, hold=first.token))).start == NINE
    await make_booking(ctx, TEN)
    with pytest.raises(Refused) as refusal:
        await book(ctx, make_request(TEN, hold=second.token))
    assert refusal.value.reason is Reason.TAKEN
    assert refusal.value.alternatives


async def test_p02_one_hold_confirmed_twice_at_once_makes_one_booking(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    hold = await holds.hold(ctx, "haircut", NINE)
    outcomes = await asyncio.gather(
        *(book(ctx, make_request(NINE, hold=hold.token)) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in outcomes) == 1
    assert sum(isinstance(each, Refused) for each in outcomes) == 5
    assert len(await rows(ctx, "SELECT 1 FROM booking")) == 1


async def test_the_notice_that_was_met_when_the_slot_was_held_is_not_lost_in_the_form(
    ctx: Context, clock: Clock
) -> None:
    await make_person(ctx)
    await make_service(ctx, notice=60)
    hold = await holds.hold(ctx, "haircut", at("2027-03-01 09:00"))
    clock.advance(minutes=3)
    assert (await book(ctx, make_request(at("2027-03-01 09:00"), hold=hold.token))).start == at("2027-03-01 09:00")


async def test_choosing_another_time_frees_the_one_held(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx, duration=60, interval=30)
    hold = await holds.hold(ctx, "haircut", NINE)
    receipt = await book(ctx, make_request(NINE + 1800, hold=hold.token))  # overlaps what is held
    assert receipt.start == NINE + 1800
    assert len(await rows(ctx, "SELECT 1 FROM occupancy")) == 1


async def test_the_person_who_was_held_is_the_person_who_comes(ctx: Context) -> None:
    for slug in ("anna", "bert"):
        await make_person(ctx, slug)
    await make_service(ctx, staff=("anna", "bert"))
    hold = await holds.hold(ctx, "haircut", NINE, staff="bert")
    assert (await book(ctx, make_request(NINE, hold=hold.token))).staff == ("bert",)


async def test_parallel_holds_of_one_slot(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    outcomes = await asyncio.gather(*(holds.hold(ctx, "haircut", NINE) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(each, Hold) for each in outcomes) == 1
    assert sum(isinstance(each, Refused) for each in outcomes) == 9


async def test_what_is_withheld_cannot_be_held(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, stopped=True)
    with pytest.raises(Refused) as refusal:
        await holds.hold(ctx, "haircut", NINE)
    assert refusal.value.reason is Reason.CALENDAR_UNREADABLE
