"""The person moves or deletes our event in their own calendar, and the appointment follows; errors never do that."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.errors import AccessLost, ProviderError, Rejected, Transient
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import Office, cells, event, make_office

TEN, ELEVEN, NOON = at("2027-03-02 10:00"), at("2027-03-02 11:00"), at("2027-03-02 12:00")
HALF = 1800


async def written(ctx: Context, start: int = TEN) -> tuple[Office, str, str]:
    """An office with one booking whose event stands in the calendar; its name there and its uid."""
    office = await make_office(ctx)
    await make_booking(office.ctx, start)
    await office.write()
    await office.read()
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("DELETE FROM outbox"))
    found = await cells(office.ctx, "SELECT key, uid FROM mirror")
    return office, str(found[0][0]).rpartition("/")[2], str(found[0][1])


async def appointment(office: Office) -> tuple[str, int, str | None]:
    """(state, start, conflict) of the only appointment that was ever moved or the first one."""
    found = await cells(
        office.ctx,
        "SELECT state, extract(epoch FROM lower(during))::bigint, conflict FROM appointment ORDER BY id LIMIT 1",
    )
    return found[0][0], found[0][1], found[0][2]


async def customer_mails(office: Office) -> int:
    found = await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail'")
    return len([row for row in found if "customer" in row[0]])


async def test_p25_moved_in_the_calendar_reschedules_and_tells_the_customer_once(ctx: Context) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, event(uid, NOON, NOON + HALF))
    await office.read()
    assert await appointment(office) == ("confirmed", NOON, None)
    first = await cells(office.ctx, "SELECT key, generation FROM outbox WHERE effect = 'mail' ORDER BY key")
    assert first
    assert await office.blocks() == []
    for _ in range(3):
        await office.write()
        await office.read()
    assert await cells(office.ctx, "SELECT key, generation FROM outbox WHERE effect = 'mail' ORDER BY key") == first
    assert len(office.own_events()) == 1
    assert await appointment(office) == ("confirmed", NOON, None)


async def test_p25_moved_onto_another_appointment_is_flagged_and_blocks_its_new_time(ctx: Context) -> None:
    office, name, uid = await written(ctx)
    await make_booking(office.ctx, NOON, email="dirk@example.com")
    office.server.store(office.remote_id, name, event(uid, NOON, NOON + HALF))
    for _ in range(2):
        await office.read()
        state, start, conflict = await appointment(office)
        assert (state, start) == ("confirmed", TEN)
        assert conflict is not None
        assert await office.blocks() == [(NOON, NOON + HALF)]


async def test_p25_deleted_in_the_calendar_cancels_and_is_not_written_again(ctx: Context) -> None:
    office, _, _ = await written(ctx)
    (key,) = office.server.read(office.remote_id)
    office.server.erase(office.remote_id, key)
    await office.read()
    assert (await appointment(office))[0] == "cancelled"
    mails = await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail'")
    assert mails
    await office.write()
    await office.read()
    assert office.own_events() == []
    assert await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail'") == mails
    assert await cells(office.ctx, "SELECT 1 FROM mirror") == []


async def test_p25_cancelled_in_the_calendar_counts_as_deleted(ctx: Context) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, event(uid, TEN, TEN + HALF, extra=["STATUS:CANCELLED"]))
    await office.read()
    assert (await appointment(office))[0] == "cancelled"
    await office.read()
    assert await office.blocks() == []


@pytest.mark.parametrize(
    "error", [Transient("429"), Transient("500"), Transient("timeout"), AccessLost("403"), Rejected("nonsense")]
)
async def test_p26_an_error_while_a_removal_is_confirmed_changes_no_booking(ctx: Context, error: ProviderError) -> None:
    office, _, _ = await written(ctx)
    (key,) = office.server.read(office.remote_id)
    office.server.erase(office.remote_id, key)
    office.server.fail(lambda: error, verbs=frozenset({"get"}))
    for _ in range(3):
        await office.read()
        assert await appointment(office) == ("confirmed", TEN, None)
        assert len(await cells(office.ctx, "SELECT 1 FROM mirror")) == 1
    office.server.heal()
    await office.read()
    assert (await appointment(office))[0] == "cancelled"


async def test_p26_missing_from_a_list_but_present_when_asked_for_is_not_deleted(ctx: Context) -> None:
    office, _, _ = await written(ctx)
    office.server.expire_cursors(office.remote_id)
    office.server.hidden = 1
    for _ in range(3):
        assert await office.read() is Pulled.READ
        assert await appointment(office) == ("confirmed", TEN, None)
    office.server.heal()
    await office.read()
    missing = await cells(office.ctx, "SELECT 1 FROM calendar_object WHERE missing_since IS NOT NULL")
    assert missing == [] or office.own_events()


async def test_moved_by_both_at_once_ends_where_the_owner_put_it(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    found = await cells(office.ctx, "SELECT key, uid FROM mirror")
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    office.server.store(office.remote_id, found[0][0].rpartition("/")[2], event(found[0][1], NOON, NOON + HALF))
    await office.read()
    for _ in range(3):
        await office.write()
        await office.read()
        clock.advance(seconds=20)
    assert await appointment(office) == ("confirmed", NOON, None)
    assert len(office.own_events()) == 1


async def test_deleted_while_a_customers_change_waits_is_never_written_anew(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    (key,) = office.server.read(office.remote_id)
    office.server.erase(office.remote_id, key)
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    for _ in range(3):
        await office.read()
        await office.write()
        clock.advance(seconds=20)
    assert (await appointment(office))[0] == "cancelled"
    assert office.own_events() == []


async def test_a_copy_of_our_event_in_the_same_calendar_blocks_its_time(ctx: Context) -> None:
    office, _, uid = await written(ctx)
    office.server.store(office.remote_id, "copy.ics", event("copy@elsewhere", NOON, NOON + HALF))
    other = uid.replace(f"-{office.person}@", f"-{office.person + 1}@")
    office.server.store(office.remote_id, "other.ics", event(other, ELEVEN, ELEVEN + HALF))
    await office.read()
    assert await office.blocks() == [(ELEVEN, ELEVEN + HALF), (NOON, NOON + HALF)]
    assert await appointment(office) == ("confirmed", TEN, None)


async def two_calendars(ctx: Context) -> tuple[Office, str]:
    """An office whose person has both calendars blocking, with one written appointment; the other's remote id."""
    office = await make_office(ctx)
    (home, work) = [str(row[0]) for row in await cells(office.ctx, "SELECT uid FROM calendar ORDER BY name")]
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[home, work], target=work)
    await office.reader().drain()
    await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    return office, str((await cells(office.ctx, "SELECT remote_id FROM calendar WHERE name = 'home'"))[0][0])


async def test_dragged_into_another_calendar_the_appointment_stays(ctx: Context, clock: Clock) -> None:
    office, home = await two_calendars(ctx)
    ((key, data),) = office.server.read(office.remote_id).items()
    office.server.erase(office.remote_id, key)
    office.server.store(home, "dragged.ics", data)
    for _ in range(4):
        clock.advance(seconds=4)
        await office.read()
        await office.reader().drain()
        await office.write()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await office.blocks() == []
    found = await cells(office.ctx, "SELECT key FROM mirror")
    assert found[0][0].endswith("/home/dragged.ics")
    assert len(office.server.read(home)) == 1
    assert office.own_events() == []


async def test_deleted_by_somebody_with_two_calendars_is_followed_after_a_look_into_the_other(
    ctx: Context, clock: Clock
) -> None:
    office, _ = await two_calendars(ctx)
    (key,) = office.server.read(office.remote_id)
    office.server.erase(office.remote_id, key)
    clock.advance(seconds=12)
    await office.read()
    assert await appointment(office) == ("confirmed", TEN, None)
    for _ in range(2):
        clock.advance(seconds=4)
        await office.reader().drain()
    assert (await appointment(office))[0] == "cancelled"
