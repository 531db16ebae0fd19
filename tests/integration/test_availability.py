"""What is offered: hours, appointments, calendars, and what is withheld."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from booking_app.domain.errors import Invalid, NotFound, Reason
from booking_app.services import availability, catalog
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery, SlotsAnswer
from tests.conftest import Clock
from tests.factories import at, make_calendar, make_person, make_service, set_busy
from tests.rows import calendar_row

TUESDAY = (at("2027-03-02"), at("2027-03-03"))


async def offered(ctx: Context, service: str = "haircut", staff: str | None = None) -> SlotsAnswer:
    return await availability.slots(ctx, SlotQuery(service=service, span=TUESDAY, staff=staff))


async def test_opening_hours_become_slots_and_busy_blocks_close_them(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx, duration=60, interval=60)
    assert len((await offered(ctx)).starts) == 8
    await make_calendar(ctx, anna, busy=[(at("2027-03-02 10:15"), at("2027-03-02 11:15"))])
    answer = await offered(ctx)
    assert at("2027-03-02 09:00") in answer.starts
    assert at("2027-03-02 10:00") not in answer.starts
    assert at("2027-03-02 11:00") not in answer.starts
    assert len(answer.starts) == 6
    assert answer.at(at("2027-03-02 12:00")) == ("anna",)
    assert answer.verified_at == at("2027-03-01 08:00")


async def test_unknown_service_and_stranger(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx)
    with pytest.raises(NotFound):
        await offered(ctx, "massage")
    with pytest.raises(Invalid) as wrong:
        await offered(ctx, staff="bert")
    assert wrong.value.field == "staff"


async def test_any_offers_whoever_is_free_and_all_only_when_everybody_is(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, "any", staff=("anna", "bert"))
    await make_service(ctx, "all", staff=("anna", "bert"), assignment="all")
    await make_calendar(ctx, anna, busy=[(at("2027-03-02 09:00"), at("2027-03-02 12:00"))])
    any_of = await offered(ctx, "any")
    assert any_of.at(at("2027-03-02 09:00")) == ("bert",)
    assert any_of.at(at("2027-03-02 12:00")) == ("anna", "bert")
    together = await offered(ctx, "all")
    assert together.starts[0] == at("2027-03-02 12:00")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"age": None}, Reason.CALENDAR_STALE),
        ({"age": 601}, Reason.CALENDAR_STALE),
        ({"age": 601, "trouble": "The server did not answer."}, Reason.CALENDAR_UNREADABLE),
        ({"state": "needs_sign_in"}, Reason.CALENDAR_UNREADABLE),
        ({"state": "stopped"}, Reason.CALENDAR_UNREADABLE),
        ({"stopped": True}, Reason.CALENDAR_UNREADABLE),
    ],
)
async def test_p07_p19_p39_what_cannot_be_trusted_is_withheld_with_a_reason_and_never_looks_fully_booked(
    ctx: Context, facts: dict[str, object], reason: Reason
) -> None:
    anna = await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, "any", staff=("anna", "bert"))
    await make_service(ctx, "all", staff=("anna", "bert"), assignment="all")
    await make_calendar(ctx, anna, **facts)  # type: ignore[arg-type]
    any_of = await offered(ctx, "any")
    assert set(any_of.staff) == {("bert",)}
    assert [(each.staff, each.reason) for each in any_of.withheld] == [("anna", reason)]
    assert "Anna" in any_of.withheld[0].message
    together = await offered(ctx, "all")
    assert together.starts == ()
    assert [each.staff for each in together.withheld] == ["anna"]
    alone = await offered(ctx, "any", staff="anna")
    assert (alone.starts, alone.withheld[0].reason) == ((), reason)


async def test_a_slow_connection_is_offered_within_the_hard_bound_and_a_disconnected_one_is_not_asked(
    ctx: Context,
) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, age=599, state="slowed")
    answer = await offered(ctx)
    assert (len(answer.starts), answer.withheld) == (16, ())
    busy = [(at("2027-03-02"), at("2027-03-03"))]
    await make_calendar(ctx, anna, age=None, state="disconnected", busy=busy)
    assert len((await offered(ctx)).starts) == 16


async def test_p07_a_frozen_calendar_is_withheld_once_its_data_is_too_old(ctx: Context, clock: Clock) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna)
    clock.advance(minutes=10)
    assert (await offered(ctx)).starts
    clock.advance(seconds=1)
    assert (await offered(ctx)).starts == ()


async def test_nothing_is_offered_beyond_what_the_calendar_covers(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, window_days=(-1, 1))  # until Tuesday 08:00
    assert (await offered(ctx)).starts == ()


async def test_reading_makes_calendars_hot_without_a_write_each_time(ctx: Context, clock: Clock) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    calendar = await make_calendar(ctx, anna, age=20)
    await offered(ctx)
    first = await calendar_row(ctx, calendar)
    assert first.hot_until is not None
    assert first.hot_until == clock.time.replace(minute=1)
    assert first.due_at == clock.time
    clock.advance(seconds=39)
    await offered(ctx)
    assert (await calendar_row(ctx, calendar)).hot_until == first.hot_until
    clock.advance(seconds=2)
    await offered(ctx)
    assert (await calendar_row(ctx, calendar)).hot_until == first.hot_until + timedelta(seconds=41)


async def test_p50_a_removed_person_offers_nothing_at_once(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    assert (await offered(ctx)).starts
    await catalog.remove_person(ctx, "anna")
    assert (await offered(ctx)).starts == ()


async def test_p50_who_come_together_offer_nothing_once_one_of_them_was_removed(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all")
    await make_service(ctx, "either", staff=("anna", "bert"))
    assert (await offered(ctx, "duo")).starts
    await catalog.remove_person(ctx, "bert")
    assert (await offered(ctx, "duo")).starts == ()
    assert set((await offered(ctx, "either")).staff) == {("anna",)}


async def test_p35_the_days_of_the_reader_are_the_days_of_the_slots(ctx: Context) -> None:
    await make_person(ctx, zone="Pacific/Auckland")
    await make_service(ctx)
    query = SlotQuery(service="haircut", span=(at("2027-03-01"), at("2027-04-02")))
    days = (await availability.slots(ctx, query)).days("America/Los_Angeles")
    assert "2027-03-07" in days  # Monday morning in Auckland is Sunday there


async def test_a_stale_calendar_is_read_before_its_slots_show(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    calendar = await make_calendar(ctx, anna, age=31)
    waited: list[int] = []

    async def wait(calendars: Collection[int], seconds: float) -> None:
        waited.extend(calendars)

    query = SlotQuery(service="haircut", span=TUESDAY)
    await availability.fresh_slots(ctx, query, wait)
    assert waited == [calendar]
    waited.clear()
    await make_calendar(ctx, anna, age=31, state="slowed", trouble="The server does not answer.")
    await availability.fresh_slots(ctx, query, wait)
    assert waited == [calendar]  # the failing one is not waited for


async def test_p12_a_reader_never_sees_a_calendar_half_read(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    busy = [(at("2027-03-02 09:00"), at("2027-03-02 12:00")), (at("2027-03-02 12:00"), at("2027-03-02 16:30"))]
    calendar = await make_calendar(ctx, anna, busy=busy)
    free = (at("2027-03-02 16:30"),)
    done = asyncio.Event()

    async def read() -> int:
        looks = 0
        while not done.is_set():
            assert (await offered(ctx)).starts == free
            looks += 1
        return looks

    readers = [asyncio.create_task(read()) for _ in range(2)]
    for _ in range(100):
        await set_busy(ctx, calendar, anna, busy)
    done.set()
    assert min(await asyncio.gather(*readers)) > 10
