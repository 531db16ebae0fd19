"""The main job on real parts: what is booked stands in the calendar, what is put there closes the slot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from booking_app.services import availability, booking, manage
from booking_app.services.views import SlotQuery
from tests.factories import make_request
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, RealOffice, make_settings, real_office, until
from tests.servers import Server, start_radicale


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_radicale(tmp_path_factory.mktemp("dav"), {USER: PASSWORD})
    yield server
    server.stop()


async def slots(office: RealOffice) -> tuple[int, ...]:
    now = office.ctx.now()
    span = (int(now.timestamp()), int((now + timedelta(days=14)).timestamp()))
    return (await availability.slots(office.ctx, SlotQuery(service="haircut", span=span))).starts


async def test_a_booking_and_an_event_cross_within_seconds(database_url: str, tmp_path: Path, radicale: Server) -> None:
    async with real_office(make_settings(database_url, tmp_path), radicale, "cross") as office:
        first, second = (await slots(office))[10:12]
        receipt = await booking.book(office.ctx, make_request(first))

        async def written() -> bool:
            return len(await asyncio.to_thread(office.names)) == 1

        await until(written)
        (name,) = office.names()
        assert b"Clara Customer" in office.read(name)

        await asyncio.to_thread(office.put, "dentist.ics", event("dentist@elsewhere", second, second + 900))

        async def closed() -> bool:
            return second not in await slots(office)

        await until(closed)
        assert await cells(office.ctx, "SELECT 1 FROM delay_sample WHERE kind = 'inbound'")

        await asyncio.to_thread(office.delete, "dentist.ics")

        async def opened() -> bool:
            return second in await slots(office)

        await until(opened)
        await manage.cancel(office.ctx, receipt.token)

        async def empty() -> bool:
            return await asyncio.to_thread(office.names) == []

        await until(empty)
        assert first in await slots(office)
        (sample, *_) = await cells(office.ctx, "SELECT seconds FROM delay_sample WHERE kind = 'outbound'")
        assert 0 <= sample[0] < 60


async def test_p25_deleted_in_the_calendar_app_cancels_within_the_bound(
    database_url: str, tmp_path: Path, radicale: Server
) -> None:
    async with real_office(make_settings(database_url, tmp_path), radicale, "deleted") as office:
        start = (await slots(office))[10]
        await booking.book(office.ctx, make_request(start))

        async def mirrored() -> bool:
            return await cells(office.ctx, "SELECT 1 FROM mirror WHERE key IS NOT NULL") != []

        await until(mirrored)
        (name,) = office.names()
        await asyncio.to_thread(office.delete, name)

        async def cancelled() -> bool:
            return await cells(office.ctx, "SELECT 1 FROM appointment WHERE state = 'cancelled'") != []

        await until(cancelled)
        assert start in await slots(office)
