"""A server that does not answer: what is offered can be booked, and what cannot be booked is withheld and said so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Reason, Refused
from booking_app.services import calendars, holds, manage
from booking_app.services.availability import slots
from booking_app.services.board import Board
from booking_app.services.context import Context, LiveRead
from booking_app.services.views import SlotQuery
from booking_app.sync.errors import Transient
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.office import make_office

DAY = SlotQuery(service="haircut", span=(at("2027-03-02"), at("2027-03-03")))
NINE, TEN = at("2027-03-02 09:00"), at("2027-03-02 10:00")


def no_answer() -> Transient:
    return Transient("The calendar server did not answer in time.")


async def test_p07_while_a_server_is_down_nothing_is_offered_that_cannot_be_booked(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    board = Board(office.ctx, max_age=3600)
    shown = await board.get(DAY)
    receipt = await make_booking(office.ctx, NINE)
    office.server.fail(no_answer)
    clock.advance(seconds=12)
    assert await office.read() is Pulled.FAILED
    board.changed("availability", frozenset({office.person}))
    shown = await board.get(DAY)
    assert TEN in shown.starts
    assert shown.stands_until == to_instant(clock()) + 18
    clock.advance(seconds=18)
    assert await board.get(DAY) == shown, "as old as the soft bound, it still does"
    assert (await make_booking(office.ctx, TEN)).start == TEN
    board.changed("availability", frozenset({office.person}))
    clock.advance(seconds=1)
    office.server.calls.clear()
    shown = await board.get(DAY)
    assert shown.starts == ()
    (withheld,) = shown.withheld
    assert withheld.reason is Reason.CALENDAR_UNREADABLE
    assert "Anna is temporarily not bookable online" in withheld.message
    assert office.server.calls == [], "nobody was asked for it"
    for attempt in (
        holds.hold(office.ctx, "haircut", TEN + 1800),
        make_booking(office.ctx, TEN + 1800),
        manage.reschedule(office.ctx, receipt.token, TEN + 1800),
    ):
        with pytest.raises(Refused) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CALENDAR_UNREADABLE
    (view,) = await calendars.connections_of(office.ctx, office.person)
    assert view.withheld
    assert view.sentence.startswith("Cannot be read, so these times are not offered.")
    office.server.heal()
    assert await office.read() is Pulled.READ
    board.changed("availability", frozenset({office.person}))
    assert TEN + 1800 in (await board.get(DAY)).starts
    assert (await make_booking(office.ctx, TEN + 1800)).start == TEN + 1800


async def test_p07_the_times_of_others_stay_while_one_of_several_cannot_be_read(ctx: Context, clock: Clock) -> None:
    anna, bert = await make_person(ctx), await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all")
    await make_calendar(ctx, anna, age=20, trouble="It does not answer.")
    await make_calendar(ctx, bert, age=50, busy=[(NINE, TEN)])
    for service in ("haircut", "duo"):
        assert (await slots(ctx, replace(DAY, service=service))).withheld == ()
    clock.advance(seconds=11)
    found = await slots(ctx, DAY)
    assert set(found.staff) == {("bert",)}
    assert NINE not in found.starts
    assert [each.staff for each in found.withheld] == ["anna"]
    assert (await slots(ctx, replace(DAY, service="duo"))).starts == ()


@pytest.mark.parametrize("assignment", ["any", "all"])
@pytest.mark.parametrize("ages", [(0, 0), (30, 30), (31, 0), (31, 599), (600, 600), (601, 10), (29, 601)])
@pytest.mark.parametrize("troubled", [(False, False), (True, False), (True, True)])
async def test_p07_whatever_is_offered_is_accepted_and_nothing_else_is_kept(
    ctx: Context, assignment: str, ages: tuple[int, int], troubled: tuple[bool, bool]
) -> None:
    people = [await make_person(ctx), await make_person(ctx, "bert")]
    await make_service(ctx, staff=("anna", "bert"), assignment=assignment)
    for person, age, trouble in zip(people, ages, troubled, strict=True):
        await make_calendar(ctx, person, age=age, trouble="It does not answer." if trouble else "")
    reads = {each: LiveRead(ok=not bad) for each, bad in zip(people, troubled, strict=True)}

    async def reread(wanted: object, _: object) -> dict[int, LiveRead]:
        return {each: read for each, read in reads.items() if each in wanted}  # type: ignore[operator]

    ctx = replace(ctx, reread=reread)
    offered = await slots(ctx, DAY)
    if not offered.starts:
        with pytest.raises(Refused):
            await holds.hold(ctx, "haircut", NINE)
        return
    kept = await holds.hold(ctx, "haircut", NINE)
    assert set(kept.staff) <= set(offered.at(NINE))
    await holds.release(ctx, kept.token)
    for start in offered.starts:
        assert set((await make_booking(ctx, start)).staff) <= set(offered.at(start))


async def test_p07_a_read_without_an_answer_counts_as_one_that_fails_until_it_has_one(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    office.policy = SyncPolicy(patience=0.05)
    office.server.delay = 2
    reading = asyncio.create_task(office.read())
    while not (await office.calendar()).trouble:
        await asyncio.sleep(0.01)
    assert not reading.done()
    assert (await slots(office.ctx, DAY)).starts, "what is held is young enough"
    clock.advance(seconds=31)
    assert (await slots(office.ctx, DAY)).starts == ()
    assert (await office.calendar()).failures == 0
    assert await reading is Pulled.READ
    clock.advance(seconds=-31)
    assert (await office.calendar()).trouble == ""
    assert (await slots(office.ctx, DAY)).starts
