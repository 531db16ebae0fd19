"""One team whose people keep their calendars at Google, at Microsoft and on a CalDAV server, in one program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import pytest
import pytest_asyncio

from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.errors import Refused
from booking_app.runtime import running
from booking_app.services import availability, booking, manage
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery, SlotsAnswer
from tests.conftest import fresh_database
from tests.factories import make_request, make_service
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, RealOffice, connected_office, make_settings, until
from tests.served import served
from tests.servers import Server, start_radicale
from tests.simulated_office import SimulatedOffice, callback, linked_office
from tests.simulated_owner import Owner, owner_at

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = {"google": "anna", "microsoft": "bert", "caldav": "carl"}
TOGETHER, ANYBODY = "kick-off", "haircut"


class CalendarApp(Protocol):
    """What a person does in their own calendar; events are named by what `put` gives."""

    def put(self, start: int, minutes: int = 15) -> str: ...
    def delete(self, event: str) -> None: ...
    def texts(self) -> dict[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class AtRadicale:
    office: RealOffice

    def put(self, start: int, minutes: int = 15) -> str:
        name = f"{start}.ics"
        self.office.put(name, event(f"{start}@elsewhere", start, start + minutes * 60))
        return name

    def delete(self, event: str) -> None:
        self.office.delete(event)

    def texts(self) -> dict[str, str]:
        return {each: self.office.read(each).decode() for each in self.office.names()}


@dataclass(kw_only=True)
class Team:
    """`apps` and `linked` by provider. `span` is what is looked at: it does not move with the clock."""

    ctx: Context
    span: tuple[int, int]
    apps: dict[str, CalendarApp]
    owners: dict[str, Owner]
    linked: dict[str, SimulatedOffice]

    async def slots(self, service: str) -> SlotsAnswer:
        return await availability.slots(self.ctx, SlotQuery(service=service, span=self.span))

    async def eventually(self, service: str, start: int, who: tuple[str, ...], seconds: float = 10) -> None:
        """Wait until exactly these are offered at `start`."""

        async def so() -> bool:
            return (await self.slots(service)).at(start) == who

        await until(so, seconds)

    async def written(self) -> None:
        """Wait until all that is booked, moved or cancelled is so in the calendars."""

        async def so() -> bool:
            return await cells(self.ctx, "SELECT 1 FROM outbox WHERE effect = 'calendar'") == []

        await until(so)

    async def texts(self) -> dict[str, list[str]]:
        """What stands in each calendar."""
        return {name: list((await asyncio.to_thread(app.texts)).values()) for name, app in self.apps.items()}


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_radicale(tmp_path_factory.mktemp("dav"), {USER: PASSWORD})
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, radicale: Server) -> AsyncIterator[Team]:
    """Everything running, all three connected and read once. Each test leaves the calendars empty."""
    with (
        fresh_database(postgres_url) as database_url,
        owner_at("google", "anna@person.example") as anna,
        owner_at("microsoft", "bert@person.example") as bert,
    ):
        owners: dict[str, Owner] = {"google": anna, "microsoft": bert}
        async with served() as here:
            urls = {f"{name}_url": each.url for name, each in owners.items()}
            settings = make_settings(database_url, tmp_path_factory.mktemp("data"), public_url=here, **urls)
            for name, each in owners.items():
                each.register(callback(settings, name))
            async with running(settings) as runtime:
                linked = {
                    name: await linked_office(runtime, name, each.email, slug=PEOPLE[name])
                    for name, each in owners.items()
                }
                carl = await connected_office(runtime, radicale, slug=PEOPLE["caldav"])
                ctx, staff = runtime.context, tuple(PEOPLE.values())
                await make_service(ctx, TOGETHER, staff=staff, assignment="all", duration=15, interval=15)
                await make_service(ctx, ANYBODY, staff=staff, duration=15, interval=15)
                first, last = (to_instant(ctx.now() + timedelta(days=each)) for each in (1, 14))
                yield Team(
                    ctx=ctx,
                    span=(first, last),
                    apps={**owners, "caldav": AtRadicale(office=carl)},
                    owners=owners,
                    linked=linked,
                )


async def test_booked_once_it_stands_in_all_three_calendars_and_cancelled_in_none(team: Team) -> None:
    start = (await team.slots(TOGETHER)).starts[10]
    receipt = await booking.book(team.ctx, make_request(start, service=TOGETHER))
    await team.written()
    for texts in (await team.texts()).values():
        (text,) = texts
        assert "Clara Customer" in text
        assert any(f"{from_instant(start):{form}}" in text for form in ("%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%SZ"))
    assert (await team.slots(ANYBODY)).at(start) == ()
    await manage.cancel(team.ctx, receipt.token)
    await team.written()
    assert await team.texts() == {"google": [], "microsoft": [], "caldav": []}
    assert (await team.slots(TOGETHER)).at(start) == tuple(PEOPLE.values())


@pytest.mark.parametrize("provider", PEOPLE)
async def test_p05_an_event_at_any_one_of_them_closes_the_slot_for_all(team: Team, provider: str) -> None:
    everybody = tuple(PEOPLE.values())
    start = (await team.slots(TOGETHER)).starts[10]
    name = await asyncio.to_thread(team.apps[provider].put, start)
    await team.eventually(TOGETHER, start, ())
    assert (await team.slots(ANYBODY)).at(start) == tuple(each for each in everybody if each != PEOPLE[provider])
    with pytest.raises(Refused):
        await booking.book(team.ctx, make_request(start, service=TOGETHER))
    await asyncio.to_thread(team.apps[provider].delete, name)
    await team.eventually(TOGETHER, start, everybody)


@pytest.mark.parametrize("provider", ["google", "microsoft"])
async def test_p19_the_two_others_go_on_when_the_consent_of_one_is_revoked(team: Team, provider: str) -> None:
    before = await team.slots(ANYBODY)
    start, others = before.starts[10], tuple(each for each in PEOPLE.values() if each != PEOPLE[provider])
    team.owners[provider].revoke()
    await team.eventually(ANYBODY, start, others)
    after = await team.slots(ANYBODY)
    assert after.starts == before.starts
    assert set(after.staff) == {others}
    assert [each.staff for each in after.withheld] == [PEOPLE[provider]]
    assert (await team.slots(TOGETHER)).starts == ()
    receipts = [await booking.book(team.ctx, make_request(start)) for _ in others]
    with pytest.raises(Refused):
        await booking.book(team.ctx, make_request(start))
    await team.written()
    assert {name: len(texts) for name, texts in (await team.texts()).items()} == {
        name: int(name != provider) for name in PEOPLE
    }
    for receipt in receipts:
        await manage.cancel(team.ctx, receipt.token)
    await team.written()
    await team.linked[provider].link(mode=None, again=team.linked[provider].uid)
    await team.eventually(ANYBODY, start, tuple(PEOPLE.values()), 60)
