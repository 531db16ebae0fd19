"""The last look before an appointment is accepted: right, in time, or an honest no."""

from __future__ import annotations

import asyncio

import pytest

from booking_app.domain.errors import Refused
from booking_app.jobs.upkeep import forget_disconnected
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import AccessLost, Transient
from booking_app.sync.live import Live
from booking_app.sync.model import Busy, CalendarRef, Credentials
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.memory import MemoryProvider
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import cells, event, make_office

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")
SPAN = (TEN, ELEVEN)


async def test_an_event_added_a_moment_ago_is_seen(ctx: Context) -> None:
    office = await make_office(ctx)
    office.add_event("new", TEN, TEN + 1800)
    read = (await office.ctx.reread([office.person], SPAN))[office.person]
    assert read.ok
    assert read.busy == ((TEN, TEN + 1800),)
    with pytest.raises(Refused):
        await make_booking(office.ctx, TEN)


async def test_our_own_event_does_not_block_even_when_the_span_cuts_it(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    for span in ((TEN, ELEVEN), (TEN + 600, ELEVEN), (TEN - 3600, TEN + 600)):
        assert (await office.ctx.reread([office.person], span))[office.person].busy == ()


async def test_our_own_event_moved_by_its_owner_blocks_where_it_stands_now(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    (found,) = await cells(office.ctx, "SELECT key, uid FROM mirror")
    office.server.store(office.remote_id, found[0].rpartition("/")[2], event(found[1], ELEVEN, ELEVEN + 1800))
    read = (await office.ctx.reread([office.person], (TEN, ELEVEN + 3600)))[office.person]
    assert read.busy == ((ELEVEN, ELEVEN + 1800),)


async def test_a_hanging_calendar_costs_the_deadline_and_no_more(ctx: Context) -> None:
    office = await make_office(ctx)
    office.server.delay = 600
    live = Live(sessions=ctx.sessions, accounts=office.accounts, deadline=0.3)
    async with asyncio.timeout(60):
        read = (await live.reread([office.person], SPAN))[office.person]
    assert not read.ok
    assert "in time" in read.trouble


async def test_p23_a_live_read_under_way_survives_a_new_password(ctx: Context) -> None:
    office = await make_office(ctx)
    closed: list[str] = []

    class Closing(MemoryProvider):
        """As the adapters over HTTP: closed, it cannot be used any more."""

        shut = False

        async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
            found = await super().busy_now(calendar, window=window)
            if self.shut:
                raise RuntimeError("it was closed")
            return found

        async def close(self) -> None:
            self.shut = True
            closed.append("closed")

    def open_provider(_provider: str, credentials: Credentials) -> CalendarProvider:
        return Closing(office.server, account=credentials.username, password=credentials.secret)

    accounts = Accounts(ctx.sealer, open_provider)
    live = Live(sessions=ctx.sessions, accounts=accounts, deadline=20)
    office.add_event("new", TEN, ELEVEN)
    office.server.delay = 1
    reading = asyncio.create_task(live.reread([office.person], SPAN))
    async with asyncio.timeout(20):
        while "busy_now" not in office.server.calls:
            await asyncio.sleep(0.02)
    old = await accounts.of(await office.connection())
    del office.server.passwords["anna"]  # any password is good from now on
    await connect.replace_password(
        office.ctx, accounts, bookable_id=office.person, connection_uid=office.connection_uid, secret="a new one"
    )
    closed.clear()  # the one that tried the new password
    reading_again = asyncio.create_task(live.reread([office.person], SPAN))
    async with asyncio.timeout(20):
        while office.server.calls.count("busy_now") < 2:
            await asyncio.sleep(0.02)
    assert (await reading)[office.person].busy == ((TEN, ELEVEN),)
    assert (await reading_again)[office.person].ok
    assert closed == ["closed"], "the old one is closed, once nobody uses it"
    with pytest.raises(Transient, match="changed"):
        await old.list_calendars()


async def test_the_provider_of_a_disconnected_account_is_closed(ctx: Context) -> None:
    office = await make_office(ctx)
    provider = await office.accounts.of(await office.connection())
    await forget_disconnected(office.ctx, office.accounts)
    assert await provider.list_calendars()
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="keep"
    )
    await forget_disconnected(office.ctx, office.accounts)
    with pytest.raises(Transient):
        await provider.list_calendars()


@pytest.mark.parametrize("error", [Transient("503"), AccessLost("401")])
async def test_a_failing_calendar_is_not_taken_for_an_empty_one(ctx: Context, clock: Clock, error: Exception) -> None:
    office = await make_office(ctx)
    office.server.fail(lambda: error)  # type: ignore[arg-type, return-value]
    assert not (await office.ctx.reread([office.person], SPAN))[office.person].ok
    clock.advance(seconds=60)
    with pytest.raises(Refused):
        await make_booking(office.ctx, TEN)
    assert await cells(office.ctx, "SELECT 1 FROM booking") == []


async def test_people_without_a_blocking_calendar_are_absent(ctx: Context) -> None:
    office = await make_office(ctx)
    assert await office.ctx.reread([office.person + 1000], SPAN) == {}
