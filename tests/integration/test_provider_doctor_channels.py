"""What the doctor says of notifications that a simulated provider would not promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update
from sqlmodel import col

from booking_app import runtime
from booking_app.api.app import create_api
from booking_app.db.tables import Connection, ProviderApp
from booking_app.domain.appointment import ConnectionState
from booking_app.jobs.channel_keeper import ChannelKeeper
from booking_app.runtime import Runtime
from booking_app.services import provider_apps
from booking_app.sync import connect, probe
from booking_app.sync.doctor import Doctor
from booking_app.sync.findings import NOTIFICATIONS, Finding, Verdict
from tests.factories import make_person
from tests.office import cells
from tests.radicale_office import make_settings
from tests.servers import free_port
from tests.simulated_office import CLIENT, callback, signed_in_office
from tests.simulated_owner import ANNA, Owner, owner_at
from tests.simulators.serving import serving


@dataclass(frozen=True, kw_only=True)
class Case:
    """A program with one linked account, whose webhooks nobody outside reaches."""

    program: Runtime
    owner: Owner

    async def ask_for_channels(self) -> None:
        keeper = ChannelKeeper(self.program.context, self.program.accounts)
        # What a first look notes is due from then on.
        assert [await keeper.drain(), await keeper.drain()] in ([0, 1], [1, 0])

    async def notifications(self) -> Finding:
        """As seen from this machine, where the address answers."""
        ctx = self.program.context

        async def reach(url: str) -> str:
            return probe.answer(ctx.sealer, parse_qs(urlsplit(url).query)[probe.NAME][0]) or ""

        found = await Doctor(ctx, self.program.accounts.consented.grants, reach).examine(self.owner.name)
        return next(each for each in found if each.name == NOTIFICATIONS)


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


@pytest.fixture
async def case(owner: Owner, database_url: str, tmp_path: Path) -> AsyncIterator[Case]:
    # Nobody listens there, so the handshake of Microsoft fails; Google does not look, so it is told to refuse.
    public = f"http://127.0.0.1:{free_port()}"
    settings = make_settings(database_url, tmp_path, public_url=public, **{f"{owner.name}_url": owner.url})
    owner.register(callback(settings, owner.name))
    if owner.name == "google":
        error = {"code": 400, "errors": [{"reason": "pushWebhookUrlNotHttps"}]}
        owner.panel.fault("POST", "/watch", status=400, body={"error": error}, times=None)
    async with runtime.built(settings) as program:
        person = await make_person(program.context, "anna")
        office = await signed_in_office(program, owner.name, ANNA, person=person)
        await office.link()
        (first, *_) = await cells(program.context, "SELECT uid::text FROM calendar ORDER BY id")
        await connect.choose(program.context, bookable_id=person, blocks=[first[0]], target=first[0])
        yield Case(program=program, owner=owner)


async def test_what_the_provider_answered_is_shown_with_what_mends_it(case: Case) -> None:
    assert (await case.notifications()).verdict is Verdict.UNKNOWN
    await case.ask_for_channels()
    found = await case.notifications()
    assert found.verdict is Verdict.WARN
    assert "refused the request (status 400" in found.sentence
    assert f"/api/webhooks/{case.owner.name}" in found.mend
    assert "let requests from the internet through" in found.mend


async def test_that_they_arrived_before_does_not_hide_it(case: Case) -> None:
    ctx = case.program.context
    await case.ask_for_channels()
    async with ctx.sessions.begin() as db:
        await db.execute(update(ProviderApp).values(pushed_at=ctx.now() - timedelta(hours=1)))
    assert (await case.notifications()).verdict is Verdict.WARN


async def test_a_lost_account_is_not_called_a_trouble_of_the_address(case: Case) -> None:
    ctx = case.program.context
    await case.ask_for_channels()
    async with ctx.sessions.begin() as db:
        lost = ConnectionState.NEEDS_SIGN_IN.value
        await db.execute(update(Connection).where(col(Connection.state) != lost).values(state=lost))
    assert (await case.notifications()).verdict is Verdict.UNKNOWN


async def test_it_is_over_when_the_provider_agrees(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    await case.ask_for_channels()
    case.owner.panel.heal()
    monkeypatch.setattr(runtime, "_running", [case.program])
    with serving(create_api(), urlsplit(case.program.settings.public_url).port or 0):
        await provider_apps.save(case.program.context, provider=case.owner.name, client_id=CLIENT)
        await case.ask_for_channels()
    assert (await case.notifications()).verdict is not Verdict.WARN
