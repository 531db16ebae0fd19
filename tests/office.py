"""A small office for tests of the sync engine: one person, a service, and a calendar server in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from booking_app.db.tables import Calendar, Connection
from booking_app.domain.clock import from_instant
from booking_app.domain.effects import Outcome, Work
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services.context import Context
from booking_app.sync import connect, pull, push
from booking_app.sync.accounts import Accounts
from booking_app.sync.live import Live
from booking_app.sync.model import Credentials
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from tests.factories import make_person, make_service
from tests.rows import calendar_row, rows

PASSWORD = "correct horse"


def event(uid: str, start: int, end: int, *, extra: Iterable[str] = ()) -> bytes:
    """A calendar object as another program writes it; `start` and `end` are instants."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//another//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20270101T000000Z",
        f"DTSTART:{from_instant(start):%Y%m%dT%H%M%SZ}",
        f"DTEND:{from_instant(end):%Y%m%dT%H%M%SZ}",
        "SUMMARY:Something private",
        *extra,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


async def cells(ctx: Context, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows of a query as plain tuples."""
    return [tuple(row) for row in await rows(ctx, statement, **values)]


@dataclass(kw_only=True)
class Office:
    """`person` owns one connected account with the calendar `work`, which blocks and receives appointments."""

    ctx: Context
    server: MemoryServer
    accounts: Accounts
    person: int
    connection_uid: str
    calendar_id: int
    remote_id: str
    policy: SyncPolicy = field(default_factory=SyncPolicy)

    def add_event(self, name: str, start: int, end: int) -> str:
        """The person adds an event in their calendar app; its key."""
        return self.server.store(self.remote_id, f"{name}.ics", event(f"{name}@elsewhere", start, end))

    async def read(self, **options: bool) -> pull.Pulled:
        """Read the calendar now."""
        return await pull.pull(self.ctx, self.accounts, self.policy, self.calendar_id, **options)

    async def write(self) -> int:
        """Do all calendar writes that are due; how many were tried."""
        return await self.lane().drain()

    async def left(self) -> int:
        """Take away what had to be left, as far as it is due; how often it was tried."""
        return await self.left_lane().drain()

    def left_lane(self) -> Lane:
        async def handler(work: Work) -> Outcome:
            return await push.take_away_left(self.ctx, self.accounts, work)

        return Lane(self.ctx, "left", handler, Leases())

    def lane(self) -> Lane:
        async def handler(work: Work) -> Outcome:
            return await push.push(self.ctx, self.accounts, work)

        return Lane(self.ctx, "calendar", handler, Leases())

    def reader(self) -> CalendarReader:
        async def read(calendar_id: int) -> object:
            return await pull.pull(self.ctx, self.accounts, self.policy, calendar_id)

        return CalendarReader(self.ctx, read, Leases(), hot_interval=self.policy.hot)

    async def blocks(self) -> list[tuple[int, int]]:
        """The busy blocks that are stored for the person, as instants."""
        found = await cells(
            self.ctx,
            "SELECT extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint FROM busy_block"
            " WHERE bookable_id = :person ORDER BY 1, 2",
            person=self.person,
        )
        return [(row[0], row[1]) for row in found]

    async def calendar(self) -> Calendar:
        return await calendar_row(self.ctx, self.calendar_id)

    async def connection(self) -> Connection:
        async with self.ctx.sessions() as db:
            found = await db.get(Connection, (await self.calendar()).connection_id)
        assert found is not None
        return found

    async def outbox(self, effect: str = "calendar") -> list[tuple[str, int, str, bool]]:
        """(key, attempts, reason, parked) of what waits."""
        found = await cells(
            self.ctx, "SELECT key, attempts, reason, parked FROM outbox WHERE effect = :e ORDER BY id", e=effect
        )
        return [(row[0], row[1], row[2], row[3]) for row in found]

    def own_events(self) -> list[bytes]:
        """Our events that stand in the calendar."""
        return [data for data in self.server.read(self.remote_id).values() if b"@booking-app" in data]


def memory_accounts(ctx: Context, server: MemoryServer) -> Accounts:
    """Accounts whose credentials' user name names the account of the server in memory."""

    def open_provider(_provider: str, credentials: Credentials) -> CalendarProvider:
        return MemoryProvider(server, account=credentials.username, password=credentials.secret)

    return Accounts(ctx.sealer, open_provider)


async def make_office(ctx: Context, *, slug: str = "anna", service: bool = True) -> Office:
    """An office whose calendar was read once."""
    server = MemoryServer(passwords={slug: PASSWORD})
    remote_id = server.add_calendar(slug, "work")
    server.add_calendar(slug, "home")
    accounts = memory_accounts(ctx, server)
    ctx = replace(ctx, reread=Live(sessions=ctx.sessions, accounts=accounts, deadline=2).reread)
    person = await make_person(ctx, slug)
    if service:
        await make_service(ctx, staff=(slug,))
    uid = await connect.connect(
        ctx,
        accounts,
        bookable_id=person,
        preset="other",
        address="https://dav.example.com/",
        username=slug,
        secret=PASSWORD,
    )
    found = await cells(ctx, "SELECT id, uid FROM calendar WHERE remote_id = :remote", remote=remote_id)
    work = str(found[0][1])
    await connect.choose(ctx, bookable_id=person, blocks=[work], target=work)
    office = Office(
        ctx=ctx,
        server=server,
        accounts=accounts,
        person=person,
        connection_uid=uid,
        calendar_id=found[0][0],
        remote_id=remote_id,
    )
    assert await office.read() is pull.Pulled.READ
    server.calls.clear()
    return office


def later(ctx: Context, **delta: float) -> int:
    """The instant that far from now."""
    return int((ctx.now() + timedelta(**delta)).timestamp())
