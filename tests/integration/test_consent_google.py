"""Our side of OAuth against a Google that refuses what the real one refuses: every message over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from booking_app.db.tables import Account, Connection, Grant
from booking_app.domain.effects import Outcome, Work
from booking_app.jobs.worker import Lane, Leases
from booking_app.services import accounts as sessions
from booking_app.services import provider_apps
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.link_words import NotLinked
from booking_app.sync import connect, consent, revoke
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.consent import Linked
from booking_app.sync.errors import AccessLost, ProviderRefused
from booking_app.sync.grants import Grants
from booking_app.sync.model import Credentials, Mode, RemoteCalendar
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.vendors import Vendor
from tests.conftest import Clock
from tests.consent_page import visit
from tests.factories import make_person
from tests.office import cells
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld
from tests.simulators.panel import Panel

ANNA = "anna@gmail.example"


class _Checked(MemoryProvider):
    """Calendars in memory behind a token that Google has to know."""

    def __init__(self, world: GoogleWorld, server: MemoryServer, tokens: TokenSource) -> None:
        super().__init__(server, account=ANNA, password="")
        self._world, self._tokens = world, tokens

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        access = self._world.consents.check(await self._tokens.token())
        if access is None:
            raise AccessLost("The access token is not good.")
        return await super().list_calendars()


class Desk:
    """Anna's browser and our program."""

    def __init__(self, ctx: Context, world: GoogleWorld, person: SignedIn, cookie: str) -> None:
        self.ctx, self.world, self.person, self.cookie = ctx, world, person, cookie
        server = MemoryServer()
        server.add_calendar(ANNA, "work")

        def open_provider(_name: str, tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> CalendarProvider:
            return _Checked(world, server, tokens)

        def open_notifier(_name: str, _tokens: TokenSource, _vendor: Vendor, _mode: Mode) -> Notifier:
            raise AssertionError("no channel is open")

        def open_password(_name: str, _credentials: Credentials) -> CalendarProvider:
            raise AssertionError("no account has a password")

        grants = Grants(ctx, HttpTokenEndpoint(AddressPolicy()))
        consented = Consented(grants=grants, open_provider=open_provider, open_notifier=open_notifier)
        self.accounts = Accounts(ctx.sealer, open_password, consented)

    async def go(
        self, *, mode: Mode = Mode.FULL, again: str | None = None, untick: tuple[str, ...] = (), decision: str = "allow"
    ) -> Linked:
        address = await consent.start(
            self.ctx,
            self.accounts,
            person=self.person,
            session=self.cookie,
            provider="google",
            mode=mode,
            connection_uid=again,
        )
        answer = await visit(address, ANNA, untick=untick, decision=decision)
        return await consent.finish(self.ctx, self.accounts, session=self.cookie, provider="google", answer=answer)

    async def row(self, uid: str) -> tuple[Connection, Grant]:
        async with self.ctx.sessions() as db:
            number = (await cells(self.ctx, "SELECT id FROM connection WHERE uid = CAST(:u AS uuid)", u=uid))[0][0]
            return await db.get_one(Connection, number), await db.get_one(Grant, number)

    async def access(self, uid: str) -> str:
        return await self.accounts.consented.grants.source((await self.row(uid))[0]).token()


@pytest.fixture
def world(clock: Clock) -> Iterator[GoogleWorld]:
    with google_simulator(GoogleWorld(panel=Panel("Google", clock=clock))) as started:
        started.add_user(ANNA)
        started.app("client", "planted-secret", ("https://book.example.com/oauth/google/callback",))
        yield started


@pytest.fixture
async def desk(ctx: Context, world: GoogleWorld) -> AsyncIterator[Desk]:
    ctx = replace(ctx, stand_ins={"google": world.url})
    await provider_apps.save(ctx, provider="google", client_id="client", secret="planted-secret")
    number = await make_person(ctx)
    async with ctx.sessions.begin() as db:
        account = Account(email="anna@example.com", name="Anna", bookable_id=number)
        db.add(account)
        await db.flush()
        cookie = await sessions.start_session(ctx, db, account.id or 0, days=30)
    made = Desk(ctx, world, sessions.view(account), cookie)
    yield made
    await made.accounts.close()


async def test_consent_renewal_and_revocation_at_google(desk: Desk, world: GoogleWorld, clock: Clock) -> None:
    linked = await desk.go()
    assert linked.writes
    connection, grant = await desk.row(linked.uid)
    assert (connection.username, connection.subject) == (ANNA, world.user(ANNA).sub)
    assert grant.ends_at is None
    first = await desk.access(linked.uid)
    assert world.consents.check(first)
    clock.advance(hours=1)
    second = await desk.access(linked.uid)
    assert second != first
    assert world.consents.check(second)
    world.consents.expire_access()
    await desk.accounts.consented.grants.source(connection).refused(second)
    assert world.consents.check(await desk.access(linked.uid))

    await connect.disconnect(
        desk.ctx, bookable_id=desk.person.bookable_id or 0, connection_uid=linked.uid, future_events="keep"
    )

    async def leave(work: Work) -> Outcome:
        return await revoke.revoke(desk.ctx, desk.accounts, work)

    assert await Lane(desk.ctx, "revoke", leave, Leases()).drain() == 1
    assert {each.ended for each in world.consents.grants} == {"revoked"}
    assert await cells(desk.ctx, "SELECT 1 FROM outbox") == []
    assert [each for each in world.panel.log if each[2] >= 400] == []


async def test_busy_only_asks_less_and_is_widened_later(desk: Desk, world: GoogleWorld) -> None:
    linked = await desk.go(mode=Mode.BUSY)
    scopes = {each.rpartition("/")[2] for each in world.consents.grants[0].scopes}
    assert scopes == {"openid", "userinfo.email", "calendar.calendarlist.readonly", "calendar.events.freebusy"}
    assert (await desk.go(again=linked.uid)).writes
    assert (await desk.row(linked.uid))[0].mode == "full"


@pytest.mark.parametrize("left_out", ["calendar.calendarlist.readonly", "calendar.events.readonly"])
async def test_what_is_needed_and_unticked_is_named(desk: Desk, world: GoogleWorld, left_out: str) -> None:
    with pytest.raises(NotLinked) as refused:
        await desk.go(untick=(left_out,))
    assert refused.value.code.value == "missing"
    assert [each.rpartition("/")[2] for each in refused.value.scopes] == [left_out]
    assert {each.ended for each in world.consents.grants} == {"revoked"}
    assert await cells(desk.ctx, "SELECT 1 FROM connection") == []


async def test_writing_may_be_unticked_and_allowed_later(desk: Desk) -> None:
    linked = await desk.go(untick=("calendar.events.owned",))
    assert not linked.writes
    assert await cells(desk.ctx, "SELECT can_write FROM calendar") == [(False,)]
    assert (await desk.go(again=linked.uid)).writes
    assert await cells(desk.ctx, "SELECT can_write FROM calendar") == [(True,)]


async def test_who_cancels_is_not_linked(desk: Desk) -> None:
    with pytest.raises(NotLinked) as refused:
        await desk.go(decision="cancel")
    assert refused.value.code.value == "denied"


async def test_p21_google_itself_names_the_end_of_a_grant_in_testing(
    desk: Desk, world: GoogleWorld, clock: Clock
) -> None:
    world.apps["client"].testing = True
    linked = await desk.go()
    assert (await desk.row(linked.uid))[1].ends_at == clock() + timedelta(days=7)
    clock.advance(days=3)
    await desk.access(linked.uid)
    assert (await desk.row(linked.uid))[1].ends_at == clock() + timedelta(days=4)
    clock.advance(days=4)
    with pytest.raises(AccessLost):
        await desk.access(linked.uid)


async def test_p22_a_wrong_secret_is_not_the_persons_fault(desk: Desk, world: GoogleWorld, clock: Clock) -> None:
    linked = await desk.go()
    await desk.accounts.consented.grants.check("google")
    world.apps["client"].secret = "another"
    clock.advance(hours=1)
    with pytest.raises(ProviderRefused, match="client secret is wrong"):
        await desk.access(linked.uid)
    del world.apps["client"]
    clock.advance(minutes=1)
    with pytest.raises(ProviderRefused):
        await desk.access(linked.uid)
