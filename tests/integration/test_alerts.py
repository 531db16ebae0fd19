"""Who is told, when, and when not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from booking_app.db.tables import Account
from booking_app.domain.appointment import ConnectionState, Role
from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import Answer
from booking_app.domain.errors import NotFound
from booking_app.jobs.alerts import tell
from booking_app.jobs.worker import CalendarReader, Leases
from booking_app.services import availability, calendars, catalog
from booking_app.services import people as people_service
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.decisions import decide
from booking_app.services.views import SlotQuery
from booking_app.sync import connect
from booking_app.sync.errors import AccessLost, Rejected, Transient
from booking_app.sync.providers.memory import WRITES
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import PASSWORD, Office, cells, event, make_office

TEN, NOON = at("2027-03-02 10:00"), at("2027-03-02 12:00")
QUERY = SlotQuery(service="haircut", span=(at("2027-03-02"), at("2027-03-03")))


async def staffed(ctx: Context) -> tuple[Office, set[int]]:
    """An office with an admin and the person's own account; who must be told."""
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        told = [
            Account(email="boss@example.com", name="Boss", role="admin"),
            Account(email="anna@example.com", name="Anna", bookable_id=office.person),
        ]
        db.add_all([*told, Account(email="ben@example.com", name="Ben")])
        db.add(Account(email="gone@example.com", name="Gone", role="admin", active=False))
        await db.flush()
        return office, {each.id or 0 for each in told}


async def told(office: Office) -> list[tuple[int, int]]:
    """(account, telling) of every mail asked for."""
    found = await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail' AND key LIKE 'alert:%' ORDER BY id")
    return [(int(key.split(":")[3]), int(key.split(":")[2])) for (key,) in found]


async def run(office: Office, clock: Clock, *, minutes: float, step: float = 30) -> None:
    """Read and tell as the clockwork does."""
    end = clock() + timedelta(minutes=minutes)
    while clock() < end:
        await office.reader().drain()
        await tell(office.ctx)
        clock.advance(seconds=step)


async def first_mail(office: Office, clock: Clock, *, minutes: float) -> tuple[timedelta | None, timedelta | None]:
    """Run for a while; how long after its start the times were withheld and the first mail was asked for."""
    start, withheld_at, told_at = clock(), None, None
    while clock() < start + timedelta(minutes=minutes):
        await office.reader().drain()
        if withheld_at is None and (await availability.slots(office.ctx, QUERY)).withheld:
            withheld_at = clock() - start
        await tell(office.ctx)
        if withheld_at is not None:
            assert await calendars.open_alerts(office.ctx, office.person), "the pages show it at once"
        if told_at is None and await told(office):
            told_at = clock() - start
        clock.advance(seconds=5)
    return withheld_at, told_at


async def test_p18_p24_who_cannot_be_read_is_shown_with_withholding_and_told_after_15_minutes(
    ctx: Context, clock: Clock
) -> None:
    office, people = await staffed(ctx)
    office.server.fail(lambda: Transient("The server does not answer."))
    # The last good read was just now.
    withheld_at, told_at = await first_mail(office, clock, minutes=16)
    assert withheld_at == timedelta(seconds=35)
    assert told_at == timedelta(minutes=15, seconds=5)
    assert {account for account, _ in await told(office)} == people


async def test_p24_a_disturbance_that_ends_a_minute_before_is_told_nobody(ctx: Context, clock: Clock) -> None:
    office, _ = await staffed(ctx)
    office.server.fail(lambda: Transient("The server does not answer."))
    withheld_at, told_at = await first_mail(office, clock, minutes=13.75)
    office.server.heal()
    await run(office, clock, minutes=5, step=5)
    assert withheld_at is not None
    assert told_at is None
    assert await told(office) == []
    assert await calendars.open_alerts(office.ctx, None) == ()


async def test_p18_a_calendar_that_never_could_be_read_is_told(ctx: Context, clock: Clock) -> None:
    office, people = await staffed(ctx)
    home = [str(row[0]) for row in await cells(office.ctx, "SELECT uid FROM calendar WHERE name = 'home'")]

    async def bug(_calendar_id: int) -> object:
        raise RuntimeError("bug")

    await connect.choose(office.ctx, bookable_id=office.person, blocks=home, target=None)
    chosen, told_at = clock(), None
    while clock() < chosen + timedelta(minutes=20) and told_at is None:
        await CalendarReader(office.ctx, bug, Leases(), hot_interval=12).drain()
        await tell(office.ctx)
        told_at = clock() if await told(office) else None
        clock.advance(seconds=5)
    assert told_at == chosen + timedelta(minutes=15, seconds=5)
    assert {account for account, _ in await told(office)} == people


async def test_p24_a_passing_disturbance_mails_nobody(ctx: Context, clock: Clock) -> None:
    office, _ = await staffed(ctx)
    office.server.fail(lambda: Transient("Too many requests.", retry_after=20))
    await run(office, clock, minutes=14)
    assert await told(office) == []
    assert (await office.connection()).state == ConnectionState.SLOWED.value
    office.server.heal()
    await run(office, clock, minutes=5)
    assert await told(office) == []
    assert await calendars.open_alerts(office.ctx, None) == ()
    assert (await office.connection()).state == ConnectionState.OK.value


async def test_p24_a_server_that_refuses_everybody_for_a_moment_is_told_nobody_and_keeps_no_write_waiting(
    ctx: Context, clock: Clock
) -> None:
    office, _ = await staffed(ctx)
    await make_booking(office.ctx, TEN)
    office.server.passwords["anna"] = "its directory is gone"
    clock.advance(minutes=1)
    await office.reader().drain()
    assert (await office.connection()).state == ConnectionState.NEEDS_SIGN_IN.value
    assert (await availability.slots(office.ctx, QUERY)).withheld
    await office.write()
    await tell(office.ctx)
    office.server.passwords["anna"] = PASSWORD
    clock.advance(seconds=30)
    await office.reader().drain()
    assert (await office.connection()).state == ConnectionState.OK.value
    await office.write()
    assert len(office.own_events()) == 1
    await run(office, clock, minutes=10)
    assert await told(office) == []


async def test_p24_a_password_that_is_refused_twice_is_told_within_three_minutes_then_on_day_one_three_and_seven(
    ctx: Context, clock: Clock
) -> None:
    office, people = await staffed(ctx)
    office.server.passwords["anna"] = "revoked"
    start = clock()
    await run(office, clock, minutes=3)
    assert await told(office) == [(account, 0) for account in sorted(people)]
    days = []
    for _ in range(40):
        clock.advance(hours=6)
        before = len(await told(office))
        await office.reader().drain()
        await tell(office.ctx)
        if len(await told(office)) > before:
            days.append(round((clock() - start) / timedelta(days=1)))
    assert days == [1, 3, 7]
    office.server.passwords["anna"] = PASSWORD
    clock.advance(hours=2)
    await office.reader().drain()
    assert await calendars.open_alerts(office.ctx, None) == ()


async def test_p50_nobody_is_told_of_the_calendars_of_somebody_who_left(ctx: Context, clock: Clock) -> None:
    office, _ = await staffed(ctx)
    await make_booking(office.ctx, at("2027-03-02 10:00"))
    await office.write()
    await make_booking(office.ctx, at("2027-03-02 14:00"))
    office.server.fail(lambda: Rejected("The calendar is full."), verbs=WRITES)
    await run(office, clock, minutes=1)
    for _ in range(20):
        await office.write()
        clock.advance(seconds=30)
    office.server.passwords["anna"] = "revoked"
    await run(office, clock, minutes=0.5)
    before = await told(office)
    assert len(await calendars.open_alerts(office.ctx, office.person)) == 2, "the account, and the write that waits"
    await catalog.remove_person(office.ctx, "anna")
    assert await calendars.open_alerts(office.ctx, None) == ()
    assert await cells(office.ctx, "SELECT 1 FROM connection UNION SELECT 1 FROM calendar") == []
    office.server.calls.clear()
    await office.write()
    clock.advance(days=8)
    await run(office, clock, minutes=1)
    assert office.server.calls == []
    assert await told(office) == before
    assert await office.outbox() == []
    assert len(office.own_events()) == 1, "what stands in their calendar stays"


async def test_p20_one_refused_request_does_not_lose_the_account(ctx: Context, clock: Clock) -> None:
    office, _ = await staffed(ctx)
    office.server.fail(lambda: AccessLost("403"), times=1)
    await run(office, clock, minutes=2)
    assert (await office.connection()).state == ConnectionState.OK.value
    assert await told(office) == []


async def moved_onto_another(ctx: Context) -> tuple[Office, set[int], str, str]:
    """An office whose person dragged the event of 10:00 onto the appointment of 12:00; who is told; its name, uid."""
    office, people = await staffed(ctx)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE bookable SET zone = 'Europe/Amsterdam'"))
    await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    ((key, uid),) = await cells(office.ctx, "SELECT key, uid FROM mirror")
    name = str(key).rpartition("/")[2]
    await make_booking(office.ctx, NOON, email="dirk@example.com")
    office.server.store(office.remote_id, name, event(uid, NOON, NOON + 1800))
    await office.read()
    return office, people, name, str(uid)


async def test_p25_an_event_moved_to_a_time_that_is_not_free_is_told_owner_and_admins_at_once(
    ctx: Context, clock: Clock
) -> None:
    office, people, name, uid = await moved_onto_another(ctx)
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert alert.message == (
        "Haircut with Anna on Tuesday 2 March 2027, 11:00–11:30 (Amsterdam time, UTC+1) was moved in the calendar to a "
        "time that is not free: it is too close to another appointment. The appointment stays at 11:00; the customer "
        "was not told. Move the event back or to a free time in the calendar, and it is followed."
    )
    assert (await calendars.sync_page(office.ctx)).alerts == (alert,)
    boss = SignedIn(account_id=min(people), name="Boss", email="boss@example.com", role=Role.ADMIN, bookable_id=None)
    assert (await people_service.bar(office.ctx, boss)).need_attention == 1
    await tell(office.ctx)
    assert {account for account, _ in await told(office)} == people
    clock.advance(seconds=20)
    office.server.store(office.remote_id, name, event(uid, TEN, TEN + 1800))
    await office.read()
    assert await calendars.open_alerts(office.ctx, None) == ()


async def test_p25_a_moved_event_is_told_of_until_it_lies_at_a_free_time(ctx: Context, clock: Clock) -> None:
    office, _, name, uid = await moved_onto_another(ctx)
    clock.advance(seconds=20)
    office.server.store(office.remote_id, name, event(uid, NOON + 7200, NOON + 9000))
    await office.read()
    assert await calendars.open_alerts(office.ctx, None) == ()


async def test_p25_nobody_decides_about_a_moved_event_whose_appointment_is_over(ctx: Context, clock: Clock) -> None:
    office, _, _, _ = await moved_onto_another(ctx)
    clock.advance(days=1, hours=5)
    await tell(office.ctx)
    assert not any(each.moved for each in await calendars.open_alerts(office.ctx, None))
    assert await told(office) == []


async def test_p25_a_moved_event_is_put_back_where_its_appointment_stands(ctx: Context, clock: Clock) -> None:
    office, _, _, _ = await moved_onto_another(ctx)
    (alert,) = await calendars.open_alerts(office.ctx, None)
    assert alert.moved is not None
    with pytest.raises(NotFound):
        await decide(office.ctx, Answer.PUT_BACK, appointment_id=alert.moved, bookable_id=office.person + 1)
    await decide(office.ctx, Answer.PUT_BACK, appointment_id=alert.moved, bookable_id=office.person)
    assert await calendars.open_alerts(office.ctx, None) == ()
    for _ in range(2):
        await office.write()
        clock.advance(seconds=20)
        await office.read()
    assert sum(f"DTSTART:{from_instant(TEN):%Y%m%dT%H%M%SZ}".encode() in each for each in office.own_events()) == 1
    assert await calendars.open_alerts(office.ctx, None) == ()
    assert await office.blocks() == []
    with pytest.raises(NotFound):
        await decide(office.ctx, Answer.PUT_BACK, appointment_id=alert.moved)
