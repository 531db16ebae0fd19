"""An appointment stands in the person's calendar once, as it is now, whatever happened in between."""

from __future__ import annotations

from datetime import timedelta

from booking_app.domain.clock import from_instant
from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync import choices
from booking_app.sync.errors import AccessLost, Rejected, Transient
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import cells, event, make_office

TEN, ELEVEN, NOON = at("2027-03-02 10:00"), at("2027-03-02 11:00"), at("2027-03-02 12:00")


def stamp(instant: int) -> bytes:
    return f"DTSTART:{from_instant(instant):%Y%m%dT%H%M%SZ}".encode()


async def test_a_booking_appears_with_all_that_the_person_needs_and_no_attendee(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    assert await office.write() == 1
    (text,) = office.own_events()
    plain = text.replace(b"\r\n ", b"")
    assert b"SUMMARY:Haircut \xe2\x80\x93 Clara Customer" in plain
    assert stamp(TEN) in plain
    assert b"LOCATION:Grote Markt 1" in plain
    assert b"/manage/" not in plain, "whoever sees the calendar could cancel with it"
    assert b"https://book.example.com/admin/team?date=2027-03-02" in plain
    assert b"ATTENDEE" not in plain
    assert b"ORGANIZER" not in plain
    assert await office.outbox() == []
    mirror = (await cells(office.ctx, "SELECT key, etag, intended_start FROM mirror"))[0]
    assert mirror[0] in office.server.read(office.remote_id)
    assert mirror[2] is None


async def test_our_own_event_is_an_echo_that_blocks_nothing_twice(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    assert await office.blocks() == []
    live = await office.ctx.reread([office.person], (TEN - 600, TEN + 600))
    assert live[office.person].busy == ()
    assert await office.outbox() == []


async def test_reschedule_moves_the_event_and_cancel_removes_it(ctx: Context) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    await office.write()
    (text,) = office.own_events()
    assert stamp(ELEVEN) in text
    await manage.cancel(office.ctx, receipt.token)
    await office.write()
    assert office.own_events() == []
    assert await cells(office.ctx, "SELECT 1 FROM mirror") == []
    await office.read()
    assert await office.blocks() == []
    assert (await office.calendar()).stopped is False


async def test_a_lost_reply_does_not_make_a_second_event(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.lose_replies()
    await office.write()
    assert len(office.own_events()) == 1
    assert (await office.outbox())[0][2] == "The answer was lost."
    clock.advance(seconds=5)
    await office.write()
    assert len(office.own_events()) == 1
    assert await office.outbox() == []


async def test_cancelled_while_the_reply_to_the_creation_was_lost(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    office.server.lose_replies()
    await office.write()
    await manage.cancel(office.ctx, receipt.token)
    clock.advance(seconds=5)
    await office.write()
    assert office.own_events() == []
    assert await cells(office.ctx, "SELECT 1 FROM mirror") == []


async def test_an_edit_that_changes_nothing_for_us_is_kept_out_of_the_way(ctx: Context) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    (key,) = office.server.read(office.remote_id)
    uid = (await cells(office.ctx, "SELECT uid FROM mirror"))[0][0]
    noted = event(uid, TEN, TEN + 1800, extra=["DESCRIPTION:bring the scissors"])
    office.server.store(office.remote_id, key.rpartition("/")[2], noted)
    await office.read()
    assert await office.blocks() == []
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    await office.write()
    (text,) = office.own_events()
    assert stamp(ELEVEN) in text


async def test_p30_a_server_that_keeps_something_else_is_shown_and_tried_again(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.fail(lambda: Rejected("The calendar server did not keep the event as it was written."))
    for _ in range(3):
        await office.write()
        assert "did not keep" in (await office.outbox())[0][2]
        assert (await office.outbox())[0][3] is False
        clock.advance(seconds=60)
    await office.write()
    assert (await office.outbox())[0][3] is True


async def test_p31_a_calendar_that_is_down_keeps_nobody_from_booking(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.server.fail(lambda: Transient("The server is down."))
    await make_booking(office.ctx, TEN)
    assert len(await office.outbox("mail")) > 0
    await office.write()
    assert office.own_events() == []
    assert (await office.outbox())[0][1:] == (1, "The server is down.", False)
    office.server.heal()
    clock.advance(seconds=5)
    await office.write()
    assert len(office.own_events()) == 1


async def test_a_retry_waits_as_long_as_the_server_asks(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.fail(lambda: Transient("Busy.", retry_after=90), times=1)
    await office.write()
    clock.advance(seconds=80)
    assert await office.write() == 0
    clock.advance(seconds=15)
    assert await office.write() == 1
    assert len(office.own_events()) == 1


async def test_past_appointments_are_not_written(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    clock.time = from_instant(NOON) + timedelta(hours=1)
    await office.write()
    assert office.own_events() == []
    assert await office.outbox() == []


async def test_a_calendar_that_refuses_one_event_does_not_lose_the_account(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.fail(lambda: AccessLost("403"), verbs=frozenset({"put"}))
    for _ in range(4):
        await office.write()
        clock.advance(seconds=60)
    assert (await office.connection()).state == "ok"
    assert (await office.outbox())[0][3] is True


async def test_p24_a_refused_write_of_a_server_in_trouble_is_no_lost_password(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.fail(lambda: AccessLost("403"), verbs=frozenset({"put"}))
    office.server.fail(lambda: Transient("The server is down."), verbs=frozenset({"list_calendars"}))
    await office.write()
    assert (await office.connection()).state == "ok"
    assert await cells(office.ctx, "SELECT 1 FROM alert") == []
    office.server.heal()
    clock.advance(seconds=5)
    await office.write()
    assert len(office.own_events()) == 1


async def test_others_see_what_coming_events_say_once_their_owner_says_so(ctx: Context) -> None:
    office = await make_office(ctx)
    for start in (TEN, ELEVEN):
        await make_booking(office.ctx, start)
        await office.write()
    assert all(b"CLASS:PRIVATE" in each for each in office.own_events())
    # One of them its owner decides alone.
    own, _ = sorted(office.server.read(office.remote_id))
    text = office.server.read(office.remote_id)[own]
    office.server.store(office.remote_id, own.rpartition("/")[2], text.replace(b"CLASS:PRIVATE", b"CLASS:CONFIDENTIAL"))
    await office.read()
    uid = str((await office.calendar()).uid)
    await choices.choose_private(office.ctx, bookable_id=office.person, calendar_uid=uid, private=False)
    assert await office.write() == 2
    found = sorted(b"CLASS:PUBLIC" in each for each in office.own_events())
    assert found == [False, True]
    assert sum(b"CLASS:CONFIDENTIAL" in each for each in office.own_events()) == 1
    # Said again, nothing has to be written.
    await choices.choose_private(office.ctx, bookable_id=office.person, calendar_uid=uid, private=False)
    assert await office.write() == 0
