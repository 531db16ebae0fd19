"""Killed at any step, started again: everything has happened exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from booking_app.domain.clock import from_instant, utc_now
from booking_app.services import booking, manage
from booking_app.services.context import Context
from booking_app.sync import connect
from booking_app.sync.accounts import Accounts
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.table import opener
from booking_app.sync.vault import Vault, new_key
from tests.factories import make_person, make_request, make_service
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, names
from tests.servers import make_calendar, request, start_radicale

WORKER = Path(__file__).with_name("crash_worker.py")


@dataclass(kw_only=True)
class Scene:
    """A database, a calendar server, and a worker that dies on demand."""

    ctx: Context
    database: str
    keys: tuple[str, ...]
    url: str
    process: subprocess.Popen[str]
    start: int
    kills: int = 0
    ahead: float = 0
    slots: itertools.count[int] = field(default_factory=itertools.count)
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Which simulator stands in for which provider."""

    async def run(self, what: str, kill_at: int = 0) -> bool:
        """Work until done or killed; whether it was killed. Later each time, so that no lease is in the way."""
        self.ahead += 100
        order = {
            "what": what,
            "kill_at": kill_at,
            "database": self.database,
            "keys": self.keys,
            "ahead": self.ahead,
            "stand_ins": self.stand_ins,
        }
        answer = await asyncio.to_thread(self._ask, json.dumps(order))
        assert answer["steps"] >= 0, "the worker failed by itself"
        self.kills += answer["killed"]
        return bool(answer["killed"])

    def _ask(self, order: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def next_slot(self) -> int:
        return self.start + next(self.slots) * 900

    def put(self, name: str, data: bytes) -> None:
        status, answer, _ = request(
            "PUT", f"{self.url}{name}", user=USER, password=PASSWORD, body=data, Content_Type="text/calendar"
        )
        assert status in (200, 201, 204), answer

    def delete(self, name: str) -> None:
        assert request("DELETE", f"{self.url}{name}", user=USER, password=PASSWORD)[0] in (200, 204)

    async def state(self) -> tuple[int, int]:
        """How many mirrors stand, and how many calendar effects wait."""
        (found,) = await cells(
            self.ctx,
            "SELECT (SELECT count(*) FROM mirror), (SELECT count(*) FROM outbox WHERE effect = 'calendar')",
        )
        return found[0], found[1]


@contextlib.contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    """A worker that waits for orders."""
    process = subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def scene(ctx: Context, database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    server = start_radicale(tmp_path / "dav", {USER: PASSWORD})
    with worker() as process:
        url = make_calendar(f"{server.home(USER)}work/", user=USER, password=PASSWORD)
        keys = (new_key(),)
        ctx = replace(ctx, now=utc_now, sealer=Vault(keys))
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
        made = Scene(ctx=ctx, database=database_url, keys=keys, url=url, process=process, start=in_two_days())
        assert not await made.run("pull")
        yield made
    server.stop()


def in_two_days() -> int:
    """Midnight, by the real clock."""
    return int((utc_now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)).timestamp())


def stamp(start: int) -> bytes:
    return f"DTSTART:{from_instant(start):%Y%m%dT%H%M%SZ}".encode()


async def finish(scene: Scene, kill_at: int) -> bool:
    """Work with a death at that step, another one a few steps into the recovery, then to the end. Whether the
    first run died at all."""
    if not await scene.run("push", kill_at):
        return False
    await scene.run("push", 1 + kill_at % 11)
    assert not await scene.run("push")
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_p28_killed_at_every_step_of_writing_there_is_one_event_and_then_none(scene: Scene) -> None:
    for kill_at in itertools.count(1):
        start = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(start))
        created = await finish(scene, kill_at)
        (name,) = names(scene.url)
        assert stamp(start) in request("GET", f"{scene.url}{name}", user=USER, password=PASSWORD)[1]
        assert await scene.state() == (1, 0)

        moved_to = scene.next_slot()
        await manage.reschedule(scene.ctx, receipt.token, moved_to)
        moved = await finish(scene, kill_at)
        assert names(scene.url) == [name]
        assert stamp(moved_to) in request("GET", f"{scene.url}{name}", user=USER, password=PASSWORD)[1]
        assert await scene.state() == (1, 0)

        # The reading side takes what it finds for our own doing, whatever died in between.
        assert not await scene.run("pull")
        (found,) = await cells(scene.ctx, "SELECT count(*) FROM appointment WHERE state = 'confirmed'")
        assert found[0] == 1

        await manage.cancel(scene.ctx, receipt.token)
        cancelled = await finish(scene, kill_at)
        assert names(scene.url) == []
        assert await scene.state() == (0, 0)
        if not (created or moved or cancelled):
            break
    assert kill_at > 10
    assert scene.kills >= 60
    assert (await cells(scene.ctx, "SELECT count(*) FROM calendar WHERE stopped OR failures > 0"))[0][0] == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_at_every_step_of_reading_changes_and_cursor_stay_together(scene: Scene) -> None:
    expected: set[tuple[int, int]] = set()

    async def blocks() -> set[tuple[int, int]]:
        found = await cells(
            scene.ctx,
            "SELECT extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint FROM busy_block",
        )
        assert len(found) == len(set(found))
        return {(row[0], row[1]) for row in found}

    async def cursor() -> str:
        return str((await cells(scene.ctx, "SELECT cursor FROM calendar"))[0][0])

    async def due() -> None:
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET due_at = now()"))

    for kill_at in itertools.count(1):
        before, old = set(expected), await cursor()
        start = scene.next_slot()
        scene.put(f"e{kill_at}.ics", event(f"e{kill_at}@elsewhere", start, start + 900))
        expected.add((start, start + 900))
        if kill_at > 1:
            gone = scene.start + (kill_at - 2) * 900
            scene.delete(f"e{kill_at - 1}.ics")
            expected.discard((gone, gone + 900))
        await due()
        died = await scene.run("pull", kill_at)
        assert await blocks() == (before if await cursor() == old else expected)
        for again in (1 + (kill_at + 4) % 9, 1 + kill_at % 4) if died else ():
            await due()
            await scene.run("pull", again)
            assert await blocks() == (before if await cursor() == old else expected)
        await due()
        assert not await scene.run("pull")
        assert await blocks() == expected
        if not died:
            break
    assert kill_at > 6
    assert scene.kills >= 20


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_while_an_owners_move_is_followed_the_customer_is_told_once(scene: Scene) -> None:
    for kill_at in itertools.count(1):
        start = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(start))
        await scene.run("push")
        (name,) = names(scene.url)
        uid = (await cells(scene.ctx, "SELECT uid FROM mirror"))[0][0]
        to = scene.next_slot()
        scene.put(name, event(uid, to, to + 900))
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("DELETE FROM outbox"))
            await db.execute(text("UPDATE calendar SET due_at = now()"))
        died = await scene.run("pull", kill_at)
        if died:
            await scene.run("pull", 1 + kill_at % 5)
        assert not await scene.run("pull")
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET due_at = now()"))
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
        assert names(scene.url) == []
        if not died:
            break
    assert scene.kills >= 10
