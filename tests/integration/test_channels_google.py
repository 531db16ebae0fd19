"""Push channels at the simulated Google over real HTTP, both ways: watch, messages to our address, stop.

The calendar's events stand twice, in the simulation and in the server in memory that is read here: these tests are
about pushes, the adapter has its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from booking_app import runtime
from booking_app.db.tables import Account
from booking_app.domain.clock import from_instant
from booking_app.domain.effects import Outcome, Work
from booking_app.jobs.channel_keeper import ChannelKeeper
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services import accounts as sessions
from booking_app.services import provider_apps
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.sync import connect, consent, pull, revoke
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.channels import LEASE
from booking_app.sync.grants import Grants
from booking_app.sync.model import CalendarRef, Credentials, Mode, Opened
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget, a_minute
from booking_app.sync.providers.google_channels import GoogleNotifier
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.vendors import Vendor
from tests.conftest import Clock
from tests.consent_page import visit
from tests.factories import at, make_person
from tests.integration.test_api import settings
from tests.office import cells, event
from tests.served import served
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld
from tests.simulators.panel import Panel

ANNA = "anna@gmail.example"
NINE = at("2027-03-02 09:00")
_HERE = AddressPolicy(allow_private=True, allow_http=True)
_HOT = text("UPDATE calendar SET hot_until = :until")


class Watches(GoogleNotifier):
    """That of the program, over the calendar of the same events in the simulation. `die_after_answer`: as if we died
    there."""

    def __init__(self, tokens: TokenSource, vendor: Vendor, desk: Desk) -> None:
        super().__init__(
            tokens, vendor=vendor, policy=_HERE, budget=Budget(user=a_minute(600), project=a_minute(10_000))
        )
        self._desk = desk

    async def open(
        self, calendar: CalendarRef | None, *, uid: str, address: str, secret: str, spared: Collection[str] = ()
    ) -> Opened:
        assert calendar is not None
        watched = replace(calendar, remote_id=ANNA)
        opened = await super().open(watched, uid=uid, address=address, secret=secret, spared=spared)
        if self._desk.die_after_answer:
            raise Died
        return opened


class Died(BaseException):
    """The process ends here."""


class Desk:
    """Anna's account at Google with our program beside it."""

    def __init__(self, ctx: Context, world: GoogleWorld, person: SignedIn, cookie: str) -> None:
        self.ctx, self.world, self.person, self.cookie = ctx, world, person, cookie
        self.server, self.policy = MemoryServer(passwords={ANNA: ""}), SyncPolicy()
        self.remote_id = self.server.add_calendar(ANNA, "work")
        self.die_after_answer = False
        self.reads = 0
        self.uid = ""

        def open_provider(_name: str, _tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> CalendarProvider:
            return MemoryProvider(self.server, account=ANNA, password="")

        def open_notifier(_name: str, tokens: TokenSource, vendor: Vendor, _mode: Mode) -> Notifier:
            return Watches(tokens, vendor, self)

        def open_password(_name: str, _credentials: Credentials) -> CalendarProvider:
            raise AssertionError("no account has a password")

        grants = Grants(ctx, HttpTokenEndpoint(AddressPolicy()))
        consented = Consented(grants=grants, open_provider=open_provider, open_notifier=open_notifier)
        self.accounts = Accounts(ctx.sealer, open_password, consented)

    async def link(self) -> None:
        """Through the consent page; the calendar blocks."""
        given = {"person": self.person, "session": self.cookie, "provider": "google", "mode": Mode.FULL}
        address = await consent.start(self.ctx, self.accounts, connection_uid=None, **given)  # type: ignore[arg-type]
        answer = await visit(address, ANNA)
        linked = await consent.finish(self.ctx, self.accounts, session=self.cookie, provider="google", answer=answer)
        self.uid = linked.uid
        [(uid,)] = await cells(self.ctx, "SELECT uid::text FROM calendar")
        await self.choose(uid)

    async def choose(self, *uids: str) -> None:
        await connect.choose(self.ctx, bookable_id=self.person.bookable_id or 0, blocks=uids, target=None)

    async def keep(self) -> int:
        done = await ChannelKeeper(self.ctx, self.accounts).drain()
        await asyncio.to_thread(self.world.panel.deliveries.settle)
        return done

    async def read_due(self) -> int:
        async def read(calendar_id: int) -> object:
            self.reads += 1
            return await pull.pull(self.ctx, self.accounts, self.policy, calendar_id)

        return await CalendarReader(self.ctx, read, Leases(), hot_interval=self.policy.hot).drain()

    async def add(self, number: int) -> None:
        """Anna adds an event of a quarter of an hour; what Google sends for it has arrived."""
        start = NINE + number * 900
        self.server.store(self.remote_id, f"{number}.ics", event(f"{number}@elsewhere", start, start + 900))
        times = [{"dateTime": from_instant(each).isoformat()} for each in (start, start + 900)]
        await asyncio.to_thread(
            self.world.user(ANNA).calendar().put, {"summary": "Private", "start": times[0], "end": times[1]}
        )
        await asyncio.to_thread(self.world.panel.deliveries.settle)

    async def blocks(self) -> int:
        return int((await cells(self.ctx, "SELECT count(*) FROM busy_block"))[0][0])

    async def states(self) -> list[str]:
        return [row[0] for row in await cells(self.ctx, "SELECT state FROM channel ORDER BY state")]

    @property
    def standing(self) -> list[str]:
        """The channels that deliver."""
        now = self.world.now()
        return [each.id for each in self.world.channels.values() if each.expires > now and not each.grant.ended]


async def _anna(ctx: Context) -> tuple[SignedIn, str]:
    """Anna, signed in, and her session's cookie."""
    number = await make_person(ctx)
    async with ctx.sessions.begin() as db:
        account = Account(email="anna@example.com", name="Anna", bookable_id=number)
        db.add(account)
        await db.flush()
        return sessions.view(account), await sessions.start_session(ctx, db, account.id or 0, days=30)


@pytest.fixture
def world(clock: Clock) -> Iterator[GoogleWorld]:
    with google_simulator(GoogleWorld(panel=Panel("Google", clock=clock))) as started:
        started.add_user(ANNA)
        started.panel.deliveries.retries = 0
        yield started


@pytest.fixture
async def desk(
    database_url: str, tmp_path: Path, clock: Clock, world: GoogleWorld, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    async with served() as here:
        world.app("client", "planted-secret", (f"{here}/oauth/google/callback",))
        given = settings(database_url, tmp_path, public_url=here, google_url=world.url)
        async with runtime.built(given, now=clock, elapsed=clock.elapsed) as program:
            monkeypatch.setattr(runtime, "_running", [program])
            ctx = program.context
            await provider_apps.save(ctx, provider="google", client_id="client", secret="planted-secret")
            person, cookie = await _anna(ctx)
            made = Desk(ctx, world, person, cookie)
            await made.link()
            await made.read_due()
            made.reads = 0
            clock.advance(seconds=5)
            yield made
            await made.accounts.close()


async def test_p05_a_change_at_google_is_read_because_google_says_so(desk: Desk, world: GoogleWorld) -> None:
    assert await desk.keep() == 1
    [greeting] = world.panel.deliveries.log
    assert (greeting.headers["X-Goog-Resource-State"], greeting.status) == ("sync", 204)
    assert await desk.read_due() == 0
    await desk.add(1)
    assert [each.status for each in world.panel.deliveries.log] == [204, 204]
    assert await desk.read_due() == 1
    assert await desk.blocks() == 1


@pytest.mark.parametrize("trouble", ["double", "reorder", "both"])
async def test_doubled_and_reordered_messages_bring_no_more_reads(
    desk: Desk, world: GoogleWorld, clock: Clock, trouble: str
) -> None:
    await desk.keep()
    deliveries = world.panel.deliveries
    deliveries.double = trouble != "reorder"
    deliveries.reorder = 5 if trouble != "double" else 0
    for number in range(10):
        await desk.add(number)
        clock.advance(seconds=0.1)
    assert len([each for each in deliveries.log if each.status == 204]) == (21 if deliveries.double else 11)
    await desk.read_due()
    await desk.read_due()
    assert desk.reads == 1
    assert await desk.blocks() == 10


async def test_p06_losing_all_messages_leaves_the_regular_read(desk: Desk, world: GoogleWorld, clock: Clock) -> None:
    await desk.keep()
    world.panel.deliveries.lose = True
    await desk.add(1)
    began = clock()
    async with desk.ctx.sessions.begin() as db:
        await db.execute(_HOT, {"until": clock() + timedelta(hours=1)})
    while not await desk.blocks():
        clock.advance(seconds=1)
        await desk.read_due()
    assert clock() - began <= timedelta(seconds=13)


async def test_renewal_at_google_leaves_no_gap(desk: Desk, world: GoogleWorld, clock: Clock) -> None:
    await desk.keep()
    [first] = desk.standing
    for day in range(1, 15):
        clock.advance(days=1)
        await desk.read_due()
        await desk.keep()
        assert len(desk.standing) == 1
        await desk.add(day)
        assert await desk.read_due() == 1
    assert desk.standing != [first]
    assert await desk.states() == ["open"]
    assert [each for each in world.panel.log if each[2] >= 400 and "stop" not in each[1]] == []


async def test_a_calendar_that_is_not_used_any_more_has_its_channel_stopped(desk: Desk) -> None:
    await desk.keep()
    await desk.choose()
    await desk.keep()
    assert desk.standing == []
    assert await desk.states() == []


async def test_disconnecting_stops_the_channel_before_the_grant_is_revoked(desk: Desk, world: GoogleWorld) -> None:
    await desk.keep()
    bookable_id = desk.person.bookable_id or 0
    await connect.disconnect(desk.ctx, bookable_id=bookable_id, connection_uid=desk.uid, future_events="keep")

    async def leave(work: Work) -> Outcome:
        return await revoke.revoke(desk.ctx, desk.accounts, work)

    assert await Lane(desk.ctx, "revoke", leave, Leases()).drain() == 1
    assert world.channels == {}
    paths = [path for _, path, status in world.panel.log if status < 300]
    assert paths.index("/calendar/v3/channels/stop") < paths.index("/revoke")


async def test_a_channel_whose_answer_we_did_not_live_to_see_is_stopped(
    desk: Desk, world: GoogleWorld, clock: Clock
) -> None:
    desk.die_after_answer = True
    with pytest.raises(Died):
        await desk.keep()
    await asyncio.to_thread(world.panel.deliveries.settle)
    desk.die_after_answer = False
    [lost] = desk.standing
    clock.advance(seconds=LEASE.total_seconds() + 1)
    await desk.keep()
    # Its greeting has told us what to stop.
    assert len(desk.standing) == 1
    assert lost not in desk.standing
    assert await desk.states() == ["open"]
    await desk.read_due()
    before = desk.reads
    await desk.add(1)
    await desk.read_due()
    assert desk.reads == before + 1


async def test_what_google_says_no_to_disturbs_no_reading(desk: Desk, world: GoogleWorld, clock: Clock) -> None:
    world.panel.fault("POST", "watch", status=500, times=None)
    await desk.keep()
    assert desk.standing == []
    await desk.add(1)
    clock.advance(seconds=60)
    assert await desk.read_due() == 1
    assert await desk.blocks() == 1
    world.panel.heal()
    await desk.keep()
    assert len(desk.standing) == 1
