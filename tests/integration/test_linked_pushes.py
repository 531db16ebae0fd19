"""The whole program and its providers' pushes: asked for by our own requests, delivered to our own addresses.

With the rhythm of production: a read that nobody asked for comes 11 seconds after another at the earliest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from booking_app.config import Settings
from booking_app.runtime import running
from booking_app.services import booking, calendars
from booking_app.services.views import SlotQuery
from booking_app.sync import connect
from tests.factories import make_request, make_service
from tests.radicale_office import make_settings, until
from tests.served import served
from tests.simulated_office import SimulatedOffice, callback, eventually, linked_office, simulated_office, slots
from tests.simulated_owner import ANNA, Owner, owner_at

ENDING = {"google": ("POST", "/calendar/v3/channels/stop"), "microsoft": ("DELETE", "/v1.0/subscriptions/")}


def production(database_url: str, folder: Path, here: str, *owners: Owner) -> Settings:
    """Settings of a program at `here` that may link to the owners' providers."""
    urls = {f"{each.name}_url": each.url for each in owners}
    settings = make_settings(database_url, folder, public_url=here, hot_interval=12, cold_interval=60, **urls)
    for each in owners:
        each.register(callback(settings, each.name))
    return settings


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


@pytest.fixture
async def office(owner: Owner, database_url: str, tmp_path: Path) -> AsyncIterator[SimulatedOffice]:
    async with (
        served() as here,
        simulated_office(production(database_url, tmp_path, here, owner), owner.name, ANNA) as made,
    ):
        await pushed_to(made, owner)
        yield made


async def pushed_to(office: SimulatedOffice, owner: Owner) -> None:
    """A channel stands and has greeted us, and the calendar was read since, a moment ago."""
    of = f"FROM connection c JOIN channel h ON h.connection_id = c.id WHERE c.uid::text = '{office.uid}'"
    await eventually(office, f"SELECT 1 {of} AND h.state = 'open'")
    await asyncio.to_thread(owner.panel.deliveries.settle)
    await calendars.read_now(office.ctx, connection_uid=office.uid)
    read = "SELECT 1 FROM calendar WHERE verified_at > greatest(h.opened_at, h.notified_at, now() - interval '4 s')"
    await eventually(office, f"SELECT 1 {of} AND EXISTS ({read} AND connection_id = c.id)")


async def offered(office: SimulatedOffice, start: int, yes: bool) -> bool:
    """Whether it is so that the slot is offered, or is not."""
    return (start in await slots(office)) is yes


def found(after: str) -> float:
    """How many changes of calendars with a channel were found after a `push`, or only by a regular `read`."""
    return REGISTRY.get_sample_value("booking_app_sync_changes_total", {"after": after}) or 0


# The event that we wrote is told, too: that message must not hold up the next one.
ECHOED = "SELECT 1 FROM mirror JOIN calendar ON calendar.id = calendar_id WHERE verified_at > written_at"


async def test_p05_changes_are_taken_over_because_the_provider_says_so(office: SimulatedOffice, owner: Owner) -> None:
    first, second, third = (await slots(office))[10:13]
    pushed, unpushed = found("push"), found("read")
    name = await asyncio.to_thread(owner.put, first)
    await until(lambda: offered(office, first, False))
    await asyncio.to_thread(owner.delete, name)
    await until(lambda: offered(office, first, True))
    await booking.book(office.ctx, make_request(second))
    await eventually(office, ECHOED)
    await asyncio.to_thread(owner.put, third)
    await until(lambda: offered(office, third, False))
    assert (found("push"), found("read")) == (pushed + 3, unpushed)


async def test_disconnecting_ends_the_channel_at_the_provider(office: SimulatedOffice, owner: Owner) -> None:
    (channel,) = owner.channels()
    await connect.disconnect(office.ctx, bookable_id=office.person, connection_uid=office.uid, future_events="keep")

    async def ended() -> bool:
        return owner.channels() == []

    await until(ended)
    method, path = ENDING[owner.name]
    (asked,) = [each for each in owner.requests if each.method == method and each.path.startswith(path)]
    assert channel in (asked.path.removeprefix(path), json.loads(asked.body or b"{}").get("id"))


async def test_p06_without_any_push_a_watched_slot_closes_within_the_soft_bound(
    database_url: str, tmp_path: Path
) -> None:
    """At both at once, because it takes as long as the regular read does."""
    with owner_at("google", "anna@person.example") as anna, owner_at("microsoft", "bert@person.example") as bert:
        async with served() as here, running(production(database_url, tmp_path, here, anna, bert)) as runtime:
            owners = {"anna": anna, "bert": bert}
            offices = [await linked_office(runtime, each.name, each.email, slug=slug) for slug, each in owners.items()]
            await make_service(runtime.context, staff=tuple(owners))
            now = runtime.context.now()
            span = (int((now + timedelta(days=1)).timestamp()), int((now + timedelta(days=14)).timestamp()))
            query = SlotQuery(service="haircut", span=span)
            start = (await runtime.board.get(query)).starts[10]
            for office, each in zip(offices, owners.values(), strict=True):
                await pushed_to(office, each)
            pushed, unpushed = found("push"), found("read")
            for each in owners.values():
                each.panel.deliveries.lose = True
                await asyncio.to_thread(each.put, start)

            async def closed() -> bool:
                return (await runtime.board.get(query)).at(start) == ()

            await until(closed, runtime.settings.soft_bound)
            assert (found("push"), found("read")) == (pushed, unpushed + 2)
            assert all(each.panel.deliveries.log[-1].lost for each in owners.values())
