"""Accepted without a last look at the calendar: compared at the first read that works, and told if it collides."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from booking_app.domain.conflicts import Answer
from booking_app.jobs.alerts import tell
from booking_app.services import booking, calendars, holds, manage
from booking_app.services.context import Context, LiveRead
from booking_app.services.decisions import decide
from booking_app.sync.errors import Transient
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking, make_request
from tests.office import Office, cells, event, make_office

NINE, TEN, ELEVEN = at("2027-03-02 09:00"), at("2027-03-02 10:00"), at("2027-03-02 11:00")
HALF = 1800


def hang(office: Office) -> None:
    """Nothing gets an answer, though what is written to the server arrives."""
    office.server.fail(lambda: Transient("The calendar server did not answer in time."))


async def conflict(office: Office) -> list[tuple[object, ...]]:
    """(start, kind) of the appointments that wait for a decision."""
    return await cells(
        office.ctx,
        "SELECT extract(epoch FROM lower(during))::bigint, conflict_kind FROM appointment"
        " WHERE conflict_kind IS NOT NULL ORDER BY 1",
    )


async def marked(office: Office) -> int:
    return len(await cells(office.ctx, "SELECT 1 FROM occupancy WHERE unlooked_at IS NOT NULL"))


async def customer_mails(office: Office) -> set[str]:
    found = await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail'")
    return {str(row[0]).partition(":")[0] for row in found if str(row[0]).endswith("customer")}


async def by_hold(office: Office) -> None:
    kept = await holds.hold(office.ctx, "haircut", TEN)
    await booking.book(office.ctx, make_request(TEN, hold=kept.token))


async def by_request(office: Office) -> None:
    await make_booking(office.ctx, TEN)


async def by_moving(office: Office) -> None:
    office.server.heal()
    receipt = await make_booking(office.ctx, NINE)
    assert await marked(office) == 0
    hang(office)
    await manage.reschedule(office.ctx, receipt.token, TEN)


@pytest.mark.parametrize("accept", [by_request, by_hold, by_moving])
async def test_p06_what_was_accepted_over_an_event_of_a_moment_ago_becomes_a_question_at_the_first_read(
    ctx: Context, clock: Clock, accept: Callable[[Office], Awaitable[None]]
) -> None:
    office = await make_office(ctx)
    clock.advance(seconds=15)
    office.add_event("lunch", TEN - HALF, TEN + 60)
    clock.advance(seconds=5)
    hang(office)
    await accept(office)
    assert await marked(office) == 1
    assert await office.read() is Pulled.FAILED
    assert await conflict(office) == []
    clock.advance(seconds=60)
    office.server.heal()
    assert await office.read() is Pulled.READ
    assert await conflict(office) == [(TEN, "overlap")]
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert (
        "was booked while the calendar could not be read, and something else stands there: 9:30–10:01" in alert.message
    )
    assert "the customer was not told" in alert.message
    assert alert.choices == (Answer.KEEP, Answer.CANCEL)
    assert await marked(office) == 0
    assert await customer_mails(office) <= {"confirmation", "changed"}
    # It stands all the same: its event is written.
    await office.write()
    assert len(office.own_events()) == 1


async def test_p06_an_event_that_comes_later_is_no_question(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(seconds=5)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    clock.advance(seconds=10)
    await office.read()
    await tell(office.ctx)
    assert await marked(office) == 0
    office.add_event("later", TEN, ELEVEN)
    clock.advance(seconds=10)
    await office.read()
    assert await conflict(office) == []


async def test_p06_a_read_that_was_asked_for_before_settles_nothing(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    await office.read()
    assert await marked(office) == 1, "as of the same second, it may not know what was there"
    office.add_event("lunch", TEN, ELEVEN)
    clock.advance(seconds=10)
    await office.read()
    assert await conflict(office) == [(TEN, "overlap")]


async def test_p06_what_was_stored_while_the_booking_was_under_way_is_found_without_another_change(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    office.add_event("lunch", TEN, ELEVEN)
    clock.advance(seconds=5)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE occupancy SET active = false"))
    # As if the booking were not there yet when the read is stored, and no read brings anything new from then on.
    await office.read()
    async with office.ctx.sessions.begin() as db:
        await db.execute(
            text("UPDATE occupancy SET active = true, unlooked_at = to_timestamp(:at)"), {"at": clock().timestamp() + 1}
        )
    clock.advance(seconds=15)
    await office.read()
    await tell(office.ctx)
    assert await conflict(office) == [(TEN, "overlap")]


async def test_p06_buffers_count_and_what_is_no_longer_there_needs_no_decision(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE service SET buffer_after = 15"))
    near = office.add_event("near", TEN + HALF + 600, ELEVEN)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    clock.advance(seconds=10)
    await office.read()
    assert await conflict(office) == [(TEN, "overlap")]
    office.server.erase(office.remote_id, near)
    clock.advance(seconds=10)
    await office.read()
    await tell(office.ctx)
    assert await conflict(office) == []
    assert await calendars.open_alerts(office.ctx, None) == ()


@pytest.mark.parametrize(("answer", "state", "mails"), [(Answer.KEEP, "confirmed", 0), (Answer.CANCEL, "cancelled", 1)])
async def test_p06_the_question_is_answered_once(
    ctx: Context, clock: Clock, answer: Answer, state: str, mails: int
) -> None:
    office = await make_office(ctx)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    office.add_event("lunch", TEN, ELEVEN)
    clock.advance(seconds=10)
    await office.read()
    ((appointment,),) = await cells(office.ctx, "SELECT id FROM appointment")
    assert await decide(office.ctx, answer, appointment_id=appointment, bookable_id=office.person)
    assert await cells(office.ctx, "SELECT state, conflict, conflict_kind FROM appointment") == [(state, None, None)]
    assert ("cancelled" in await customer_mails(office)) == bool(mails)
    for _ in range(2):
        clock.advance(seconds=10)
        await office.read()
        await tell(office.ctx)
    assert await conflict(office) == []
    assert await calendars.open_alerts(office.ctx, None) == ()


async def test_p06_of_several_people_the_one_who_could_not_be_looked_at_is_compared(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)

    async def half(_: object, __: object) -> dict[int, LiveRead]:
        return {office.person: LiveRead(ok=False, trouble="It does not answer.")}

    blind = replace(office.ctx, reread=half)
    await make_booking(blind, TEN)
    await make_booking(office.ctx, ELEVEN)
    assert await marked(office) == 1
    office.server.store(office.remote_id, "both.ics", event("both@elsewhere", TEN, ELEVEN + HALF))
    clock.advance(seconds=10)
    await office.read()
    assert await conflict(office) == [(TEN, "overlap")], (
        "the other one was looked at: what came later is its owner's doing"
    )


async def test_p06_reads_that_break_off_on_the_way_settle_nothing_and_it_is_told_once(
    ctx: Context, clock: Clock
) -> None:
    office = await make_office(ctx)
    office.add_event("lunch", TEN, ELEVEN)
    hang(office)
    await make_booking(office.ctx, TEN)
    office.server.heal()
    for step in itertools.count(1):
        clock.advance(seconds=10)
        office.server.lose_replies(verbs=frozenset({"changes"}), times=step % 2)
        outcome = await office.read()
        office.server.heal()
        if outcome is Pulled.READ:
            break
        assert await conflict(office) == []
    assert await conflict(office) == [(TEN, "overlap")]
    for _ in range(3):
        await tell(office.ctx)
    assert len(await cells(office.ctx, "SELECT 1 FROM alert")) == 1
