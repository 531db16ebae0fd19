"""What is tentative or unanswered blocks unless the calendar's owner says otherwise: everywhere, at once."""

from __future__ import annotations

import pytest

from booking_app.db.owner_queries import anybody_busy
from booking_app.db.team_queries import busy_between
from booking_app.domain.errors import Invalid, Refused
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync import choices
from tests.factories import at, make_booking, make_person
from tests.office import Office, event, make_office

DAY = (at("2027-03-02"), at("2027-03-03"))
QUERY = SlotQuery(service="haircut", span=DAY)
TEN, NOON, TWO = at("2027-03-02 10:00"), at("2027-03-02 12:00"), at("2027-03-02 14:00")
HOUR = 3600


async def free(office: Office, *starts: int) -> list[bool]:
    found = (await availability.slots(office.ctx, QUERY)).starts
    return [each in found for each in starts]


async def say(office: Office, *, blocks: bool) -> None:
    uid = str((await office.calendar()).uid)
    await choices.choose_unsure(office.ctx, bookable_id=office.person, calendar_uid=uid, blocks=blocks)


async def unsure_office(ctx: Context) -> Office:
    """Tentative at ten, firm at noon; read."""
    office = await make_office(ctx)
    office.server.store(office.remote_id, "a.ics", event("a@else", TEN, TEN + HOUR, extra=("STATUS:TENTATIVE",)))
    office.server.store(office.remote_id, "b.ics", event("b@else", NOON, NOON + HOUR))
    await office.read()
    return office


async def test_p14_what_is_tentative_blocks_until_its_owner_says_otherwise(ctx: Context) -> None:
    office = await unsure_office(ctx)
    assert await free(office, TEN, NOON, TWO) == [False, False, True]
    await say(office, blocks=False)
    assert await free(office, TEN, NOON, TWO) == [True, False, True]
    async with office.ctx.sessions() as db:
        assert not await anybody_busy(db, [office.person], (TEN, TEN + HOUR))
        assert await anybody_busy(db, [office.person], (NOON, NOON + HOUR))
        assert await busy_between(db, DAY) == {office.person: [(NOON, NOON + HOUR)]}
    await say(office, blocks=True)
    assert await free(office, TEN, NOON, TWO) == [False, False, True]
    async with office.ctx.sessions() as db:
        assert await anybody_busy(db, [office.person], (TEN, TEN + HOUR))


async def test_p14_the_live_look_before_a_booking_keeps_to_it(ctx: Context) -> None:
    office = await unsure_office(ctx)
    await say(office, blocks=False)
    await make_booking(office.ctx, TEN)
    # Put there since the last read: only the live look can know of it.
    office.server.store(office.remote_id, "c.ics", event("c@else", TWO, TWO + HOUR, extra=("STATUS:TENTATIVE",)))
    await make_booking(office.ctx, TWO, email="second@example.com")
    late = at("2027-03-02 16:00")
    office.server.store(office.remote_id, "d.ics", event("d@else", late, late + HOUR))
    with pytest.raises(Refused):
        await make_booking(office.ctx, late, email="third@example.com")


async def test_nobody_decides_for_anothers_calendar(ctx: Context) -> None:
    office = await unsure_office(ctx)
    other = await make_person(office.ctx, "ben")
    uid = str((await office.calendar()).uid)
    for person, calendar in ((other, uid), (office.person, "no-such-calendar")):
        with pytest.raises(Invalid):
            await choices.choose_unsure(office.ctx, bookable_id=person, calendar_uid=calendar, blocks=False)
    assert await free(office, TEN) == [False]
