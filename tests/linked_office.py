"""Accounts that are linked by consent, for tests: calendars in memory that open only to a good access token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TypeVar

from booking_app.db.tables import Account, Calendar, Connection, Grant
from booking_app.domain.effects import Outcome, Work
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services import accounts as sessions
from booking_app.services import provider_apps
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.sync import connect, consent, pull, push, revoke
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.errors import AccessLost
from booking_app.sync.grants import Grants
from booking_app.sync.live import Live
from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    Mode,
    Opened,
    OwnEvent,
    RemoteCalendar,
    Written,
)
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.vendors import Vendor
from tests.office import cells
from tests.token_server import CLIENT, SECRET, TokenServer

Answer = TypeVar("Answer")


class LinkedProvider:
    """The calendars in memory of whoever the access token belongs to."""

    def __init__(self, world: TokenServer, server: MemoryServer, tokens: TokenSource) -> None:
        self._world, self._server, self._tokens = world, server, tokens

    async def _with(self, verb: Callable[[MemoryProvider], Awaitable[Answer]]) -> Answer:
        for _ in range(2):
            token = await self._tokens.token()
            subject = self._world.who(token)
            if subject is not None:
                return await verb(MemoryProvider(self._server, account=subject, password=""))
            await self._tokens.refused(token)
        raise AccessLost("The provider does not take the access that it gave.")

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        return await self._with(lambda inner: inner.list_calendars())

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        return await self._with(lambda inner: inner.changes(calendar, cursor=cursor, known=known, window=window))

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        return await self._with(lambda inner: inner.busy_now(calendar, window=window))

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        return await self._with(lambda inner: inner.put(calendar, draft, key=key, etag=etag))

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        return await self._with(lambda inner: inner.get(calendar, key=key))

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        return await self._with(lambda inner: inner.find(calendar, uid=uid))

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        await self._with(lambda inner: inner.remove(calendar, key=key, etag=etag))

    async def close(self) -> None:
        return None


class LinkedNotifier:
    """Notes which channels were closed, with a good token."""

    per_calendar, pushes = True, True

    def __init__(self, world: TokenServer, tokens: TokenSource, closed: list[str]) -> None:
        self._world, self._tokens, self._closed = world, tokens, closed

    async def open(
        self, calendar: CalendarRef | None, *, uid: str, address: str, secret: str, spared: Collection[str] = ()
    ) -> Opened:
        raise NotImplementedError

    async def extend(self, channel: Opened) -> Opened | None:
        raise NotImplementedError

    async def close(self, channel: Opened) -> None:
        if self._world.who(await self._tokens.token()) is None:
            raise AccessLost("The provider does not take the access that it gave.")
        self._closed.append(channel.remote_id)

    async def release(self) -> None:
        self._closed.append("released")


@dataclass(kw_only=True)
class LinkedOffice:
    """A program whose one provider is `provider`, with calendars in memory."""

    ctx: Context
    world: TokenServer
    server: MemoryServer
    accounts: Accounts
    closed: list[str]
    provider: str
    policy: SyncPolicy = field(default_factory=SyncPolicy)
    others: list[Accounts] = field(default_factory=list)

    def other_process(self, ctx: Context | None = None) -> Accounts:
        """Accounts that share nothing with ours but the database."""
        made = linked_accounts(ctx or self.ctx, self.world, self.server)
        self.others.append(made)
        return made

    async def close(self) -> None:
        for each in (self.accounts, *self.others):
            await each.close()

    async def access(self, uid: str, accounts: Accounts | None = None) -> str:
        """A token of the account, as somebody who needs one gets it."""
        return await (accounts or self.accounts).consented.grants.source(await self.row(uid)).token()

    async def signed_in(self, bookable_id: int, email: str = "anna@example.com") -> tuple[SignedIn, str]:
        """A new account of the person's, and the value of its session cookie."""
        async with self.ctx.sessions.begin() as db:
            account = Account(email=email, name="Anna", bookable_id=bookable_id)
            db.add(account)
            await db.flush()
            cookie = await sessions.start_session(self.ctx, db, account.id or 0, days=30)
        return sessions.view(account), cookie

    async def link(
        self,
        person: SignedIn,
        cookie: str,
        subject: str,
        *,
        mode: Mode | None = None,
        scopes: str | None = None,
        again: str | None = None,
    ) -> consent.Linked:
        """Through the consent page as `subject`, allowing all that is asked for or only `scopes`."""
        address = await consent.start(
            self.ctx,
            self.accounts,
            person=person,
            session=cookie,
            provider=self.provider,
            mode=mode,
            connection_uid=again,
        )
        answer = self.world.consent(address, subject, scopes=scopes)
        return await consent.finish(self.ctx, self.accounts, session=cookie, provider=self.provider, answer=answer)

    async def use(self, person: SignedIn, linked: consent.Linked, *, target: bool = True) -> int:
        """Let the first calendar of the account block and receive appointments; its id."""
        found = await cells(
            self.ctx,
            "SELECT k.id, k.uid::text FROM calendar k JOIN connection c ON c.id = k.connection_id"
            " WHERE c.uid = CAST(:uid AS uuid) ORDER BY k.id",
            uid=linked.uid,
        )
        number, uid = found[0]
        await connect.choose(
            self.ctx, bookable_id=person.bookable_id or 0, blocks=[uid], target=uid if target else None
        )
        return int(number)

    async def row(self, uid: str) -> Connection:
        async with self.ctx.sessions() as db:
            number = (await cells(self.ctx, "SELECT id FROM connection WHERE uid = CAST(:uid AS uuid)", uid=uid))[0][0]
            return await db.get_one(Connection, number)

    async def grant(self, uid: str) -> Grant:
        async with self.ctx.sessions() as db:
            return await db.get_one(Grant, (await self.row(uid)).id)

    async def calendar(self, calendar_id: int) -> Calendar:
        async with self.ctx.sessions() as db:
            return await db.get_one(Calendar, calendar_id)

    async def read(self, calendar_id: int) -> pull.Pulled:
        return await pull.pull(self.ctx, self.accounts, self.policy, calendar_id)

    async def read_all(self) -> int:
        async def read(calendar_id: int) -> object:
            return await self.read(calendar_id)

        return await CalendarReader(self.ctx, read, Leases(), hot_interval=self.policy.hot).drain()

    async def write(self) -> int:
        async def handler(work: Work) -> Outcome:
            return await push.push(self.ctx, self.accounts, work)

        return await Lane(self.ctx, "calendar", handler, Leases()).drain()

    async def leave(self) -> int:
        async def handler(work: Work) -> Outcome:
            return await revoke.revoke(self.ctx, self.accounts, work)

        return await Lane(self.ctx, "revoke", handler, Leases()).drain()


def linked_accounts(
    ctx: Context, world: TokenServer, server: MemoryServer, closed: list[str] | None = None
) -> Accounts:
    """Accounts of a process of its own."""

    def open_provider(_name: str, tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> CalendarProvider:
        return LinkedProvider(world, server, tokens)

    def open_notifier(_name: str, tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> Notifier:
        return LinkedNotifier(world, tokens, [] if closed is None else closed)

    def open_password(_name: str, _credentials: object) -> CalendarProvider:
        raise AssertionError("no account here has a password")

    grants = Grants(ctx, HttpTokenEndpoint(AddressPolicy()))
    return Accounts(
        ctx.sealer, open_password, Consented(grants=grants, open_provider=open_provider, open_notifier=open_notifier)
    )


async def make_linked_office(ctx: Context, world: TokenServer, *, provider: str = "google") -> LinkedOffice:
    """A program that is registered at the provider."""
    ctx = replace(ctx, stand_ins={provider: world.url})
    await provider_apps.save(ctx, provider=provider, client_id=CLIENT, secret=SECRET)
    server, closed = MemoryServer(), list[str]()
    accounts = linked_accounts(ctx, world, server, closed)
    ctx = replace(ctx, reread=Live(sessions=ctx.sessions, accounts=accounts, deadline=2).reread)
    return LinkedOffice(
        ctx=ctx,
        world=world,
        server=server,
        accounts=accounts,
        closed=closed,
        provider=provider,
    )
