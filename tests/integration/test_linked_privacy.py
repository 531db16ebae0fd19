"""What is asked of a provider, stored and logged from the first link of an account to its end: nothing of what events
are about, and no token in the clear."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_app.domain.errors import Refused
from booking_app.logs import JsonLines
from booking_app.services import booking, calendars, manage
from booking_app.services.context import Context
from booking_app.sync import connect
from tests.allowed_requests import GOOGLE, MICROSOFT, not_allowed
from tests.factories import make_request
from tests.office import cells
from tests.radicale_office import make_settings, until
from tests.served import served
from tests.simulated_office import (
    SECRET,
    WRITTEN,
    SimulatedOffice,
    callback,
    eventually,
    simulated_office,
    slots,
)
from tests.simulated_owner import ANNA, PLANTED, Owner, owner_at

RULES = {"google": GOOGLE, "microsoft": MICROSOFT}
GONE = "SELECT 1 WHERE NOT EXISTS (SELECT FROM connection) AND NOT EXISTS (SELECT FROM outbox WHERE effect = 'revoke')"
EXPAND = "singleValueExtendedProperties($filter=id eq 'String {5d1c3b4e-6f0a-4f5b-9a53-3a8f6a2f6c11} Name bookingUid')"


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


async def read(office: SimulatedOffice) -> None:
    """Have the calendar read, and again if that fails."""
    asked = office.ctx.now()

    async def so() -> bool:
        await calendars.read_now(office.ctx, connection_uid=office.uid)
        return await cells(office.ctx, "SELECT 1 FROM calendar WHERE verified_at >= :asked", asked=asked) != []

    await until(so)


async def work(office: SimulatedOffice, owner: Owner) -> set[str]:
    """All that happens to a linked account but its end; the ids of our own events in it."""
    await eventually(office, "SELECT 1 FROM channel WHERE state = 'open'")
    starts = (await slots(office))[10:]
    theirs = await asyncio.to_thread(owner.put, starts[0])
    await read(office)
    owner.panel.deliveries.lose = True
    await asyncio.to_thread(owner.put, starts[1])
    with pytest.raises(Refused):
        await booking.book(office.ctx, make_request(starts[1]))
    owner.panel.deliveries.lose = False
    receipt = await booking.book(office.ctx, make_request(starts[2]))
    await eventually(office, WRITTEN)
    ours = {name for name, text in owner.texts().items() if "Clara Customer" in text}
    await manage.reschedule(office.ctx, receipt.token, start=starts[3])
    await eventually(office, f"{WRITTEN} AND extract(epoch FROM starts_at) = {starts[3]}")
    await manage.cancel(office.ctx, receipt.token)
    await eventually(office, "SELECT 1 WHERE NOT EXISTS (SELECT FROM mirror)")
    await asyncio.to_thread(owner.delete, theirs)
    await read(office)
    owner.forget_cursors()
    await read(office)
    owner.slow_down()
    await calendars.read_now(office.ctx, connection_uid=office.uid)
    await eventually(office, "SELECT 1 FROM calendar WHERE failures > 0")
    owner.expire()
    await read(office)
    return ours


async def dump(ctx: Context) -> str:
    """All that is stored."""
    tables = [row[0] for row in await cells(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return "".join([str(await cells(ctx, f"SELECT * FROM {table}")) for table in tables])


def secrets_of(owner: Owner) -> set[str]:
    """What was handed out by the provider, and given to it with each channel."""
    told = [json.loads(each.body) for each in owner.requests if each.path.endswith(("/watch", "/subscriptions"))]
    channels = {str(each.get("token") or each.get("clientState")) for each in told}
    assert channels
    return {SECRET, *owner.refresh_tokens(), *owner.access_tokens(), *owner.world.consents.codes, *channels}


async def test_nothing_private_is_asked_for_stored_or_logged(
    owner: Owner, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("sqlalchemy", "httpcore"):  # which print what is stored, and what the person's browser is told
        caplog.set_level(logging.WARNING, logger=name)
    for name in ("httpx", ""):
        caplog.set_level(logging.DEBUG, logger=name)  # the last one is the level of what is caught, too
    stored = []
    async with served() as here:
        settings = make_settings(
            database_url, tmp_path, public_url=here, hot_interval=12, **{f"{owner.name}_url": owner.url}
        )
        owner.register(callback(settings, owner.name))
        async with simulated_office(settings, owner.name, ANNA) as office:
            ours = await work(office, owner)
            stored.append(await dump(office.ctx))
            await connect.disconnect(
                office.ctx, bookable_id=office.person, connection_uid=office.uid, future_events="keep"
            )
            await eventually(office, GONE)
            stored.append(await dump(office.ctx))
    assert len(ours) == 1
    assert not_allowed(RULES[owner.name], owner.requests, ours) == []
    assert {dict(each.query).get("$expand", EXPAND) for each in owner.requests} == {EXPAND}
    assert "channel.opened" in caplog.messages
    logged = [caplog.text, *(JsonLines().format(each) for each in caplog.records)]
    mails = [each.read_text() for each in (tmp_path / "mail").iterdir()]
    for secret in (PLANTED, *secrets_of(owner)):
        part = secret[:60]  # a log line may end before a token does
        for text in (*stored, *logged, *mails):
            assert part not in text
            assert part.encode().hex() not in text
