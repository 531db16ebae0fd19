"""Accounts whose provider pushes: calendars and push channels in memory, and messages as Google and Microsoft send
them."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx
from sqlalchemy import select

from booking_app.db.tables import Bookable, Calendar, Channel, Connection, ProviderApp
from booking_app.domain.clock import from_instant, to_instant
from booking_app.jobs.channel_keeper import ChannelKeeper
from booking_app.jobs.worker import CalendarReader, Leases
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.sync import connect, pull
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.errors import ProviderError
from booking_app.sync.grants import Grants
from booking_app.sync.model import CalendarRef, Mode, Opened
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.vendors import Vendor
from tests.factories import make_person, make_service
from tests.office import event

WEEK = 7 * 86400
CLIENT = {
    "google": "1.apps.googleusercontent.com",
    "microsoft": "11111111-2222-3333-4444-555555555555",
}


@dataclass(kw_only=True)
class Standing:
    """A channel at the provider."""

    uid: str
    remote_id: str
    resource_id: str
    place: str | None
    address: str
    secret: str
    ends: datetime
    number: int = 0


@dataclass(kw_only=True)
class PushServer:
    """The provider's side of push channels. `life` is how long one lasts, in seconds; `fault` is raised by the next
    calls while it is set; `before_answer` runs when a channel stands and before that is answered, `after_answer`
    when it is (what it raises is as if we had died there)."""

    now: Callable[[], datetime]
    extends: bool
    life: int = WEEK
    standing: dict[str, Standing] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    fault: ProviderError | None = None
    pushes: bool = True
    spared: frozenset[str] = frozenset()
    """The channels of others that the last opening was told to leave alone."""
    before_answer: Callable[[Standing], Awaitable[None]] | None = None
    after_answer: Callable[[], None] | None = None
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def of(self, place: str | None) -> list[Standing]:
        """Those that deliver for a calendar (or the account)."""
        return [each for each in self.standing.values() if each.place == place and each.ends > self.now()]

    def all(self) -> list[Standing]:
        return [each for each in self.standing.values() if each.ends > self.now()]


class MemoryNotifier:
    """`Notifier` over a `PushServer`; a channel for each calendar (as Google), or for the account (as Microsoft)."""

    def __init__(self, server: PushServer, *, per_calendar: bool) -> None:
        self.per_calendar, self.pushes = per_calendar, server.pushes
        self._server = server

    async def open(
        self, calendar: CalendarRef | None, *, uid: str, address: str, secret: str, spared: Collection[str] = ()
    ) -> Opened:
        server = self._server
        place = None if calendar is None else calendar.remote_id
        server.calls.append(("open", place or ""))
        server.spared = frozenset(spared)
        if server.fault is not None:
            raise server.fault
        number = next(server._numbers)
        made = Standing(
            uid=uid,
            remote_id=uid if self.per_calendar else f"subscription-{number}",
            resource_id=f"resource-{number}" if self.per_calendar else "",
            place=place,
            address=address,
            secret=secret,
            ends=server.now() + timedelta(seconds=server.life),
        )
        assert made.remote_id not in server.standing
        server.standing[made.remote_id] = made
        if server.before_answer is not None:
            await server.before_answer(made)
        if server.after_answer is not None:
            server.after_answer()
        return Opened(remote_id=made.remote_id, resource_id=made.resource_id, expires_at=to_instant(made.ends))

    async def extend(self, channel: Opened) -> Opened | None:
        server = self._server
        server.calls.append(("extend", channel.remote_id))
        if server.fault is not None:
            raise server.fault
        found = server.standing.get(channel.remote_id)
        if not server.extends or found is None or found.ends <= server.now():
            return None
        found.ends = server.now() + timedelta(seconds=server.life)
        return replace(channel, expires_at=to_instant(found.ends))

    async def close(self, channel: Opened) -> None:
        server = self._server
        server.calls.append(("close", channel.remote_id))
        if server.fault is not None:
            raise server.fault
        found = server.standing.get(channel.remote_id)
        if found is not None and found.resource_id == channel.resource_id:
            del server.standing[channel.remote_id]

    async def release(self) -> None:
        return None


@dataclass(kw_only=True)
class PushOffice:
    """`person` has one account with the calendars `work` and `home`, of which `work` blocks; read once."""

    ctx: Context
    provider: str
    server: MemoryServer
    pushes: PushServer
    accounts: Accounts
    person: int
    connection_id: int
    work: Calendar
    home: Calendar
    policy: SyncPolicy = field(default_factory=SyncPolicy)
    reads: list[int] = field(default_factory=list)

    def other_process(self) -> Accounts:
        """Accounts that share nothing with ours but the database and the provider."""
        return push_accounts(self.ctx, self.server, self.pushes, self.provider)

    def keeper(self, accounts: Accounts | None = None) -> ChannelKeeper:
        return ChannelKeeper(self.ctx, accounts or self.accounts)

    async def keep(self) -> int:
        """Do all that is to be done about channels now."""
        return await self.keeper().drain()

    async def channels(self) -> list[Channel]:
        async with self.ctx.sessions() as db:
            return list(await db.scalars(select(Channel).order_by(Channel.id)))  # type: ignore[arg-type]

    async def states(self) -> list[str]:
        return [each.state for each in await self.channels()]

    async def calendar(self, which: Calendar | None = None) -> Calendar:
        async with self.ctx.sessions() as db:
            return await db.get_one(Calendar, (which or self.work).id)

    async def connection(self) -> Connection:
        async with self.ctx.sessions() as db:
            return await db.get_one(Connection, self.connection_id)

    async def app(self) -> ProviderApp:
        async with self.ctx.sessions() as db:
            return await db.get_one(ProviderApp, self.provider)

    async def use(self, *calendars: Calendar) -> None:
        await connect.choose(
            self.ctx, bookable_id=self.person, blocks=[str(each.uid) for each in calendars], target=None
        )

    async def set(self, row: Channel | Calendar | Connection, **values: object) -> None:
        async with self.ctx.sessions.begin() as db:
            found = await db.get_one(type(row), row.id)
            for name, value in values.items():
                setattr(found, name, value)

    async def read(self, calendar_id: int) -> object:
        self.reads.append(calendar_id)
        return await pull.pull(self.ctx, self.accounts, self.policy, calendar_id)

    async def read_due(self) -> int:
        """Read what is due now; how many calendars."""
        return await CalendarReader(self.ctx, self.read, Leases(), hot_interval=self.policy.hot).drain()

    def add_event(self, name: str, start: int, end: int, which: Calendar | None = None) -> None:
        self.server.store((which or self.work).remote_id, f"{name}.ics", event(f"{name}@elsewhere", start, end))


def push_accounts(ctx: Context, server: MemoryServer, pushes: PushServer, provider: str) -> Accounts:
    def open_provider(_name: str, _tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> CalendarProvider:
        return MemoryProvider(server, account="anna", password="")

    def open_notifier(_name: str, _tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> Notifier:
        return MemoryNotifier(pushes, per_calendar=provider == "google")

    def open_password(_name: str, _credentials: object) -> CalendarProvider:
        raise AssertionError("no account here has a password")

    grants = Grants(ctx, HttpTokenEndpoint(AddressPolicy()))
    return Accounts(
        ctx.sealer, open_password, Consented(grants=grants, open_provider=open_provider, open_notifier=open_notifier)
    )


async def make_push_office(ctx: Context, provider: str = "google", *, service: bool = True) -> PushOffice:
    """An office whose calendar `work` is used and was read."""
    await provider_apps.save(ctx, provider=provider, client_id=CLIENT[provider], secret="registered")
    server = MemoryServer(passwords={"anna": ""})
    pushes = PushServer(now=ctx.now, extends=provider == "microsoft")
    person = await make_person(ctx, "anna")
    if service:
        await make_service(ctx, staff=("anna",))
    made = []
    async with ctx.sessions.begin() as db:
        connection = Connection(bookable_id=person, provider=provider, label=provider, username="anna", secret=b"first")
        db.add(connection)
        await db.flush()
        for name in ("work", "home"):
            calendar = Calendar(
                connection_id=connection.id or 0,
                bookable_id=person,
                remote_id=server.add_calendar("anna", name),
                name=name,
                due_at=ctx.now(),
            )
            db.add(calendar)
            made.append(calendar)
        assert await db.get(Bookable, person) is not None
    office = PushOffice(
        ctx=ctx,
        provider=provider,
        server=server,
        pushes=pushes,
        accounts=push_accounts(ctx, server, pushes, provider),
        person=person,
        connection_id=connection.id or 0,
        work=made[0],
        home=made[1],
    )
    await office.use(office.work)
    assert await office.read_due() == 1
    office.reads.clear()
    return office


def google_headers(channel: Standing, *, state: str = "exists", **changes: str) -> dict[str, str]:
    """The next message of a channel, as the "Push notifications" guide shows it."""
    channel.number += 1 + channel.number % 3  # rising, not consecutive
    headers = {
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "X-Goog-Channel-ID": channel.uid,
        "X-Goog-Channel-Token": channel.secret,
        "X-Goog-Message-Number": str(channel.number),
        "X-Goog-Resource-ID": channel.resource_id,
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-URI": "https://www.googleapis.com/calendar/v3/calendars/anna/events?alt=json",
        "X-Goog-Channel-Expiration": f"{from_instant(to_instant(channel.ends)):%a, %d %b %Y %H:%M:%S GMT}",
    }
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


def microsoft_item(channel: Standing, **changes: object) -> dict[str, object]:
    """An item of a batch, as "Receive change notifications through webhooks" shows it."""
    return {
        "subscriptionId": channel.remote_id,
        "subscriptionExpirationDateTime": channel.ends.isoformat(),
        "clientState": channel.secret,
        "changeType": "updated",
        "resource": "Users/1/Events/AAMk",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": "Users/1/Events/AAMk", "id": "AAMk"},
    } | changes


def microsoft_event(channel: Standing, lifecycle: str) -> dict[str, object]:
    """A lifecycle notification."""
    return {
        "subscriptionId": channel.remote_id,
        "subscriptionExpirationDateTime": channel.ends.isoformat(),
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        "clientState": channel.secret,
        "lifecycleEvent": lifecycle,
    }


async def push(client: httpx.AsyncClient, provider: str, channel: Standing) -> httpx.Response:
    """One message that something changed, in the provider's own way."""
    if provider == "google":
        return await client.post("/api/webhooks/google", headers=google_headers(channel))
    return await client.post("/api/webhooks/microsoft", json={"value": [microsoft_item(channel)]})
