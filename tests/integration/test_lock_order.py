"""Whoever has to wait for a calendar that is being stored holds nothing that the storing may need next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from booking_app.services import calendars, manage
from booking_app.services.context import Context
from booking_app.sync import connect
from tests.factories import at, make_booking
from tests.office import PASSWORD, Office, cells, make_office

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")
TABLES = ("connection", "bookable", "appointment", "mirror", "calendar_object", "outbox")


async def written(office: Office) -> None:
    await office.write()


async def password_replaced(office: Office) -> None:
    await connect.replace_password(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        connection_uid=office.connection_uid,
        secret=PASSWORD,
    )


async def disconnected(office: Office) -> None:
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="remove"
    )


async def another_target(office: Office) -> None:
    found = await cells(office.ctx, "SELECT uid FROM calendar WHERE name = 'home'")
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=str(found[0][0]))


async def account_tested(office: Office) -> None:
    await connect.test_connection(
        office.ctx, office.accounts, bookable_id=office.person, connection_uid=office.connection_uid
    )


async def asked_for(office: Office) -> None:
    await calendars.read_now(office.ctx, connection_uid=office.connection_uid, bookable_id=office.person)


@pytest.mark.parametrize(
    "operation", [asked_for, written, password_replaced, disconnected, another_target, account_tested]
)
async def test_what_waits_for_a_calendar_holds_nothing(
    ctx: Context, operation: Callable[[Office], Awaitable[None]]
) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("SELECT FROM calendar WHERE id = :id FOR UPDATE"), {"id": office.calendar_id})
        task = asyncio.ensure_future(operation(office))
        async with asyncio.timeout(60):
            while not await cells(
                office.ctx,
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
            ):
                assert not task.done(), "it did not even look at the calendar"
                await asyncio.sleep(0.02)
        for table in TABLES:
            there = await cells(office.ctx, f"SELECT count(*) FROM {table}")
            free = await cells(office.ctx, f"SELECT 1 FROM {table} FOR NO KEY UPDATE SKIP LOCKED")
            assert len(free) == there[0][0], table
    await task
