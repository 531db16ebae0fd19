"""What could not be read is told to its owner by date, and blocks until they say otherwise: everywhere, at once."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from booking_app.db.owner_queries import anybody_busy
from booking_app.db.team_queries import busy_between
from booking_app.domain.errors import NotFound, Refused
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.unread import set_unread, unread_of
from booking_app.services.views import SlotQuery
from booking_app.services.views_sync import UnreadView
from booking_app.state.calendar_cards import unread_line
from tests.factories import at, make_booking, make_person
from tests.office import Office, event, make_office

DAY = (at("2027-03-02"), at("2027-03-03"))
QUERY = SlotQuery(service="haircut", span=DAY)
TEN, NOON, TWO = at("2027-03-02 10:00"), at("2027-03-02 12:00"), at("2027-03-02 14:00")
HOUR = 3600


def bad_end(uid: str, start: int, title: str = "Secret") -> bytes:
    """An event whose end lies before its start: it blocks a day from there."""
    return event(uid, start, start - HOUR, extra=(f"SUMMARY:{title}",))


async def free(office: Office, *starts: int) -> list[bool]:
    found = (await availability.slots(office.ctx, QUERY)).starts
    return [each in found for each in starts]


async def odd_office(ctx: Context) -> Office:
    office = await make_office(ctx)
    office.server.store(office.remote_id, "a.ics", bad_end("a@else", NOON))
    office.server.store(office.remote_id, "b.ics", event("b@else", TEN, TEN + HOUR))
    await office.read()
    return office


async def only(office: Office) -> UnreadView:
    (found,) = await unread_of(office.ctx, office.person)
    return found


async def test_what_could_not_be_read_is_listed_by_its_date_and_calendar(ctx: Context) -> None:
    office = await odd_office(ctx)
    found = await only(office)
    assert found.calendar_uid == str((await office.calendar()).uid)
    assert (found.code, found.at) == ("end-before-start", NOON)
    assert (found.since, found.until, found.more, found.blocks) == (NOON, NOON + 24 * HOUR, 0, True)
    assert "secret" not in repr(found).lower()


async def test_several_in_one_object_are_listed_with_all_their_dates(ctx: Context) -> None:
    office = await make_office(ctx)
    first, second = bad_end("a@else", TEN), bad_end("a@else", TWO)
    both = first.partition(b"END:VCALENDAR")[0] + b"".join(second.partition(b"BEGIN:VEVENT")[1:])
    office.server.store(office.remote_id, "a.ics", both)
    await office.read()
    found = await only(office)
    assert (found.at, found.others) == (TEN, (TWO,))
    line = unread_line(found, "Europe/Amsterdam")
    assert line.when == "Tuesday 2 March 2027, 11:00; Tuesday 2 March 2027, 15:00"


async def test_its_owner_says_that_it_does_not_block_and_takes_it_back(ctx: Context) -> None:
    office = await odd_office(ctx)
    assert await free(office, TEN, NOON, TWO) == [False, False, False]
    uid = (await only(office)).uid
    await set_unread(office.ctx, bookable_id=office.person, uid=uid, blocks=False)
    assert await free(office, TEN, NOON, TWO) == [False, True, True]
    assert (await office.calendar()).problems == 0
    async with office.ctx.sessions() as db:
        assert not await anybody_busy(db, [office.person], (NOON, NOON + HOUR))
        assert await busy_between(db, DAY) == {office.person: [(TEN, TEN + HOUR)]}
    assert not (await only(office)).blocks
    await set_unread(office.ctx, bookable_id=office.person, uid=uid, blocks=True)
    assert await free(office, TEN, NOON, TWO) == [False, False, False]
    assert (await office.calendar()).problems == 1


async def test_the_word_stands_for_the_version_that_it_was_said_of(ctx: Context) -> None:
    office = await odd_office(ctx)
    uid = (await only(office)).uid
    await set_unread(office.ctx, bookable_id=office.person, uid=uid, blocks=False)
    async with office.ctx.sessions.begin() as db:  # so that every object is read anew
        await db.execute(text("UPDATE calendar SET window_end = window_end - interval '41 days'"))
    await office.read()
    assert await free(office, NOON, TWO) == [True, True]
    assert (await only(office)).uid == uid
    office.server.store(office.remote_id, "a.ics", bad_end("a@else", TWO))
    await office.read()
    assert await free(office, NOON, TWO) == [True, False]
    assert (await only(office)).blocks


async def test_the_live_look_before_a_booking_keeps_to_it(ctx: Context) -> None:
    office = await odd_office(ctx)
    uid = (await only(office)).uid
    with pytest.raises(Refused):
        await make_booking(office.ctx, NOON)
    await set_unread(office.ctx, bookable_id=office.person, uid=uid, blocks=False)
    await make_booking(office.ctx, NOON)
    # Put there since the last read: nobody has said anything about it.
    office.server.store(office.remote_id, "c.ics", bad_end("c@else", TWO))
    with pytest.raises(Refused):
        await make_booking(office.ctx, TWO, email="second@example.com")


async def test_what_can_be_read_by_now_is_listed_no_more(ctx: Context) -> None:
    office = await odd_office(ctx)
    uid = (await only(office)).uid
    office.server.store(office.remote_id, "a.ics", event("a@else", NOON, NOON + HOUR))
    await office.read()
    assert await unread_of(office.ctx, office.person) == ()
    with pytest.raises(NotFound):
        await set_unread(office.ctx, bookable_id=office.person, uid=uid, blocks=False)
    assert await free(office, NOON, TWO) == [False, True]


async def test_nobody_decides_for_anothers_calendar(ctx: Context) -> None:
    office = await odd_office(ctx)
    other = await make_person(office.ctx, "ben")
    uid = (await only(office)).uid
    assert await unread_of(office.ctx, other) == ()
    for person, named in ((other, uid), (office.person, "no-such-event"), (office.person, "")):
        with pytest.raises(NotFound):
            await set_unread(office.ctx, bookable_id=person, uid=named, blocks=False)
    assert await free(office, NOON) == [False]
