"""How soon a change is seen without anybody telling us of it: there is no webhook to lose."""

from __future__ import annotations

import random

from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync import health
from booking_app.sync.errors import Transient
from booking_app.sync.policy import setback
from tests.conftest import Clock
from tests.factories import at
from tests.office import Office, event, make_office

TUESDAY = (at("2027-03-02"), at("2027-03-03"))
TEN = at("2027-03-02 10:00")
DAY = 86400
STEP = 3


async def delays(office: Office, clock: Clock, *, watched: bool, changes: int) -> list[float]:
    """Seconds from each of some changes in the calendar, at random moments, to the slot being closed."""
    chance = random.Random(5)
    query = SlotQuery(service="haircut", span=TUESDAY)
    found = []
    for number in range(changes):
        clock.advance(seconds=chance.randrange(5, 17))
        await office.reader().drain()
        clock.advance(seconds=chance.randrange(12))
        if watched:
            await availability.slots(office.ctx, query)
        start = TEN + (number % 7 + 1) * DAY + number * 60
        office.add_event(f"e{number}", start, start + 60)
        waited = 0
        while (start, start + 60) not in await office.blocks():
            clock.advance(seconds=STEP)
            waited += STEP
            await office.reader().drain()
            assert waited < 120
        found.append(float(waited))
    return found


async def test_p05_p06_no_change_takes_longer_than_15_s_while_somebody_looks(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    assert max(await delays(office, clock, watched=True, changes=20)) <= 15


async def test_p06_a_calendar_nobody_looks_at_is_read_every_minute(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=10)
    await office.reader().drain()
    found = await delays(office, clock, watched=False, changes=5)
    assert 15 < max(found) <= 60


async def test_an_opened_page_makes_its_calendars_due_at_once(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=2)
    await office.reader().drain()
    clock.advance(seconds=40)
    assert await office.reader().drain() == 0
    await availability.slots(office.ctx, SlotQuery(service="haircut", span=TUESDAY))
    assert await office.reader().drain() == 1


async def test_several_readers_never_read_one_calendar_at_the_same_time(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=2)
    first, second = office.reader(), office.reader()
    claimed = await first.claim(5)
    assert len(claimed) == 1
    assert await second.claim(5) == []
    for work in claimed:
        await work
    office.server.store(office.remote_id, "x.ics", event("x@y", TEN, TEN + 60))
    clock.advance(minutes=2)
    assert await second.drain() == 1
    assert await office.blocks() == [(TEN, TEN + 60)]


async def test_p41_an_open_page_leaves_alone_a_provider_that_asked_for_it(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    clock.advance(minutes=1)
    async with ctx.sessions.begin() as db:
        asked = setback(Transient("Google asks for fewer requests.", 3600), 1)
        await health.after_failure(db, office.calendar_id, asked, ctx.now())
    query = SlotQuery(service="haircut", span=TUESDAY)
    for _ in range(5):
        clock.advance(seconds=30)
        await availability.slots(office.ctx, query)
        assert await office.reader().drain() == 0
    clock.advance(hours=1)
    assert await office.reader().drain() == 1
