"""The engine on real parts: PostgreSQL, a Radicale server, the whole runtime."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from booking_app.config import Settings
from booking_app.runtime import Runtime, running
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.vault import new_key
from tests.factories import make_person, make_service
from tests.office import cells
from tests.servers import Server, make_calendar, request

USER, PASSWORD = "anna", "secret"


@dataclass(frozen=True, kw_only=True)
class RealOffice:
    """A person with one calendar at Radicale that blocks and receives appointments."""

    runtime: Runtime
    ctx: Context
    server: Server
    person: int
    connection_uid: str
    calendar_id: int
    url: str

    def put(self, name: str, data: bytes) -> None:
        """The person's calendar app writes an object."""
        status, answer, _ = request(
            "PUT", f"{self.url}{name}", user=USER, password=PASSWORD, body=data, Content_Type="text/calendar"
        )
        assert status in (200, 201, 204), answer

    def delete(self, name: str) -> None:
        status, answer, _ = request("DELETE", f"{self.url}{name}", user=USER, password=PASSWORD)
        assert status in (200, 204), answer

    def names(self) -> list[str]:
        """What stands in the calendar."""
        return names(self.url)

    def read(self, name: str) -> bytes:
        return request("GET", f"{self.url}{name}", user=USER, password=PASSWORD)[1]


def names(url: str) -> list[str]:
    """The names of the objects in the calendar at `url`."""
    _, answer, _ = request("PROPFIND", url, user=USER, password=PASSWORD, Depth="1")
    parts = answer.decode().split("<href>")[1:]
    return sorted(part.partition("</href>")[0].rpartition("/")[2] for part in parts if ".ics</href>" in part)


def make_settings(database_url: str, folder: Path, **overrides: object) -> Settings:
    values: dict[str, object] = {
        "database_url": database_url,
        "data_dir": folder,
        "secret_keys": (new_key(),),
        "public_url": "https://book.example.com",
        "allow_private_calendar_hosts": True,
        "hot_interval": 1,
        "cold_interval": 2,
    }
    return Settings(**(values | overrides))  # type: ignore[arg-type]


async def connected_office(runtime: Runtime, server: Server, *, slug: str = "anna", name: str = "work") -> RealOffice:
    """A new person whose calendar is connected, chosen and read once."""
    url = make_calendar(f"{server.home(USER)}{name}/", user=USER, password=PASSWORD, name=name)
    ctx = runtime.context
    person = await make_person(ctx, slug)
    uid = await connect.connect(
        ctx,
        runtime.accounts,
        bookable_id=person,
        preset="other",
        address=server.home(USER),
        username=USER,
        secret=PASSWORD,
    )
    (found,) = await cells(ctx, "SELECT id, uid::text FROM calendar WHERE remote_id = :url", url=url)
    await connect.choose(ctx, bookable_id=person, blocks=[found[1]], target=found[1])
    office = RealOffice(
        runtime=runtime,
        ctx=ctx,
        server=server,
        person=person,
        connection_uid=uid,
        calendar_id=found[0],
        url=url,
    )
    await until(lambda: _verified(office))
    return office


@contextlib.asynccontextmanager
async def real_office(settings: Settings, server: Server, name: str = "work") -> AsyncIterator[RealOffice]:
    """Everything running, the calendar connected, chosen and read once."""
    async with running(settings) as runtime:
        office = await connected_office(runtime, server, name=name)
        await make_service(runtime.context, duration=15, interval=15)
        yield office


async def _verified(office: RealOffice) -> bool:
    found = await cells(office.ctx, "SELECT verified_at FROM calendar WHERE id = :id", id=office.calendar_id)
    return found[0][0] is not None


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until it is so; how fast that is, benchmarks measure."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.05)


async def read_since(ctx: Context, since: datetime) -> None:
    """Until the calendar that blocks was read by a read that began after `since`; none may fail meanwhile."""

    async def read() -> bool:
        found = await cells(ctx, "SELECT verified_at > :since, failures FROM calendar WHERE blocks", since=since)
        assert found[0][1] == 0, "no read failed"
        return bool(found[0][0])

    await until(read)
