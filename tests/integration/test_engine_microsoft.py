"""The engine on an Outlook calendar: what a read means for what is held, as weeks go by and things are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from booking_app.db.tables import Calendar
from booking_app.domain.clock import from_instant
from booking_app.services import booking
from booking_app.services.context import Context
from booking_app.sync.accounts import Accounts
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.contract.backends import OWNER, Backend, microsoft_backend
from tests.factories import at, make_request
from tests.office import Office, cells, make_office
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import CalendarApp, MicrosoftWorld

NINE, TEN = at("2027-03-02 09:00"), at("2027-03-02 10:00")
DAY = 86_400


@pytest.fixture(scope="module")
def running() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        yield world


@pytest.fixture
def world(running: MicrosoftWorld) -> Iterator[MicrosoftWorld]:
    yield running
    running.panel.heal()


@pytest.fixture
def outlook(world: MicrosoftWorld) -> Backend:
    return microsoft_backend(world)


@pytest.fixture
def app(world: MicrosoftWorld, outlook: Backend) -> CalendarApp:
    assert outlook.calendar.remote_id == world.user(OWNER).calendar().calendar.id
    return world.user(OWNER).calendar()


@pytest.fixture
async def office(ctx: Context, outlook: Backend) -> AsyncIterator[Office]:
    """Anna's calendar is the one in Outlook."""
    made = await make_office(ctx)
    provider = outlook.open()
    accounts = Accounts(ctx.sealer, lambda _provider, _credentials: provider)
    async with ctx.sessions.begin() as db:
        values = {"remote_id": outlook.calendar.remote_id, "cursor": None, "full_at": None}
        await db.execute(update(Calendar).where(col(Calendar.id) == made.calendar_id).values(**values))
    yield replace(made, accounts=accounts, remote_id=outlook.calendar.remote_id, ctx=ctx)
    await provider.close()


def timed(start: int, minutes: int = 60, **fields: Any) -> dict[str, Any]:
    ends = {"start": from_instant(start), "end": from_instant(start) + timedelta(minutes=minutes)}
    times = {name: {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, moment in ends.items()}
    return {"subject": "Planted secret", **times, **fields}


async def held(office: Office) -> list[str]:
    return [row[0] for row in await cells(office.ctx, "SELECT key FROM calendar_object ORDER BY key")]


async def test_p27_events_that_are_long_over_do_not_stop_the_calendar(
    office: Office, app: CalendarApp, clock: Clock
) -> None:
    """Forty days on everything is read anew, into a window that begins later: nobody deleted what lies before it."""
    names = [app.put(timed(NINE + day * DAY)) for day in range(20)]
    later = app.put(timed(NINE + 200 * DAY))
    assert await office.read() is Pulled.READ
    assert await held(office) == sorted([*names, later])
    clock.advance(days=60)
    assert await office.read() is Pulled.READ
    calendar = await office.calendar()
    assert (calendar.stopped, calendar.trouble) == (False, "")
    assert await held(office) == [later]
    assert await office.blocks() == [(NINE + 200 * DAY, TEN + 200 * DAY)]


async def test_a_deleted_event_that_its_id_still_finds_frees_its_time(
    office: Office, app: CalendarApp, world: MicrosoftWorld
) -> None:
    single = app.put(timed(NINE, iCalUId="single"))
    app.put(timed(NINE + DAY))
    await office.read()
    app.delete(single)
    lies = {"id": single, "@odata.etag": 'W/"9"', "type": "singleInstance", **timed(NINE, iCalUId="single")}
    world.panel.fault("GET", "/events/", status=200, body=lies, times=None)
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(NINE + DAY, TEN + DAY)]


async def test_p25_our_event_that_its_owner_moved_beyond_the_window_takes_the_appointment_along(
    office: Office, app: CalendarApp
) -> None:
    await booking.book(office.ctx, make_request(NINE))
    await office.write()
    (event,) = app.events()
    app.change(event.id, **timed(NINE + 900 * DAY))
    assert await office.read() is Pulled.READ
    stands = "SELECT state, extract(epoch FROM lower(during))::int FROM appointment"
    assert await cells(office.ctx, stands) == [("confirmed", NINE + 900 * DAY)]
    app.put(timed(NINE + DAY))
    assert await office.read() is Pulled.READ
    assert await cells(office.ctx, stands) == [("confirmed", NINE + 900 * DAY)]
    app.delete(event.id)
    assert await office.read() is Pulled.READ
    assert await cells(office.ctx, "SELECT 1 FROM appointment WHERE state = 'cancelled'") == [(1,)]
