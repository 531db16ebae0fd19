"""Connecting looks and touches nothing; choices, a new password and leaving keep what the person decided."""

from __future__ import annotations

import pytest

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import Invalid, NotFound
from booking_app.services import availability, calendars
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.state.admin_words import disconnected
from booking_app.sync import connect
from booking_app.sync.errors import Transient
from booking_app.sync.providers.memory import WRITES, MemoryServer
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.office import PASSWORD, Office, cells, event, make_office, memory_accounts

TEN = at("2027-03-02 10:00")
TUESDAY = (at("2027-03-02"), at("2027-03-03"))


async def test_p33_connecting_writes_nothing_and_mails_nobody_until_the_choices_are_made(ctx: Context) -> None:
    person = await make_person(ctx)
    await make_service(ctx)
    await make_booking(ctx, TEN)
    mails = await cells(ctx, "SELECT key, generation FROM outbox WHERE effect = 'mail' ORDER BY key")
    server = MemoryServer(passwords={"anna": PASSWORD})
    remote = server.add_calendar("anna", "work")
    server.store(remote, "old.ics", event("old@elsewhere", TEN + 7200, TEN + 10800, extra=["ATTENDEE:mailto:a@b.c"]))
    accounts = memory_accounts(ctx, server)
    await connect.connect(
        ctx,
        accounts,
        bookable_id=person,
        preset="other",
        address="https://dav.example.com/",
        username="anna",
        secret=PASSWORD,
    )
    assert not WRITES & set(server.calls)
    assert await cells(ctx, "SELECT key, generation FROM outbox WHERE effect = 'mail' ORDER BY key") == mails
    assert await cells(ctx, "SELECT 1 FROM mirror UNION ALL SELECT 1 FROM busy_block") == []
    (view,) = await calendars.connections_of(ctx, person)
    assert [(each.name, each.blocks, each.target) for each in view.calendars] == [("work", False, False)]
    assert view.sentence.startswith("Connected. Choose")


async def test_a_chosen_target_receives_the_coming_appointments_and_a_new_one_takes_them_over(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    assert len(office.own_events()) == 1
    found = await cells(office.ctx, "SELECT uid::text, remote_id FROM calendar ORDER BY name")
    (home, home_remote), (work, _) = found
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[work, home], target=home)
    await office.write()
    assert office.own_events() == []
    assert len(office.server.read(home_remote)) == 1
    assert await office.read() is Pulled.READ
    assert [row[0] for row in await cells(office.ctx, "SELECT state FROM appointment")] == ["confirmed"]


async def test_slots_are_withheld_until_a_newly_blocking_calendar_was_read(ctx: Context) -> None:
    office = await make_office(ctx)
    home = (await cells(office.ctx, "SELECT uid::text, id FROM calendar WHERE name = 'home'"))[0]
    work = str((await office.calendar()).uid)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[work, home[0]], target=work)
    answer = await availability.slots(office.ctx, SlotQuery(service="haircut", span=TUESDAY))
    assert answer.starts == ()
    assert answer.withheld
    await office.reader().drain()
    answer = await availability.slots(office.ctx, SlotQuery(service="haircut", span=TUESDAY))
    assert answer.starts
    assert not answer.withheld


async def test_p23_a_password_is_replaced_in_place_and_every_choice_survives(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    office.server.passwords["anna"] = "new password"
    await office.read()
    await office.write()
    assert (await office.connection()).state == ConnectionState.NEEDS_SIGN_IN.value
    before = await cells(office.ctx, "SELECT uid, blocks, target FROM calendar ORDER BY id")
    with pytest.raises(Invalid) as refused:
        await connect.replace_password(
            office.ctx,
            office.accounts,
            bookable_id=office.person,
            connection_uid=office.connection_uid,
            secret="wrong",
        )
    assert refused.value.field == "secret"
    await connect.replace_password(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        connection_uid=office.connection_uid,
        secret="new password",
    )
    assert await cells(office.ctx, "SELECT uid, blocks, target FROM calendar ORDER BY id") == before
    assert await office.read() is Pulled.READ
    await office.write()
    assert len(office.own_events()) == 1
    assert (await office.connection()).state == ConnectionState.OK.value


async def test_p20_writes_wait_for_the_password_and_happen_once_each(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    for number in range(3):
        await make_booking(office.ctx, TEN + number * 3600, email=f"c{number}@example.com")
    office.server.passwords["anna"] = "changed"
    await office.write()
    waiting = await office.outbox()
    assert len(waiting) == 3
    assert all("signed in" in row[2] and not row[3] for row in waiting)
    asked = len([call for call in office.server.calls if call == "put"])
    clock.advance(hours=1)
    await office.write()
    assert len([call for call in office.server.calls if call == "put"]) == asked, "a lost account is not hammered"
    office.server.passwords["anna"] = "right again"
    await connect.replace_password(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        connection_uid=office.connection_uid,
        secret="right again",
    )
    await office.write()
    assert len(office.own_events()) == 3
    assert await office.outbox() == []


async def test_disconnect_and_keep_leaves_the_events_and_forgets_the_rest(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="keep"
    )
    await office.write()
    assert len(office.own_events()) == 1
    assert await cells(office.ctx, "SELECT 1 FROM connection UNION ALL SELECT 1 FROM mirror") == []


async def test_disconnect_and_remove_takes_the_events_away_then_the_password(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="remove"
    )
    assert await calendars.connections_of(office.ctx, office.person) == ()
    assert await connect.purge_disconnected(office.ctx) == 0
    await office.write()
    assert office.own_events() == []
    assert await connect.purge_disconnected(office.ctx) == 1
    assert await cells(office.ctx, "SELECT 1 FROM connection") == []
    assert [row[0] for row in await cells(office.ctx, "SELECT state FROM appointment")] == ["confirmed"]


async def test_a_refused_password_does_not_bring_a_disconnected_account_back(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    office.server.passwords["anna"] = "another"
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="remove"
    )
    for _ in range(2):
        await office.write()
        clock.advance(seconds=700)
    assert await office.outbox() == []
    assert await cells(office.ctx, "SELECT state FROM connection") == [("disconnected",)]
    assert await cells(office.ctx, "SELECT 1 FROM alert WHERE closed_at IS NULL") == []
    assert await connect.purge_disconnected(office.ctx) == 1


async def test_nobody_touches_anothers_account(ctx: Context) -> None:
    office = await make_office(ctx)
    stranger = await make_person(office.ctx, "ben")
    with pytest.raises(NotFound):
        await connect.disconnect(
            office.ctx, bookable_id=stranger, connection_uid=office.connection_uid, future_events="keep"
        )
    with pytest.raises(Invalid):
        await connect.choose(office.ctx, bookable_id=stranger, blocks=[str((await office.calendar()).uid)], target=None)
    with pytest.raises(NotFound):
        await calendars.read_now(office.ctx, connection_uid=office.connection_uid, bookable_id=stranger)


async def again(office: Office, **changed: str) -> Invalid:
    """The refusal of connecting an account, by default the one that the person has."""
    typed = {"preset": "other", "address": "https://dav.example.com/", "username": "anna", "secret": PASSWORD}
    with pytest.raises(Invalid) as refusal:
        await connect.connect(office.ctx, office.accounts, bookable_id=office.person, **{**typed, **changed})
    return refusal.value


async def test_the_same_account_is_not_connected_twice(ctx: Context) -> None:
    office = await make_office(ctx)
    refusal = await again(office, address="dav.example.com")
    assert (refusal.field, str(refusal)) == ("username", "This account is connected already.")
    assert len(await calendars.connections_of(office.ctx, office.person)) == 1
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="keep"
    )
    await connect.connect(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        preset="other",
        address="https://dav.example.com/",
        username="anna",
        secret=PASSWORD,
    )
    assert len(await calendars.connections_of(office.ctx, office.person)) == 1


async def test_what_is_wrong_with_an_address_is_said_once_and_in_words(ctx: Context) -> None:
    office = await make_office(ctx)
    refusal = await again(office, address="not a url")
    assert (refusal.field, str(refusal)) == (
        "address",
        "This is not an address. Enter one like https://calendar.example.com.",
    )
    office.server.fail(lambda: Transient("The calendar server cannot be reached or broke off."))
    refusal = await again(office, address="https://elsewhere.example.com/")
    assert (refusal.field, str(refusal)) == ("address", "The calendar server cannot be reached or broke off.")


@pytest.mark.parametrize(
    ("address", "username", "kept"),
    [
        ("ann@example.net", "ann", ("ann@example.net", "ann", "example.net")),
        (" Ann@Example.net ", "", ("Ann@Example.net", "Ann@Example.net", "Example.net")),
        ("mailto:ann@example.net", "ann", ("ann@example.net", "ann", "example.net")),
        ("dav.example.net:8443/cal", "ann", ("https://dav.example.net:8443/cal", "ann", "dav.example.net:8443")),
    ],
)
async def test_a_mail_address_stands_for_the_server_of_its_domain(
    ctx: Context, address: str, username: str, kept: tuple[str, str, str]
) -> None:
    office = await make_office(ctx)
    office.server.passwords |= {"ann": PASSWORD, "Ann@Example.net": PASSWORD}
    for account in ("ann", "Ann@Example.net"):
        office.server.add_calendar(account, "spare")
    uid = await connect.connect(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        preset="other",
        address=address,
        username=username,
        secret=PASSWORD,
    )
    found = await cells(
        office.ctx, "SELECT address, username, label FROM connection WHERE uid = CAST(:uid AS uuid)", uid=uid
    )
    assert found == [kept]


async def test_p20_an_account_that_refuses_its_password_is_named_and_keeps_its_events(ctx: Context) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    office.server.passwords["anna"] = "revoked"
    for _ in range(2):
        await office.read()
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert alert.message.startswith("Anna's calendar account (CalDAV, dav.example.com) no longer accepts its password.")
    outcome = await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="remove"
    )
    assert outcome == "kept"
    assert len(office.own_events()) == 1
    assert "could not be removed" in disconnected("remove", outcome)


async def two_accounts(ctx: Context) -> tuple[Office, str, str]:
    """An office with a second account of the same person; the uid and the address of its calendar."""
    office = await make_office(ctx)
    office.server.passwords["spare"] = PASSWORD
    remote = office.server.add_calendar("spare", "spare")
    await connect.connect(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        preset="other",
        address="https://dav.example.org/",
        username="spare",
        secret=PASSWORD,
    )
    ((uid,),) = await cells(office.ctx, "SELECT uid::text FROM calendar WHERE remote_id = :remote", remote=remote)
    return office, uid, remote


async def left_behind(office: Office, spare: str) -> None:
    """The account with an event is shut, and the person has appointments written to the other one."""
    office.server.passwords["anna"] = "changed"
    for _ in range(2):
        await office.read()
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[spare], target=spare)
    await office.write()


async def mend(office: Office) -> None:
    """The person enters the new password."""
    await connect.replace_password(
        office.ctx,
        office.accounts,
        bookable_id=office.person,
        connection_uid=office.connection_uid,
        secret="changed",
    )


async def test_an_event_that_had_to_be_left_in_a_shut_account_is_taken_out_once_it_is_open(
    ctx: Context, clock: Clock
) -> None:
    office, spare, remote = await two_accounts(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    await left_behind(office, spare)
    assert len(office.server.read(remote)) == 1
    assert len(office.own_events()) == 1
    await office.left()
    ((_, _, reason, parked),) = await office.outbox("left")
    assert "signed in again" in reason
    assert not parked
    await mend(office)
    await office.left()
    assert office.own_events() == []
    assert await office.outbox("left") == []
    clock.advance(minutes=2)
    await office.reader().drain()
    assert len(office.server.read(remote)) == 1
    assert [row[0] for row in await cells(office.ctx, "SELECT state FROM appointment")] == ["confirmed"]


async def test_an_event_that_was_left_and_is_wanted_back_stays(ctx: Context, clock: Clock) -> None:
    office, spare, remote = await two_accounts(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await left_behind(office, spare)
    await mend(office)
    work = str((await office.calendar()).uid)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[work, spare], target=work)
    (begun,) = await office.left_lane().claim(1)
    await office.write()
    assert "taken out" in (await office.outbox())[0][2]
    await begun
    clock.advance(seconds=10)
    await office.write()
    await office.left()
    assert len(office.own_events()) == 1
    assert office.server.read(remote) == {}
    assert await office.outbox("left") == await office.outbox() == []


async def test_an_event_that_was_left_in_an_account_that_is_given_up_stays_there(ctx: Context) -> None:
    office, spare, _ = await two_accounts(ctx)
    await make_booking(office.ctx, TEN)
    await office.write()
    await left_behind(office, spare)
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="keep"
    )
    await office.left()
    assert await office.outbox("left") == []
    assert len(office.own_events()) == 1
