"""Killed at any step, started again: everything has happened exactly once."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from booking_app.domain.clock import from_instant
from booking_app.services import booking, manage
from booking_app.services.context import Context, LiveRead
from booking_app.sync import connect
from booking_app.sync.accounts import Accounts
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.table import opener
from booking_app.sync.vault import Vault, new_key
from tests.crash_scene import Ahead, Scene, in_two_days, survive_a_move, survive_reading, survive_writing, worker
from tests.factories import make_person, make_request, make_service
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, names
from tests.servers import make_calendar, request, start_radicale

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class AtRadicale:
    """The owner of the collection at `url`."""

    url: str

    def put(self, start: int) -> str:
        name = f"{start}.ics"
        self.write(name, event(f"{start}@elsewhere", start, start + 900))
        return name

    def write(self, name: str, data: bytes) -> None:
        status, answer, _ = request(
            "PUT", f"{self.url}{name}", user=USER, password=PASSWORD, body=data, Content_Type="text/calendar"
        )
        assert status in (200, 201, 204), answer

    def move(self, name: str, start: int) -> None:
        text = request("GET", f"{self.url}{name}", user=USER, password=PASSWORD)[1].decode()
        for each, at in (("DTSTART", start), ("DTEND", start + 900)):
            text = re.sub(rf"^{each}:\w+", f"{each}:{from_instant(at):%Y%m%dT%H%M%SZ}", text, flags=re.MULTILINE)
        self.write(name, text.encode())

    def names(self) -> list[str]:
        return names(self.url)

    def delete(self, name: str) -> None:
        assert request("DELETE", f"{self.url}{name}", user=USER, password=PASSWORD)[0] in (200, 204)

    def starts(self) -> list[int]:
        return [start for name in names(self.url) for start in self._starts(name)]

    def _starts(self, name: str) -> list[int]:
        text = request("GET", f"{self.url}{name}", user=USER, password=PASSWORD)[1].decode()
        found = re.findall(r"^DTSTART:(\d{8}T\d{6})Z", text, re.MULTILINE)
        return [int(datetime.strptime(f"{each}+0000", "%Y%m%dT%H%M%S%z").timestamp()) for each in found]

    def expire(self) -> None:
        """CalDAV has no tokens."""


@pytest.fixture
async def scene(ctx: Context, database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    server = start_radicale(tmp_path / "dav", {USER: PASSWORD})
    with worker() as process:
        url = make_calendar(f"{server.home(USER)}work/", user=USER, password=PASSWORD)
        keys = (new_key(),)
        clock = Ahead()
        ctx = replace(ctx, now=clock, sealer=Vault(keys))
        accounts = Accounts(ctx.sealer, opener(AddressPolicy(allow_private=True, allow_http=True), expand_inline))
        person = await make_person(ctx, weekly=dict.fromkeys(range(7), ((0, 1440),)))
        await make_service(ctx, duration=15, interval=15, cut_off=0)
        await connect.connect(
            ctx,
            accounts,
            bookable_id=person,
            preset="other",
            address=server.home(USER),
            username=USER,
            secret=PASSWORD,
        )
        (found,) = await cells(ctx, "SELECT uid::text FROM calendar")
        await connect.choose(ctx, bookable_id=person, blocks=[found[0]], target=found[0])
        await accounts.close()
        made = Scene(
            ctx=ctx,
            owner=AtRadicale(url),
            database=database_url,
            keys=keys,
            process=process,
            start=in_two_days(),
            clock=clock,
        )
        assert not await made.run("pull")
        yield made
    server.stop()


async def test_p28_killed_at_every_step_of_writing_there_is_one_event_and_then_none(scene: Scene) -> None:
    await survive_writing(scene)


async def test_killed_between_a_creation_and_its_note_an_owners_move_in_between_stays(scene: Scene) -> None:
    await survive_a_move(scene)


async def test_killed_at_every_step_of_reading_changes_and_cursor_stay_together(scene: Scene) -> None:
    await survive_reading(scene, kills=20)


async def test_killed_while_an_owners_move_is_followed_the_customer_is_told_once(scene: Scene) -> None:
    owner = scene.owner
    assert isinstance(owner, AtRadicale)
    for kill_at in itertools.count(1):
        await scene.trust()
        start = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(start))
        await scene.run("push")
        (name,) = names(owner.url)
        uid = (await cells(scene.ctx, "SELECT uid FROM mirror"))[0][0]
        to = scene.next_slot()
        owner.write(name, event(uid, to, to + 900))
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("DELETE FROM outbox"))
        await scene.due()
        died = await scene.run("pull", kill_at)
        if died:
            await scene.run("pull", 1 + kill_at % 5)
        assert not await scene.run("pull")
        await scene.due()
        assert not await scene.run("pull")
        found = await cells(
            scene.ctx,
            "SELECT extract(epoch FROM lower(during))::bigint FROM appointment WHERE state = 'confirmed'",
        )
        assert found == [(to,)]
        mails = await cells(scene.ctx, "SELECT generation FROM outbox WHERE effect = 'mail'")
        assert mails
        assert {row[0] for row in mails} == {1}
        await manage.cancel(scene.ctx, receipt.token)
        await scene.run("push")
        assert owner.starts() == []
        if not died:
            break
    assert scene.kills >= 10


async def test_p06_killed_after_accepting_without_a_look_and_while_comparing_the_owner_is_asked_once(
    scene: Scene,
) -> None:
    async def silent(people: Collection[int], _: object) -> dict[int, LiveRead]:
        return {each: LiveRead(ok=False, trouble="It does not answer.") for each in people}

    blind = replace(scene.ctx, reread=silent)
    for kill_at in itertools.count(1):
        await scene.due()
        assert not await scene.run("pull")
        start = scene.next_slot()
        scene.owner.put(start)
        await scene.trust()
        receipt = await booking.book(blind, make_request(start))
        await scene.due()
        died = await scene.run("pull", kill_at)
        if died:
            await scene.due()
            await scene.run("pull", 1 + kill_at % 5)
        await scene.due()
        assert not await scene.run("pull")
        assert await cells(
            scene.ctx,
            "SELECT conflict_kind FROM appointment WHERE state = 'confirmed' AND conflict_kind IS NOT NULL",
        ) == [("overlap",)]
        assert len(await cells(scene.ctx, "SELECT 1 FROM alert WHERE closed_at IS NULL")) == 1
        await manage.cancel(scene.ctx, receipt.token)
        await scene.run("push")
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE alert SET closed_at = now()"))
        if not died:
            break
    assert scene.kills >= 10
