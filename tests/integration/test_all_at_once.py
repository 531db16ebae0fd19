"""Owner, customers, reads, writes and a new password at the same time: no ring of locks, and in the end all agree."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable

from booking_app.domain.errors import Refused
from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync import connect, pull
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import PASSWORD, Office, cells, event, make_office

TEN, HALF = at("2027-03-02 10:00"), 1800


async def unless_refused(work: Awaitable[object]) -> None:
    """A customer may be too late; anything else that is raised is wrong."""
    with contextlib.suppress(Refused):
        await work


async def owner_drags(office: Office, chance: random.Random) -> None:
    mirrors = await cells(office.ctx, "SELECT key, uid FROM mirror ORDER BY id")
    for key, uid in chance.sample(mirrors, 2):
        if key in office.server.read(office.remote_id):
            start = TEN + chance.randrange(-2, 10) * HALF
            office.server.store(office.remote_id, key.rpartition("/")[2], event(uid, start, start + HALF))


async def test_p25_whatever_happens_at_the_same_time_everybody_agrees_in_the_end(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    found = await cells(office.ctx, "SELECT uid::text, id FROM calendar ORDER BY name")
    (home, home_id), (work, _) = found
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[home, work], target=work)
    await office.reader().drain()
    tokens = [
        (await make_booking(office.ctx, TEN + number * 3600, email=f"c{number}@example.com")).token
        for number in range(4)
    ]
    await office.write()
    chance = random.Random(1)
    mine = {"bookable_id": office.person, "connection_uid": office.connection_uid}
    for number in range(12):
        clock.advance(seconds=13)
        await owner_drags(office, chance)
        works: list[Awaitable[object]] = [
            office.read(),
            pull.pull(office.ctx, office.accounts, office.policy, home_id),
            office.write(),
            office.write(),
            manage.reschedule(office.ctx, chance.choice(tokens), TEN + chance.randrange(10) * HALF),
            connect.replace_password(office.ctx, office.accounts, secret=PASSWORD, **mine),  # type: ignore[arg-type]
            connect.test_connection(office.ctx, office.accounts, **mine),  # type: ignore[arg-type]
        ]
        if number in (4, 8):
            target = home if number == 4 else work
            works.append(connect.choose(office.ctx, bookable_id=office.person, blocks=[home, work], target=target))
        chance.shuffle(works)
        await asyncio.gather(*(unless_refused(each) for each in works))
    for _ in range(6):
        clock.advance(seconds=400)
        await office.reader().drain()
        await office.write()
    assert [row for row in await office.outbox() if not row[3]] == []
    unlike = await cells(
        office.ctx,
        "SELECT 1 FROM appointment a JOIN mirror m ON m.appointment_id = a.id"
        " WHERE a.conflict IS NULL AND (m.starts_at <> lower(a.during) OR m.missing_since IS NOT NULL)",
    )
    assert unlike == []
    conflicts = await cells(office.ctx, "SELECT 1 FROM appointment WHERE conflict IS NOT NULL")
    assert len(await office.blocks()) == len(conflicts)
    assert len(await cells(office.ctx, "SELECT 1 FROM appointment WHERE state = 'confirmed'")) == 4
