"""What a provider refuses one person stops nobody else; what it is slow with is not waited for."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from booking_app.db.tables import Account, Channel
from booking_app.jobs.alerts import tell
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.errors import AccessLost, ProviderError, ProviderRefused, Transient
from booking_app.sync.live import Live
from booking_app.sync.pull import Pulled
from booking_app.sync.revoke import CHANNEL_TRIES
from tests.conftest import Clock
from tests.factories import at
from tests.integration.test_grants import linked, opened
from tests.linked_office import LinkedNotifier, LinkedOffice
from tests.office import cells
from tests.rows import change
from tests.token_server import TokenServer

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")


def refuse(world: TokenServer, error: str, *, only: str = "") -> None:
    """The token endpoint answers `error` to whoever's refresh token names `only`."""
    real = world.answer

    def answer(path: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if form.get("grant_type") == "refresh_token" and only in form["refresh_token"]:
            world.asked.append(form)
            return 400, {"error": error, "error_codes": [7000112]}
        return real(path, form)

    world.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("error", ["unauthorized_client", "invalid_request", "something_new"])
async def test_p22_an_organisation_that_locks_the_program_out_stops_its_own_people_only(
    office: LinkedOffice, world: TokenServer, clock: Clock, error: str
) -> None:
    anna, her_calendar = await linked(office, "anna")
    _, his_calendar = await linked(office, "bert")
    async with office.ctx.sessions.begin() as db:
        db.add(Account(email="root@example.com", name="Root", role="admin"))
    refuse(world, error, only="-anna")
    clock.advance(hours=2)
    for _ in range(30):
        assert await office.read(her_calendar) is Pulled.FAILED
        assert await office.read(his_calendar) is Pulled.READ
        await tell(office.ctx)
        clock.advance(minutes=1)
    number = (await office.row(anna.uid)).id
    found = await cells(office.ctx, "SELECT subject FROM alert WHERE closed_at IS NULL")
    assert found == [(f"connection:{number}",)], "her, once, and no incident of the provider"
    assert await cells(office.ctx, "SELECT count(DISTINCT payload->>'alert_id') FROM outbox WHERE effect = 'mail'") == [
        (1,)
    ]
    reason = (await office.row(anna.uid)).reason
    assert "does not let this account in" in reason
    assert "disabled in the account's organisation" in reason


async def test_p22_a_program_that_is_locked_out_everywhere_is_still_one_incident(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    _, first = await linked(office, "anna")
    _, second = await linked(office, "bert")
    refuse(world, "unauthorized_client")
    clock.advance(hours=2)
    for _ in range(5):
        assert await office.read(first) is Pulled.FAILED
        assert await office.read(second) is Pulled.FAILED
        await tell(office.ctx)
        clock.advance(minutes=1)
    assert await opened(office) == {"provider:google"}


async def test_while_the_endpoint_hangs_a_good_token_is_used(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, calendar = await linked(office)
    assert await office.read(calendar) is Pulled.READ
    row = await office.row(account.uid)
    clock.advance(minutes=56)
    world.delay = 20
    live = Live(sessions=office.ctx.sessions, accounts=office.accounts, deadline=15)
    found = await live.reread([row.bookable_id], (TEN, ELEVEN))
    assert found[row.bookable_id].ok
    async with asyncio.timeout(15):
        assert world.who(await office.access(account.uid)) == "anna"
    world.delay = 0


async def test_a_token_at_its_end_is_not_used_however_long_the_new_one_takes(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, _ = await linked(office)
    source = office.accounts.consented.grants.source(await office.row(account.uid))
    first = await source.token()
    clock.advance(minutes=59, seconds=30)
    world.delay = 0.5
    assert await source.token() != first


async def test_an_endpoint_that_hangs_holds_up_its_own_provider_only(
    office: LinkedOffice, ctx: Context, world: TokenServer, clock: Clock
) -> None:
    grants = office.accounts.consented.grants
    for _ in range(10):
        await grants._places["microsoft"].acquire() if not grants._places["microsoft"].locked() else None
    account, _ = await linked(office)
    clock.advance(hours=2)
    async with asyncio.timeout(20):
        assert world.who(await office.access(account.uid)) == "anna"


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (AccessLost("Google refused access (status 403)."), 1),
        (ProviderRefused("The Calendar API is switched off."), CHANNEL_TRIES + 1),
        (Transient("Google is unable to answer."), CHANNEL_TRIES + 1),
    ],
    ids=["refused", "switched off", "disturbed"],
)
async def test_a_channel_that_cannot_be_closed_does_not_keep_the_grant_alive(
    office: LinkedOffice,
    world: TokenServer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    error: ProviderError,
    tries: int,
) -> None:
    account, calendar = await linked(office)
    row = await office.row(account.uid)
    async with office.ctx.sessions.begin() as db:
        channel = Channel(connection_id=row.id or 0, calendar_id=calendar, secret_hash=b"", due_at=office.ctx.now())
        channel.remote_id, channel.resource_id, channel.state, channel.uid = "r", "x", "open", uuid4()
        db.add(channel)

    async def close(*_: Any) -> None:
        raise error

    monkeypatch.setattr(LinkedNotifier, "close", close)
    await connect.disconnect(office.ctx, bookable_id=row.bookable_id, connection_uid=account.uid, future_events="keep")
    for number in range(tries):
        assert world.grants, f"nothing was revoked before attempt {number}"
        assert await office.leave() == 1
        clock.advance(hours=2)
    assert world.grants == []
    assert await cells(office.ctx, "SELECT 1 FROM outbox WHERE effect = 'revoke'") == []


async def test_the_database_that_forgets_is_no_leak(office: LinkedOffice, world: TokenServer) -> None:
    """What a provider granted is given back when it could not be stored."""
    await change(
        office.ctx,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    )
    await change(office.ctx, "CREATE TRIGGER refuse BEFORE INSERT ON oauth_grant EXECUTE FUNCTION refuse()")
    with pytest.raises(Exception, match="no"):
        await linked(office)
    assert world.grants == []
