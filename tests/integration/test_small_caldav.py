"""The whole engine on CalDAV servers unlike those that run here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.contract.test_reading import make_event
from tests.factories import at, make_booking
from tests.office import cells
from tests.small_office import SmallOffice, make_small_office, running_server

TEN = at("2027-03-02 10:00")
TIMES = {"start": "DTSTART:20270302T100000Z", "end": "DTEND:20270302T110000Z"}
LATER = {"start": "DTSTART:20270302T150000Z", "end": "DTEND:20270302T160000Z"}


@pytest.fixture
async def small(ctx: Context) -> AsyncIterator[SmallOffice]:
    with running_server() as (server, front):
        made = await make_small_office(ctx, server, front)
        yield made
        await made.office.accounts.close()


def invitation(answer: str, address: str = "mailto:ann.owner@EXAMPLE.org") -> str:
    lines = ("ORGANIZER:mailto:boss@example.net", f"ATTENDEE;PARTSTAT={answer}:{address}")
    return make_event(f"{answer}@other", *lines, **TIMES)


@pytest.mark.parametrize("path", ["", "calendars/ann/work/"])
@pytest.mark.parametrize("address", ["mailto:ann.owner@EXAMPLE.org", "/principals/ann/"])
async def test_a_declined_invitation_does_not_block_where_the_user_name_is_no_address(
    ctx: Context, path: str, address: str
) -> None:
    with running_server() as (server, front):
        small = await make_small_office(ctx, server, front, path=path)
        server.add("declined.ics", invitation("DECLINED", address))
        assert await small.office.read() is Pulled.READ
        assert await small.office.blocks() == []
        server.add("maybe.ics", invitation("TENTATIVE", address))
        await small.office.read()
        assert await cells(small.office.ctx, "SELECT kind FROM busy_block") == [("tentative",)]
        await small.office.accounts.close()


async def test_invitations_count_anew_when_the_account_says_other_addresses(small: SmallOffice) -> None:
    office, server = small.office, small.server
    server.addresses = []
    message = await connect.test_connection(
        office.ctx, office.accounts, bookable_id=office.person, connection_uid=office.connection_uid
    )
    assert message.startswith("It works")
    server.add("declined.ics", invitation("DECLINED"))
    await office.read()
    assert await office.blocks() == [(TEN, TEN + 3600)]
    server.addresses = ["mailto:ann.owner@example.org"]
    await connect.test_connection(
        office.ctx, office.accounts, bookable_id=office.person, connection_uid=office.connection_uid
    )
    await office.read()
    assert await office.blocks() == []


async def test_a_changed_zone_moves_whole_days_at_the_next_read(small: SmallOffice) -> None:
    office, server = small.office, small.server
    server.add("day.ics", make_event(start="DTSTART;VALUE=DATE:20270302", end="DTEND;VALUE=DATE:20270303"))
    await office.read()
    assert await office.blocks() == [(at("2027-03-01 23:00"), at("2027-03-02 23:00"))]
    server.calendars["work"].zone = "America/New_York"
    await office.read()
    assert await office.blocks() == [(at("2027-03-02 05:00"), at("2027-03-03 05:00"))]


async def test_what_was_deleted_is_free_though_the_token_was_forgotten(small: SmallOffice) -> None:
    office, server = small.office, small.server
    server.forgets = True
    server.add("gone.ics", make_event("g@other", **TIMES))
    server.add("stays.ics", make_event("s@other", **LATER))
    await office.read()
    assert len(await office.blocks()) == 2
    server.drop("gone.ics")
    server.forget_tokens()
    await office.read()
    assert await office.blocks() == [(at("2027-03-02 15:00"), at("2027-03-02 16:00"))]


async def test_a_name_that_is_used_again_stands_at_its_new_time(small: SmallOffice) -> None:
    office, server = small.office, small.server
    server.counts_anew = True
    server.add("a.ics", make_event(**TIMES))
    await office.read()
    server.drop("a.ics")
    server.add("a.ics", make_event(**LATER))
    await office.read()
    assert await office.blocks() == [(at("2027-03-02 15:00"), at("2027-03-02 16:00"))]


async def test_a_daily_read_compares_contents_however_the_versions_look(small: SmallOffice, clock: Clock) -> None:
    office, server = small.office, small.server
    server.add("a.ics", make_event(**TIMES))
    await office.read()
    etag, _ = server.calendars["work"].objects["a.ics"]
    server.calendars["work"].objects["a.ics"] = (etag, make_event(**LATER))  # and no list of changes says so
    await office.read()
    assert await office.blocks() == [(TEN, TEN + 3600)]
    clock.advance(hours=25)
    await office.read()
    assert await office.blocks() == [(at("2027-03-02 15:00"), at("2027-03-02 16:00"))]


async def test_an_owners_deletion_stands_where_our_update_would_be_taken_for_a_creation(small: SmallOffice) -> None:
    office, server = small.office, small.server
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    server.hears_conditions = False
    (name,) = server.calendars["work"].objects
    server.drop(name)
    await manage.reschedule(office.ctx, receipt.token, TEN + 7200)
    for _ in range(3):
        await office.write()
        await office.read()
    assert server.calendars["work"].objects == {}
    assert await cells(office.ctx, "SELECT state FROM appointment") == [("cancelled",)]
