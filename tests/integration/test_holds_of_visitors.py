"""How much one visitor, one address and many addresses together may keep, whatever they send at once."""

from __future__ import annotations

import asyncio

import pytest

from booking_app.domain.errors import Reason, Refused
from booking_app.services import availability, holds
from booking_app.services.context import Context
from booking_app.services.views import Hold, SlotQuery
from booking_app.services.visitors import Visitor
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.rows import rows

MONDAY = at("2027-03-01 00:00")


async def open_starts(ctx: Context, days: int) -> tuple[int, ...]:
    return (await availability.slots(ctx, SlotQuery(service="haircut", span=(MONDAY, MONDAY + days * 86400)))).starts


async def keep(ctx: Context, start: int, address: str, tab: str = "") -> Hold | Reason:
    try:
        return await holds.hold(ctx, "haircut", start, by=Visitor(address=address, tab=tab))
    except Refused as refused:
        return refused.reason


async def standing(ctx: Context) -> int:
    return len(await rows(ctx, "SELECT 1 FROM occupancy WHERE active AND expires_at IS NOT NULL"))


async def test_one_address_keeps_a_few_also_of_several_people_at_once(ctx: Context, clock: Clock) -> None:
    for slug in ("anna", "bert", "cora"):
        await make_person(ctx, slug)
    await make_service(ctx, staff=("anna", "bert", "cora"))
    starts = await open_starts(ctx, 5)
    outcomes = await asyncio.gather(
        *(keep(ctx, start, "203.0.113.7", f"tab-{n}") for n, start in enumerate(starts[:40]))
    )
    assert sum(isinstance(each, Hold) for each in outcomes) == holds.MOST == await standing(ctx)
    assert {each for each in outcomes if not isinstance(each, Hold)} == {Reason.NOT_KEPT}
    assert isinstance(await keep(ctx, starts[50], "203.0.113.8"), Hold)
    clock.advance(minutes=6)
    assert isinstance(await keep(ctx, starts[51], "203.0.113.7"), Hold)


async def test_one_tab_keeps_one_also_when_it_asks_for_many_at_once(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    starts = await open_starts(ctx, 5)
    for start in starts[:5]:
        assert isinstance(await keep(ctx, start, "203.0.113.7", "tab"), Hold)
        assert await standing(ctx) == 1
    await asyncio.gather(*(keep(ctx, start, f"203.0.113.{n}", "tab") for n, start in enumerate(starts[10:20])))
    assert await standing(ctx) == 1


async def test_many_addresses_together_close_neither_a_day_nor_a_week(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    starts = await open_starts(ctx, 5)
    assert len(starts) == 80
    for part in range(0, 80, 20):
        await asyncio.gather(
            *(keep(ctx, start, f"198.51.100.{part + n}") for n, start in enumerate(starts[part : part + 20]))
        )
    left = await open_starts(ctx, 5)
    assert len(left) >= 40
    for day in range(5):
        assert len([start for start in left if start // 86400 == MONDAY // 86400 + day]) >= 6
    # What is not kept can still be booked.
    assert (await make_booking(ctx, left[0])).start == left[0]


async def test_on_a_nearly_full_day_the_last_time_is_kept_for_one(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    today = await open_starts(ctx, 1)
    for start in today[:-1]:
        await make_booking(ctx, start)
    assert isinstance(await keep(ctx, today[-1], "203.0.113.7"), Hold)


async def test_what_is_stored_of_a_visitor_does_not_name_the_address(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    await keep(ctx, (await open_starts(ctx, 1))[0], "203.0.113.7", "a-tab")
    [row] = await rows(ctx, "SELECT source, visitor FROM appointment")
    assert (len(row.source), len(row.visitor)) == (32, 32)
    assert row.source == Visitor(address="203.0.113.7").source(ctx)


@pytest.mark.parametrize("assignment", ["any", "all"])
async def test_refusals_keep_their_own_reason(ctx: Context, assignment: str) -> None:
    await make_person(ctx)
    await make_service(ctx, assignment=assignment)
    start = (await open_starts(ctx, 1))[0]
    await make_booking(ctx, start)
    assert await keep(ctx, start, "203.0.113.7") is Reason.TAKEN
