"""Lists of calendars are looked at by themselves, and what changed in them counts."""

from __future__ import annotations

from booking_app.services import calendars
from booking_app.services.context import Context
from booking_app.sync import connect, listing
from booking_app.sync.errors import Transient
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at
from tests.office import Office, event, make_office
from tests.rows import change

DAY = ("DTSTART;VALUE=DATE:20270302", "DTEND;VALUE=DATE:20270303")


async def names(office: Office) -> list[str]:
    (view,) = await calendars.connections_of(office.ctx, office.person)
    return sorted(each.name for each in view.calendars)


async def look(office: Office) -> int:
    return await listing.look(office.ctx, office.accounts)


async def test_a_new_calendar_appears_and_one_that_is_gone_does_not_stay(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=16)
    assert await look(office) == 0
    office.server.add_calendar("anna", "holidays")
    office.server.drop_calendar("memory://anna/home/")
    assert await look(office) == 0, "not before its time"
    assert await names(office) == ["home", "work"]
    clock.advance(minutes=16)
    assert await look(office) == 1
    assert await names(office) == ["holidays", "work"]


async def test_it_appears_soon_for_whoever_looks_at_the_page(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.server.add_calendar("anna", "holidays")
    await listing.hurry(office.ctx, office.person)
    assert await look(office) == 0, "the list was looked at a moment ago"
    clock.advance(seconds=61)
    await listing.hurry(office.ctx, office.person)
    await look(office)
    assert "holidays" in await names(office)


async def test_one_account_in_use_is_asked_once_and_one_that_fails_waits_its_turn(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=16)
    office.server.fail(lambda: Transient("The calendar server cannot be reached."))
    office.server.calls.clear()
    for _ in range(3):
        assert await look(office) == 0
    assert office.server.calls == ["list_calendars"]
    assert await names(office) == ["home", "work"]


async def test_a_used_calendar_that_is_gone_stays_until_it_is_switched_off(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.server.drop_calendar(office.remote_id)
    clock.advance(minutes=16)
    await look(office)
    assert await names(office) == ["home", "work"]
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=None)
    clock.advance(minutes=16)
    await look(office)
    assert await names(office) == ["home"]


async def test_an_account_without_a_choice_is_looked_at_and_a_shut_one_is_not(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=None)
    clock.advance(minutes=16)
    office.server.calls.clear()
    await look(office)
    assert office.server.calls == ["list_calendars"]
    await change(office.ctx, "UPDATE connection SET state = 'needs_sign_in'")
    clock.advance(minutes=16)
    await look(office)
    assert office.server.calls == ["list_calendars"]


async def test_whole_days_are_placed_anew_when_the_list_says_another_zone(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    data = event("day@elsewhere", 0, 0).replace(b"DTSTART:19700101T000000Z", DAY[0].encode())
    data = data.replace(b"DTEND:19700101T000000Z", DAY[1].encode())
    office.server.store(office.remote_id, "day.ics", data)
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(at("2027-03-02"), at("2027-03-03"))]
    office.server.move_calendar(office.remote_id, "America/New_York")
    clock.advance(minutes=16)
    assert await look(office) == 1
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(at("2027-03-02 05:00"), at("2027-03-03 05:00"))]
