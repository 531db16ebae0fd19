"""The main job at Google, on everything but Google: booked is in the calendar, put there closes the slot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from booking_app.domain.clock import from_instant
from booking_app.services import availability, booking, manage
from booking_app.services.views import SlotQuery
from booking_app.sync.model import Mode
from tests.factories import make_request
from tests.office import cells
from tests.radicale_office import make_settings, until
from tests.simulated_office import CLIENT, SECRET, SimulatedOffice, callback, simulated_office
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import CalendarApp, GoogleWorld

ANNA = "anna@gmail.example"


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_simulator() as started:
        started.add_user(ANNA, zone="UTC")
        yield started


@pytest.fixture
async def office(world: GoogleWorld, database_url: str, tmp_path: Path) -> AsyncIterator[SimulatedOffice]:
    settings = make_settings(database_url, tmp_path, google_url=world.url)
    world.app(CLIENT, SECRET, [callback(settings, "google")])
    async with simulated_office(settings, "google", ANNA) as made:
        yield made


def app_of(world: GoogleWorld) -> CalendarApp:
    return world.user(ANNA).calendar()


def timed(start: int, minutes: int = 15) -> dict[str, object]:
    ends = start + minutes * 60
    return {
        "summary": "Planted secret",
        "start": {"dateTime": from_instant(start).isoformat()},
        "end": {"dateTime": from_instant(ends).isoformat()},
    }


async def slots(office: SimulatedOffice) -> tuple[int, ...]:
    now = office.ctx.now()
    span = (int(now.timestamp()), int((now + timedelta(days=14)).timestamp()))
    return (await availability.slots(office.ctx, SlotQuery(service="haircut", span=span))).starts


async def eventually(office: SimulatedOffice, statement: str, seconds: float = 10) -> None:
    async def so() -> bool:
        return await cells(office.ctx, statement) != []

    await until(so, seconds)


WRITTEN = "SELECT 1 FROM mirror WHERE key IS NOT NULL AND NOT EXISTS (SELECT FROM outbox WHERE effect = 'calendar')"


async def test_p05_a_booking_and_an_event_cross_within_seconds(office: SimulatedOffice, world: GoogleWorld) -> None:
    first, second = (await slots(office))[10:12]
    receipt = await booking.book(office.ctx, make_request(first))
    await eventually(office, WRITTEN, 5)
    (event,) = app_of(world).events()
    assert "Clara Customer" in str(event["summary"])
    assert "/manage/" in str(event["description"])
    assert "attendees" not in event
    name = await asyncio.to_thread(app_of(world).put, timed(second))

    async def closed() -> bool:
        return second not in await slots(office)

    await until(closed, 5)
    await asyncio.to_thread(app_of(world).delete, name)

    async def opened() -> bool:
        return second in await slots(office)

    await until(opened, 8)
    await manage.cancel(office.ctx, receipt.token)

    async def empty() -> bool:
        return app_of(world).events() == []

    await until(empty, 5)
    assert world.mails == []


async def test_p25_what_the_owner_does_with_our_event_flows_back(office: SimulatedOffice, world: GoogleWorld) -> None:
    starts = await slots(office)
    await booking.book(office.ctx, make_request(starts[10]))
    await eventually(office, WRITTEN)
    (event,) = app_of(world).events()
    await asyncio.to_thread(lambda: app_of(world).change(str(event["id"]), **timed(starts[20])))

    async def followed() -> bool:
        return await cells(office.ctx, "SELECT extract(epoch FROM lower(during))::int FROM appointment") == [
            (starts[20],)
        ]

    await until(followed, 10)
    await asyncio.to_thread(app_of(world).delete, str(event["id"]))
    await eventually(office, "SELECT 1 FROM appointment WHERE state = 'cancelled'")
    assert starts[20] in await slots(office)


async def test_p20_a_revoked_link_waits_and_each_write_happens_once_after_linking_again(
    office: SimulatedOffice, world: GoogleWorld
) -> None:
    starts = await slots(office)
    disturbance = world.panel.fault("POST", "/events$", status=503, times=None)
    for start in starts[10:13]:
        await booking.book(office.ctx, make_request(start))

    async def tried() -> bool:
        return disturbance.hits > 0

    await until(tried, 5)
    world.consents.revoke(None, ANNA)
    world.consents.expire_access()
    world.panel.heal()
    await eventually(office, "SELECT 1 FROM connection WHERE state = 'needs_sign_in'", 15)
    await eventually(office, "SELECT 1 FROM alert WHERE subject LIKE 'connection:%' AND tellings = 1")
    assert await slots(office) == ()
    assert await cells(office.ctx, "SELECT count(*) FROM outbox WHERE effect = 'calendar'") == [(3,)]
    assert app_of(world).events() == []
    linked = await office.link(mode=None, again=office.uid)
    assert linked.uid == office.uid
    await eventually(office, "SELECT 1 FROM connection WHERE state = 'ok'", 15)
    await eventually(office, "SELECT 1 WHERE 3 = (SELECT count(*) FROM mirror WHERE key IS NOT NULL)", 15)
    assert len(app_of(world).events()) == 3
    assert await cells(office.ctx, "SELECT blocks, target FROM calendar WHERE blocks") == [(True, True)]

    async def offered() -> bool:
        return starts[30] in await slots(office)

    await until(offered, 10)


async def test_p28_a_write_that_is_repeated_makes_one_event(office: SimulatedOffice, world: GoogleWorld) -> None:
    start = (await slots(office))[10]
    for _ in range(3):
        world.panel.fault("POST", "/events$", drop="after")
    await booking.book(office.ctx, make_request(start))
    await eventually(office, WRITTEN, 60)
    assert len(app_of(world).events()) == 1


async def test_nothing_planted_is_stored_or_logged(
    office: SimulatedOffice, world: GoogleWorld, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    start = (await slots(office))[10]
    app = app_of(world)
    await asyncio.to_thread(app.put, timed(start))

    async def closed() -> bool:
        return start not in await slots(office)

    await until(closed, 5)
    world.expire_sync_tokens()
    world.break_quota("429")
    await asyncio.sleep(3)
    tokens = [token for grant in world.consents.grants for token in (grant.refresh,)]
    tables = [row[0] for row in await cells(office.ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    stored = "".join([str(await cells(office.ctx, f"SELECT * FROM {table}")) for table in tables])
    for secret in ("Planted secret", SECRET, *filter(None, tokens)):
        assert secret not in stored
        assert secret not in caplog.text
    asked = [dict(each.query).get("fields", "") for each in world.requests if each.path.endswith("/events")]
    assert asked
    assert not [fields for fields in asked if "summary" in fields or "description" in fields]


async def test_busy_times_only_blocks_and_is_never_written_to(
    world: GoogleWorld, database_url: str, tmp_path: Path
) -> None:
    settings = make_settings(database_url, tmp_path, google_url=world.url)
    world.app(CLIENT, SECRET, [callback(settings, "google")])
    async with simulated_office(settings, "google", ANNA, mode=Mode.BUSY) as office:
        first, second = (await slots(office))[10:12]
        await asyncio.to_thread(app_of(world).put, timed(first))

        async def closed() -> bool:
            return first not in await slots(office)

        await until(closed, 5)
        await booking.book(office.ctx, make_request(second))
        await asyncio.sleep(2)
        assert len(app_of(world).events()) == 1
        writing = [each for each in world.requests if each.method in ("POST", "PUT", "PATCH", "DELETE")]
        assert {each.path.rpartition("/")[2] for each in writing} <= {"token", "freeBusy", "auth"}
