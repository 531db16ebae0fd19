"""A shop in which one person has an honest calendar and others have accounts at servers that mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from booking_app.db.tables import Calendar, Connection
from booking_app.domain.clock import utc_now
from booking_app.runtime import Runtime, built
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.accounts import about
from booking_app.sync.presets import server_of
from tests.benchmarks.wire import Wire
from tests.factories import make_person, make_service
from tests.office import cells
from tests.processes import served
from tests.radicale_office import PASSWORD, USER, make_settings, until
from tests.servers import Server, make_calendar

CROWD = 40
"""Accounts at one of the servers."""


@dataclass(frozen=True, kw_only=True)
class Team:
    """`address` is the program's, `honest` the calendar that is read well; `log` is what the program wrote."""

    program: Runtime
    address: str
    honest: int
    log: Path

    def path(self, service: str) -> str:
        today = utc_now().date()
        return f"/api/v1/services/{service}/slots?from={today}&to={today + timedelta(days=14)}&tz=Europe/Amsterdam"

    def memory(self) -> float:
        """The most memory that the program has taken so far, in MB."""
        port = self.address.rpartition(":")[2]
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = each.read_bytes().decode(errors="replace").split("\0")
                if "tests.serve_api:create" in words and port in words:
                    found = re.search(r"VmHWM:\s+(\d+) kB", (each.parent / "status").read_text())
                    assert found
                    return int(found[1]) / 1000
        raise AssertionError("the program is not there")


@contextlib.asynccontextmanager
async def honest_team(url: str, folder: Path, server: Server, name: str, **settings: object) -> AsyncIterator[Team]:
    """The program in a process of its own with one person, whose calendar at `server` has been read; the service
    `haircut` is theirs alone."""
    made = make_settings(url, folder)
    async with built(made) as program:
        ctx = program.context
        person = await make_person(ctx, "anna")
        await make_service(ctx, duration=30, interval=30)
        own = make_calendar(f"{server.home(USER)}{name}/", user=USER, password=PASSWORD, name=name)
        allowed = settings | {"secret_keys": made.secret_keys[0], "allow_private_calendar_hosts": True}
        with served(url, folder, processes=1, **allowed) as [address]:
            await connect.connect(
                ctx,
                program.accounts,
                bookable_id=person,
                preset="other",
                address=server.home(USER),
                username=USER,
                secret=PASSWORD,
            )
            [(uid, honest)] = await cells(ctx, "SELECT uid::text, id FROM calendar WHERE remote_id = :own", own=own)
            await connect.choose(ctx, bookable_id=person, blocks=[uid], target=None)

            async def read() -> bool:
                return bool(await cells(ctx, "SELECT 1 FROM calendar WHERE id = :id AND verified_at > now()"
                                        " - interval '30 seconds'", id=honest))  # fmt: skip

            await until(read, 60)
            yield Team(program=program, address=address, honest=honest, log=folder / "api-0.log")


async def add_people(ctx: Context, addresses: Mapping[str, str], crowd: str) -> list[tuple[int, str]]:
    """A person for each of the servers, who offer the service `any` together with the honest one; ten of them for
    `crowd`. Whose accounts are to be where: forty at `crowd`, one at each other."""
    slugs, accounts = [], []
    for number, (kind, address) in enumerate(addresses.items()):
        for one in range(10 if kind == crowd else 1):
            slug = f"h{number}-{one}"
            person = await make_person(ctx, slug)
            slugs.append(slug)
            accounts += [(person, address)] * (CROWD // 10 if kind == crowd else 1)
    await make_service(ctx, "any", duration=30, interval=30, staff=["anna", *slugs])
    return accounts


async def add_hostile(ctx: Context, addresses: Mapping[str, str], crowd: str) -> None:
    """People and their accounts at all servers at once."""
    for person, address in await add_people(ctx, addresses, crowd):
        await add_account(ctx, person, address)


async def add_account(ctx: Context, person: int, address: str) -> None:
    """An account with one calendar that blocks, which nobody has read yet."""
    now = ctx.now()
    connection = Connection(
        uid=uuid4(),
        bookable_id=person,
        label="Elsewhere",
        preset="other",
        address=address,
        host=server_of(address),
        username="u",
    )
    connection.secret = ctx.sealer.seal("s", about(connection))
    async with ctx.sessions.begin() as db:
        db.add(connection)
        await db.flush()
        calendar = Calendar(
            connection_id=connection.id or 0,
            bookable_id=person,
            remote_id=f"{address}c/",
            name="Elsewhere",
            blocks=True,
            chosen_at=now,
            due_at=now,
        )
        db.add(calendar)


async def ask(address: str, path: str, rate: float, stop: Callable[[], bool]) -> list[float]:
    """Milliseconds of each request at a steady rate until `stop`."""
    wire = await Wire.open(address)
    times = []
    due = perf_counter()
    while not stop():
        due += 1 / rate
        # A request that has to wait for the one before counts from when it was to be made.
        await asyncio.sleep(max(0.0, due - perf_counter()))
        status, _ = await wire.ask("GET", path)
        assert status == 200, status
        times.append((perf_counter() - due) * 1000)
        due = max(due, perf_counter() - 1)
    wire.close()
    return times


async def reads_of(ctx: Context, calendar: int, stop: Callable[[], bool]) -> tuple[int, float]:
    """(how often the calendar was read until `stop`, the greatest age of its data in seconds meanwhile)."""
    seen, oldest = set(), 0.0
    while not stop():
        [(verified,)] = await cells(ctx, "SELECT verified_at FROM calendar WHERE id = :id", id=calendar)
        seen.add(verified)
        oldest = max(oldest, (utc_now() - verified).total_seconds())
        await asyncio.sleep(0.25)
    return len(seen) - 1, oldest
