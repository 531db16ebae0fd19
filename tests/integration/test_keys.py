"""A process that lacks a key: one incident for the admins, and nobody loses an account over it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from booking_app.db.tables import Account
from booking_app.domain.appointment import ConnectionState
from booking_app.domain.clock import utc_now
from booking_app.jobs.alerts import KEYS_QUIET, tell
from booking_app.runtime import running
from booking_app.services.context import Context
from booking_app.sync import connect, pull
from booking_app.sync.accounts import Accounts
from booking_app.sync.doctor import Doctor
from booking_app.sync.errors import KeyMissing
from booking_app.sync.findings import CREDENTIALS, Verdict
from booking_app.sync.live import Live
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.pull import Pulled
from booking_app.sync.rotation import rotate
from booking_app.sync.vault import Vault, new_key
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.integration.test_grants import add_admin, linked, mails, opened
from tests.linked_office import LinkedOffice
from tests.office import cells, make_office, memory_accounts
from tests.processes import ROOT
from tests.radicale_office import PASSWORD as RADICALE
from tests.radicale_office import USER, make_settings, read_since, real_office
from tests.servers import start_radicale
from tests.token_server import TokenServer

OLD, NEW = new_key(), new_key()
TEN = at("2027-03-02 10:00")


@pytest.fixture
def ctx(ctx: Context) -> Context:
    """A process that knows the old key alone."""
    return replace(ctx, sealer=Vault([OLD]))


async def reads(ctx: Context, accounts: Accounts, calendars: list[int]) -> list[Pulled]:
    return [await pull.pull(ctx, accounts, SyncPolicy(), each) for each in calendars]


async def minutes(many: float, clock: Clock, work: Callable[[], Awaitable[object]], ctx: Context) -> None:
    """So long the work is done and people are told, every 30 seconds."""
    end = clock() + timedelta(minutes=many)
    while clock() < end:
        await work()
        await tell(ctx)
        clock.advance(seconds=30)


async def test_accounts_by_consent_stand_and_the_admins_get_one_mail(office: LinkedOffice, clock: Clock) -> None:
    await add_admin(office)
    calendars = [(await linked(office, name))[1] for name in ("anna", "ben", "cas")]
    assert await reads(office.ctx, office.accounts, calendars) == [Pulled.READ] * 3
    clock.advance(hours=2)
    both = replace(office.ctx, sealer=Vault([NEW, OLD]))
    await rotate(both.sessions, Vault([NEW, OLD]))
    await minutes(20, clock, lambda: reads(office.ctx, office.accounts, calendars), office.ctx)
    assert {row[0] for row in await cells(office.ctx, "SELECT state FROM connection")} == {"slowed"}
    assert await opened(office) == {"keys"}, "nobody's calendar is stale besides"
    assert await mails(office) == [("keys", "boss@example.com")]
    ((message,),) = await cells(office.ctx, "SELECT message FROM alert WHERE closed_at IS NULL")
    assert "Put that key back and restart" in message

    restarted = office.other_process(both)
    assert await reads(both, restarted, calendars) == [Pulled.READ] * 3
    await minutes(KEYS_QUIET.total_seconds() / 60 + 1, clock, lambda: reads(both, restarted, calendars), both)
    assert await opened(office) == set()
    assert {row[0] for row in await cells(office.ctx, "SELECT state FROM connection")} == {"ok"}
    assert len(await mails(office)) == 1


async def test_accounts_with_a_password_stand_too(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        db.add(Account(email="anna@example.com", name="Anna", bookable_id=office.person))
        db.add(Account(email="boss@example.com", name="Boss", role="admin"))
    await rotate(ctx.sessions, Vault([NEW, OLD]))
    await minutes(20, clock, office.read, office.ctx)
    told = "SELECT p.email FROM outbox JOIN account p ON p.id = (payload->>'account_id')::bigint WHERE effect = 'mail'"
    assert await cells(ctx, "SELECT subject FROM alert") == [("keys",)]
    assert await cells(ctx, told) == [("boss@example.com",)]
    assert (await office.connection()).state == ConnectionState.SLOWED.value
    assert office.server.calls == [], "the provider is not asked with what is no password"
    with pytest.raises(KeyMissing):
        await office.accounts.of(await office.connection())

    ready = replace(office.ctx, sealer=Vault([NEW]))
    accounts = memory_accounts(ready, office.server)
    assert await reads(ready, accounts, [office.calendar_id]) == [Pulled.READ]
    clock.advance(seconds=KEYS_QUIET.total_seconds() + 1)
    await tell(ready)
    assert await cells(ctx, "SELECT subject FROM alert WHERE closed_at IS NULL") == []


async def test_while_one_process_of_two_lacks_the_key_there_is_one_incident(office: LinkedOffice, clock: Clock) -> None:
    await add_admin(office)
    _, calendar = await linked(office)
    clock.advance(hours=2)
    both = replace(office.ctx, sealer=Vault([NEW, OLD]))
    other = office.other_process(both)
    await rotate(both.sessions, Vault([NEW, OLD]))

    async def in_turn() -> None:
        assert await reads(office.ctx, office.accounts, [calendar]) == [Pulled.FAILED]
        assert await reads(both, other, [calendar]) == [Pulled.READ]

    await minutes(20, clock, in_turn, office.ctx)
    assert await cells(office.ctx, "SELECT subject, closed_at FROM alert") == [("keys", None)]
    assert await mails(office) == [("keys", "boss@example.com")]


async def test_writes_and_last_looks_wait_for_the_key(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await make_booking(office.ctx, TEN)
    await rotate(ctx.sessions, Vault([NEW, OLD]))
    found = await Live(sessions=ctx.sessions, accounts=office.accounts).reread([office.person], (TEN, TEN + 3600))
    assert not found[office.person].ok
    assert "Nothing is wrong with the account" in found[office.person].trouble
    assert await office.write() == 1
    ((_, attempts, reason, parked),) = await office.outbox()
    assert (attempts, parked) == (1, False)
    assert "lacks a key" in reason
    assert (await office.connection()).state == ConnectionState.OK.value
    assert await cells(ctx, "SELECT subject FROM alert") == [("keys",)]

    both = replace(office.ctx, sealer=Vault([NEW]))
    ready = replace(office, ctx=both, accounts=memory_accounts(both, office.server))
    clock.advance(minutes=1)
    assert await ready.write() == 1
    assert len(office.own_events()) == 1
    assert await office.outbox() == []


async def test_leave_is_taken_by_whoever_has_the_key(office: LinkedOffice, world: TokenServer, clock: Clock) -> None:
    account, _ = await linked(office)
    row = await office.row(account.uid)
    await connect.disconnect(office.ctx, bookable_id=row.bookable_id, connection_uid=account.uid, future_events="keep")
    await rotate(office.ctx.sessions, Vault([NEW, OLD]))
    assert await office.leave() == 1
    assert await cells(office.ctx, "SELECT parked FROM outbox WHERE effect = 'revoke'") == [(False,)]
    assert world.grants
    clock.advance(minutes=1)
    both = replace(office.ctx, sealer=Vault([NEW]))
    ready = replace(office, ctx=both, accounts=office.other_process(both))
    assert await ready.leave() == 1
    assert world.grants == []


async def test_the_doctor_names_a_client_secret_without_a_key(office: LinkedOffice) -> None:
    await rotate(office.ctx.sessions, Vault([NEW, OLD]))

    async def reach(_url: str) -> str:
        return ""

    found = await Doctor(office.ctx, office.accounts.consented.grants, reach).examine("google")
    (credentials,) = (each for each in found if each.name == CREDENTIALS)
    assert credentials.verdict is Verdict.BAD
    assert "Put that key back" in credentials.mend
    assert await opened(office) == set(), "no incident of the provider"


async def test_the_command_changes_the_key_while_the_program_reads(database_url: str, tmp_path: Path) -> None:
    """In the order that the README names: the new key behind the old one, then in front, then alone."""
    server = start_radicale(tmp_path / "dav", {USER: RADICALE})
    settings = make_settings(database_url, tmp_path, secret_keys=(OLD, NEW))

    try:
        async with real_office(settings, server) as office:
            done = await rotate_keys(database_url, tmp_path)
            assert done == "1 values were sealed anew; keys after the first one are not needed any more\n"
            await read_since(office.ctx, utc_now())
            ((uid, secret, state),) = await cells(office.ctx, "SELECT uid::text, secret, state FROM connection")
            assert Vault([NEW]).open(secret, f"connection:{uid}") == RADICALE
            assert state == ConnectionState.OK.value
            assert await cells(office.ctx, "SELECT subject FROM alert") == []
        async with running(make_settings(database_url, tmp_path, secret_keys=(NEW,))) as alone:
            await read_since(alone.context, alone.context.now())
    finally:
        server.stop()


async def rotate_keys(database_url: str, folder: Path) -> str:
    """What the command says."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "SECRET_KEYS": f"{NEW},{OLD}",
        "PUBLIC_URL": "https://book.example.com",
    }
    command = [sys.executable, "-m", "booking_app.cli", "rotate-keys"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
