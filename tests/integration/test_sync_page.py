"""What the pages about calendars say."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from booking_app.db import health_queries
from booking_app.db.tables import DelaySample
from booking_app.domain.appointment import ConnectionState
from booking_app.services import calendars
from booking_app.services.context import Context
from booking_app.sync.errors import Transient
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import make_office

TEN = at("2027-03-02 10:00")


async def test_a_healthy_line_says_so(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(seconds=7)
    page = await calendars.sync_page(office.ctx)
    (line,) = page.lines
    assert line.owner == "Anna"
    assert line.connection.state == ConnectionState.OK.value
    assert line.connection.sentence == "Up to date."
    assert line.connection.age == 7
    assert line.connection.last_success is not None
    assert line.waiting == ()
    assert page.alerts == ()


async def test_unwritten_changes_stand_with_their_reason_and_next_attempt(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE bookable SET zone = 'Europe/Amsterdam'"))
    await make_booking(office.ctx, TEN)
    office.server.fail(lambda: Transient("The server is down."))
    await office.write()
    page = await calendars.sync_page(office.ctx)
    (waiting,) = page.lines[0].waiting
    assert waiting.what == "Haircut, Tuesday 2 March 2027, 11:00 (Amsterdam time, UTC+1)"
    assert waiting.reason == "The server is down."
    assert waiting.attempts == 1
    assert waiting.retry_at is not None
    assert waiting.retry_at > int(clock().timestamp()) - 1
    assert "Clara" not in str(page)
    office.server.heal()
    await calendars.retry_now(office.ctx, outbox_id=waiting.id)
    await office.write()
    assert (await calendars.sync_page(office.ctx)).lines[0].waiting == ()


@pytest.mark.parametrize("key", ["booking:6d1f:confirmed", "x", "alert:1:0:2", "77:nobody:1"])
async def test_other_work_that_waits_stands_beside_the_accounts(ctx: Context, clock: Clock, key: str) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    async with office.ctx.sessions.begin() as db:
        await db.execute(
            text(
                "INSERT INTO outbox (effect, key, payload, generation, due_at, attempts, reason, parked) "
                "VALUES ('mail', :key, '{}', 1, now(), 3, 'The address is not one.', true), "
                "('revoke', :key, '{}', 1, now(), 1, 'Try later.', false)"
            ),
            {"key": key},
        )
    # Whatever way the planner takes: the cast must never meet another effect's key.
    for setting in ("enable_hashjoin", "enable_mergejoin", "enable_nestloop"):
        async with office.ctx.sessions.begin() as db:
            await db.execute(text(f"SET LOCAL {setting} = off"))
            found = await health_queries.waiting(db, late=clock())
        assert {each.work.effect for each in found} >= {"mail", "revoke"}
    page = await calendars.sync_page(office.ctx)
    assert {"The address is not one.", "Try later."} <= {each.reason for each in page.other_waiting}


async def test_a_calendar_too_old_to_be_trusted_is_named(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.server.fail(lambda: Transient("The server does not answer."))
    clock.advance(minutes=11)
    await office.read()
    (view,) = await calendars.connections_of(office.ctx, office.person)
    assert view.state == ConnectionState.SLOWED.value
    assert view.sentence.startswith("Cannot be read, so these times are not offered.")
    assert view.age == 660


async def test_the_delays_of_a_day(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        for seconds in range(1, 101):
            db.add(DelaySample(kind="inbound", seconds=seconds, at=clock()))
    clock.advance(hours=2)
    figures = (await calendars.sync_page(office.ctx)).figures
    assert figures.inbound_p50 == 50.5
    assert figures.inbound_p99 is not None
    assert 99 <= figures.inbound_p99 <= 100
    assert figures.outbound_p50 is None
    clock.advance(days=1)
    assert (await calendars.sync_page(office.ctx)).figures.inbound_p50 is None
