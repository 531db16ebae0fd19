"""Whose turn it is: a person, a server, a slow calendar take time from themselves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from booking_app.db import outbox
from booking_app.domain.appointment import Effect
from booking_app.domain.effects import Done, Outcome, Work
from booking_app.domain.errors import Reason
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync.policy import ReadLane, lane_of
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.integration.test_workers import HANGS, at_work, until
from tests.office import cells
from tests.rows import calendar_row, change, rows

TUESDAY = (at("2027-03-02"), at("2027-03-03"))


async def nothing(_calendar_id: int) -> None:
    return


def reader(
    ctx: Context,
    read: Callable[[int], Awaitable[object]] = nothing,
    lane: ReadLane | None = None,
    *,
    width: int = 8,
    patience: float | None = None,
    slow: int = 4,
) -> CalendarReader:
    return CalendarReader(ctx, read, Leases(), hot_interval=12, lane=lane, width=width, patience=patience, slow=slow)


async def claimed(ctx: Context, pool: CalendarReader, limit: int = 50) -> set[int]:
    """The calendars that the reader claims, and goes on reading for ever as far as others can see."""
    before = {row[0] for row in await rows(ctx, "SELECT id FROM calendar WHERE lease_until >= :now", now=ctx.now())}
    for work in await pool.claim(limit):
        work.close()  # type: ignore[attr-defined]
    after = {row[0] for row in await rows(ctx, "SELECT id FROM calendar WHERE lease_until >= :now", now=ctx.now())}
    return after - before


async def accounts(ctx: Context, count: int, *, host: str = "", person: int | None = None) -> list[int]:
    """Due calendars, each in an account of its own; `person` None: each of its own person too."""
    made = []
    for number in range(count):
        owner = person if person is not None else await make_person(ctx, f"{host or 'p'}-{number}".replace(".", "-"))
        made.append(await make_calendar(ctx, owner, due_in=-1))
    await change(
        ctx,
        "UPDATE connection SET host = :host WHERE id IN (SELECT connection_id FROM calendar WHERE id = ANY(:ids))",
        host=host,
        ids=made,
    )
    return made


async def test_a_server_has_half_of_a_lane_however_many_accounts_are_there(ctx: Context) -> None:
    crowd = set(await accounts(ctx, 40, host="dav.example.net"))
    (other,) = await accounts(ctx, 1, host="dav.example.org")
    first, second = reader(ctx, width=8), reader(ctx, width=8)
    found = await claimed(ctx, first)
    assert other in found
    assert len(found & crowd) == 4
    # What another process reads counts too.
    assert await claimed(ctx, second) == set()


async def test_a_person_has_a_quarter_of_a_lane_however_many_servers_they_have(ctx: Context) -> None:
    greedy = await make_person(ctx, "greedy")
    theirs = set()
    for number in range(6):
        theirs |= set(await accounts(ctx, 1, host=f"{number}.example.net", person=greedy))
    (other,) = await accounts(ctx, 1, host="dav.example.org")
    found = await claimed(ctx, reader(ctx, width=8))
    assert other in found
    assert len(found & theirs) == 2


async def test_where_a_provider_has_limits_of_its_own_its_accounts_are_not_one_server(ctx: Context) -> None:
    many = set(await accounts(ctx, 8))
    assert await claimed(ctx, reader(ctx, width=8)) == many


@pytest.mark.parametrize("failures", [0, 1, 7])
@pytest.mark.parametrize("takes", [0, 0.4, 2, 2.1, 80])
async def test_a_calendar_is_claimed_in_the_lane_that_its_past_decides(
    ctx: Context, takes: float, failures: int
) -> None:
    (calendar,) = await accounts(ctx, 1)
    await change(ctx, "UPDATE calendar SET takes = :takes, failures = :failures", takes=takes, failures=failures)
    own = lane_of(takes, failures)
    for lane in (each for each in ReadLane if each is not own):
        assert await claimed(ctx, reader(ctx, lane=lane)) == set()
    assert await claimed(ctx, reader(ctx, lane=own)) == {calendar}


async def test_slow_calendars_take_no_place_of_quick_ones(ctx: Context) -> None:
    slow = await accounts(ctx, 30)
    await change(ctx, "UPDATE calendar SET takes = 80")
    (quick,) = await accounts(ctx, 1, host="dav.example.org")
    read: list[int] = []

    async def reading(calendar_id: int) -> None:
        read.append(calendar_id)
        if calendar_id in slow:
            await asyncio.sleep(HANGS)

    async def seen() -> bool:
        return quick in read

    async with at_work(reader(ctx, reading, ReadLane.SLOW)), at_work(reader(ctx, reading, ReadLane.QUICK)):
        await until(seen)
    assert len(read) <= 1 + 8


async def test_a_quick_place_is_given_back_by_all_who_turn_out_to_be_slow(ctx: Context, clock: Clock) -> None:
    """Nothing is known yet of any of them: more hang than there are places, and those beside them."""
    hanging = set(await accounts(ctx, 7))
    (other,) = await accounts(ctx, 1, host="dav.example.org")
    await change(ctx, "UPDATE calendar SET due_at = :due WHERE id <> :id", due=clock() - timedelta(60), id=other)
    read: list[int] = []

    async def reading(calendar_id: int) -> None:
        read.append(calendar_id)
        if calendar_id in hanging:
            await asyncio.sleep(HANGS)

    async def seen() -> bool:
        return other in read

    async with at_work(reader(ctx, reading, ReadLane.QUICK, width=2, patience=0.1, slow=2)):
        await until(seen)
    given_up = await rows(ctx, "SELECT id, failures FROM calendar WHERE takes > 0")
    assert len(given_up) >= 3
    assert {each.id for each in given_up} <= hanging
    assert {each.failures for each in given_up} == {0}


async def test_a_read_that_is_given_up_is_free_to_be_begun_anew(ctx: Context) -> None:
    (calendar,) = await accounts(ctx, 1)

    async def reading(_calendar_id: int) -> None:
        await asyncio.sleep(HANGS)

    async def noted() -> bool:
        row = await calendar_row(ctx, calendar)
        return row.takes > 0 and row.lease_until is None

    async with at_work(reader(ctx, reading, ReadLane.QUICK, width=1, patience=0.1, slow=0)):
        await until(noted)
    assert await claimed(ctx, reader(ctx, lane=ReadLane.SLOW)) == {calendar}


async def test_work_that_took_long_is_not_done_by_the_quick_lane_again(ctx: Context, clock: Clock) -> None:
    for key in ("1:1", "2:2", "3:3"):
        async with ctx.sessions.begin() as db:
            await outbox.enqueue(db, Effect.CALENDAR, key, due=ctx.now())
    begun: list[str] = []

    async def write(work: Work) -> Outcome:
        begun.append(work.key)
        if work.key != "3:3":
            await asyncio.sleep(HANGS)
        return Done()

    async def written() -> bool:
        return await cells(ctx, "SELECT 1 FROM outbox WHERE key = '3:3'") == []

    quick = Lane(ctx, Effect.CALENDAR, write, Leases(), width=1, patience=0.1, slow=0, quick=True)
    async with at_work(quick):
        await until(written)
    assert begun == ["1:1", "2:2", "3:3"]
    clock.advance(minutes=10)
    assert await quick.claim(5) == []
    slow = await Lane(ctx, Effect.CALENDAR, write, Leases(), quick=False).claim(5)
    assert len(slow) == 2
    for work in slow:
        work.close()  # type: ignore[attr-defined]


async def to_write(ctx: Context, count: int, host: str, *, takes: float = 80, effect: str = "calendar") -> set[str]:
    """The keys of due writes, each of a person of its own with an account at the host; the oldest are asked for
    first."""
    keys = set()
    calendars = await accounts(ctx, count, host=host)
    await change(ctx, "UPDATE calendar SET target = true WHERE id = ANY(:ids)", ids=calendars)
    for calendar in calendars:
        key = f"{1_000 + calendar}:{(await calendar_row(ctx, calendar)).bookable_id}"
        if effect == Effect.LEFT:
            key += f":{calendar}"
        async with ctx.sessions.begin() as db:
            await outbox.enqueue(db, effect, key, due=ctx.now())
        keys.add(key)
    await change(ctx, "UPDATE outbox SET takes = :takes WHERE key = ANY(:keys)", takes=takes, keys=list(keys))
    return keys


def writes(
    ctx: Context, hanging: Collection[str], begun: list[str], *, effect: str = "calendar", quick: bool | None = False
) -> Lane:
    async def write(work: Work) -> Outcome:
        begun.append(work.key)
        if work.key in hanging:
            await asyncio.sleep(HANGS)
        return Done()

    return Lane(ctx, effect, write, Leases(), width=8, patience=None, quick=quick)


@pytest.mark.parametrize("effect", ["calendar", "left"])
async def test_slow_writes_of_one_server_leave_places_to_those_of_another(ctx: Context, effect: str) -> None:
    hanging = await to_write(ctx, 20, "dav.example.net", effect=effect)
    honest = await to_write(ctx, 6, "dav.example.org", effect=effect)
    begun: list[str] = []

    async def written() -> bool:
        return honest <= set(begun) and len(await cells(ctx, "SELECT 1 FROM outbox")) == len(hanging)

    async with at_work(writes(ctx, hanging, begun, effect=effect)):
        await until(written)
        assert len(hanging & set(begun)) == 4
        # What another process works on counts too.
        other: list[str] = []
        assert await writes(ctx, (), other, effect=effect).claim(8) == []
    assert len(begun) == 4 + len(honest)


async def test_where_a_provider_has_limits_of_its_own_its_writes_are_not_those_of_one_server(ctx: Context) -> None:
    await to_write(ctx, 8, "")
    works = await writes(ctx, (), []).claim(8)
    assert len(works) == 8
    for work in works:
        work.close()  # type: ignore[attr-defined]


async def test_a_server_is_the_one_in_which_the_event_stands(ctx: Context) -> None:
    """Moving an event to another server begins with taking it away where it stands."""
    anna = await make_person(ctx, "anna")
    await make_service(ctx)
    await make_calendar(ctx, anna)
    await make_booking(ctx, at("2027-03-02 10:00"))
    await change(ctx, "DELETE FROM outbox")
    await to_write(ctx, 4, "dav.example.net")
    first: list[str] = []
    held = await writes(ctx, (), first).claim(8)
    assert len(held) == 4
    target, standing = await make_calendar(ctx, anna, target=True), await make_calendar(ctx, anna, blocks=False)
    await change(
        ctx,
        "UPDATE connection SET host = CASE c.id WHEN :standing THEN 'dav.example.net' ELSE 'dav.example.org' END"
        " FROM calendar c WHERE c.connection_id = connection.id AND c.id IN (:standing, :target)",
        standing=standing,
        target=target,
    )
    ((appointment,),) = await cells(ctx, "SELECT id FROM appointment")
    async with ctx.sessions.begin() as db:
        await outbox.enqueue(db, Effect.CALENDAR, f"{appointment}:{anna}", due=ctx.now())
    await change(ctx, "UPDATE outbox SET takes = 80")
    begun = writes(ctx, (), [])
    await change(
        ctx,
        "INSERT INTO mirror (appointment_id, bookable_id, calendar_id, uid, fields) VALUES (:a, :b, :c, 'u', '')",
        a=appointment,
        b=anna,
        c=standing,
    )
    assert await begun.claim(8) == []
    await change(ctx, "UPDATE mirror SET calendar_id = :target", target=target)
    (work,) = await begun.claim(8)
    for each in (work, *held):
        each.close()  # type: ignore[attr-defined]


async def test_a_slow_calendar_is_not_waited_for_and_is_withheld_beyond_the_soft_bound(
    ctx: Context, clock: Clock
) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    calendar = await make_calendar(ctx, anna, age=31)
    waited: list[int] = []

    async def wait(calendars: Collection[int], _seconds: float) -> None:
        waited.extend(calendars)

    query = SlotQuery(service="haircut", span=TUESDAY)
    assert (await availability.fresh_slots(ctx, query, wait)).starts
    assert waited == [calendar]
    waited.clear()
    await change(ctx, "UPDATE calendar SET takes = 80")
    answer = await availability.fresh_slots(ctx, query, wait)
    assert waited == []
    assert answer.starts == ()
    assert [each.reason for each in answer.withheld] == [Reason.CALENDAR_STALE]
    await change(ctx, "UPDATE calendar SET verified_at = :now", now=clock() - timedelta(seconds=30))
    assert (await availability.slots(ctx, query)).starts


async def test_a_look_brings_a_slow_calendar_forward_to_after_its_pause(ctx: Context, clock: Clock) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    calendar = await make_calendar(ctx, anna, age=50)
    await change(ctx, "UPDATE calendar SET takes = 40")
    await availability.slots(ctx, SlotQuery(service="haircut", span=TUESDAY))
    row = await calendar_row(ctx, calendar)
    # Its read began 50 s ago and ended 10 s ago: it is left alone for as long as that took.
    assert row.due_at == clock() + timedelta(seconds=30)
    assert await claimed(ctx, reader(ctx, lane=ReadLane.SLOW)) == set()
    clock.advance(seconds=31)
    assert await claimed(ctx, reader(ctx, lane=ReadLane.SLOW)) == {calendar}


async def test_a_claim_is_one_statement(ctx: Context) -> None:
    await accounts(ctx, 3)
    statements: list[str] = []
    engine = ctx.sessions.kw["bind"]
    assert isinstance(engine, AsyncEngine)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    works = await reader(ctx).claim(3)
    assert (len(works), len(statements)) == (3, 1)
    for work in works:
        work.close()  # type: ignore[attr-defined]
