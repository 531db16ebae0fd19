"""A worker that dies on demand, and what must stand whatever it was doing when it died."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import text

from booking_app.domain.clock import utc_now
from booking_app.services import booking, manage
from booking_app.services.context import Context
from tests.factories import make_request
from tests.office import cells

WORKER = Path(__file__).parent / "integration" / "crash_worker.py"


class Owner(Protocol):
    """Somebody with the calendar that blocks and receives, in their own app."""

    def put(self, start: int) -> str:
        """Write an event of 15 minutes; what it is called."""
        ...

    def move(self, name: str, start: int) -> None:
        """Let it begin then, as long as before."""
        ...

    def delete(self, name: str) -> None: ...

    def names(self) -> list[str]: ...

    def starts(self) -> list[int]:
        """When each event that stands begins."""
        ...

    def expire(self) -> None:
        """Make the next request need another token, where there are any."""
        ...


@dataclass
class Ahead:
    """A clock that goes `seconds` before the real one, as the worker's does."""

    seconds: float = 0

    def __call__(self) -> datetime:
        return utc_now() + timedelta(seconds=self.seconds)


@dataclass(kw_only=True)
class Scene:
    """A database, somebody's calendar, and a worker that dies on demand. `clock` is that of `ctx`."""

    ctx: Context
    owner: Owner
    database: str
    keys: tuple[str, ...]
    process: subprocess.Popen[str]
    start: int
    clock: Ahead
    kills: int = 0
    slots: itertools.count[int] = field(default_factory=itertools.count)
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Which simulator stands in for which provider."""

    async def run(self, what: str, kill_at: int = 0) -> bool:
        """Work until done or killed; whether it was killed. Later each time, so that no lease is in the way."""
        self.clock.seconds += 100
        order = {
            "what": what,
            "kill_at": kill_at,
            "database": self.database,
            "keys": self.keys,
            "ahead": self.clock.seconds,
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

    async def state(self) -> tuple[int, int]:
        """How many mirrors stand, and how many calendar effects wait."""
        (found,) = await cells(
            self.ctx,
            "SELECT (SELECT count(*) FROM mirror), (SELECT count(*) FROM outbox WHERE effect = 'calendar')",
        )
        return found[0], found[1]

    async def blocks(self) -> set[tuple[int, int]]:
        found = await cells(
            self.ctx,
            "SELECT extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint FROM busy_block",
        )
        assert len(found) == len(set(found))
        return {(row[0], row[1]) for row in found}

    async def cursor(self) -> str:
        return str((await cells(self.ctx, "SELECT cursor FROM calendar WHERE blocks"))[0][0])

    async def due(self) -> None:
        async with self.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET due_at = now()"))

    async def trust(self) -> None:
        """Take the calendar for read just now, so that it can be booked."""
        async with self.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET verified_at = :now"), {"now": self.clock()})


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


def in_two_days() -> int:
    """Midnight, by the real clock."""
    return int((utc_now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)).timestamp())


async def finish(scene: Scene, kill_at: int) -> bool:
    """Work with a death at that step, another one a few steps into the recovery, then to the end. Whether the
    first run died at all."""
    scene.owner.expire()
    if not await scene.run("push", kill_at):
        return False
    await scene.run("push", 1 + kill_at % 11)
    assert not await scene.run("push")
    return True


async def survive_writing(scene: Scene) -> None:
    """Book, move and cancel with a death at each step: there is one event, where it belongs, and then none."""
    for kill_at in itertools.count(1):
        await scene.trust()
        start = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(start))
        created = await finish(scene, kill_at)
        assert scene.owner.starts() == [start]
        assert await scene.state() == (1, 0)

        await scene.trust()
        moved_to = scene.next_slot()
        await manage.reschedule(scene.ctx, receipt.token, moved_to)
        moved = await finish(scene, kill_at)
        assert scene.owner.starts() == [moved_to]
        assert await scene.state() == (1, 0)

        # The reading side takes what it finds for our own doing, whatever died in between.
        assert not await scene.run("pull")
        (found,) = await cells(scene.ctx, "SELECT count(*) FROM appointment WHERE state = 'confirmed'")
        assert found[0] == 1

        await manage.cancel(scene.ctx, receipt.token)
        cancelled = await finish(scene, kill_at)
        assert scene.owner.starts() == []
        assert await scene.state() == (0, 0)
        if not (created or moved or cancelled):
            break
    assert kill_at > 10
    assert scene.kills >= 60
    assert await cells(scene.ctx, "SELECT 1 FROM calendar WHERE stopped OR failures > 0") == []


async def survive_a_move(scene: Scene) -> None:
    """Book with a death at each step; where the event was created and nobody noted it, its owner moves it before the
    work goes on: the event stays where they put it, and the appointment follows."""
    moves = 0
    for kill_at in itertools.count(1):
        await scene.trust()
        stands = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(stands))
        died = await scene.run("push", kill_at)
        created = scene.owner.names()
        if created and await cells(scene.ctx, "SELECT 1 FROM mirror WHERE key IS NULL"):
            stands = scene.next_slot()
            scene.owner.move(created[0], stands)
            moves += 1
        await scene.run("push", 1 + kill_at % 11)
        for _ in range(3):
            assert not await scene.run("push")
            await scene.due()
            assert not await scene.run("pull")
        assert scene.owner.starts() == [stands]
        assert await cells(
            scene.ctx, "SELECT extract(epoch FROM lower(during))::bigint FROM appointment WHERE state = 'confirmed'"
        ) == [(stands,)]
        assert await scene.state() == (1, 0)
        await manage.cancel(scene.ctx, receipt.token)
        await scene.run("push")
        assert scene.owner.starts() == []
        if not died:
            break
    assert moves >= 1


async def survive_reading(scene: Scene, *, kills: int) -> None:
    """Write and delete with a death at each step of reading, `kills` at least: the blocks are those of the cursor."""
    expected: set[tuple[int, int]] = set()
    last: tuple[str, int] | None = None
    for kill_at in itertools.count(1):
        before, old = set(expected), await scene.cursor()
        start = scene.next_slot()
        name = scene.owner.put(start)
        expected.add((start, start + 900))
        if last is not None:
            scene.owner.delete(last[0])
            expected.discard((last[1], last[1] + 900))
        last = name, start
        scene.owner.expire()
        await scene.due()
        died = await scene.run("pull", kill_at)
        assert await scene.blocks() == (before if await scene.cursor() == old else expected)
        for again in (1 + (kill_at + 4) % 9, 1 + kill_at % 4) if died else ():
            await scene.due()
            await scene.run("pull", again)
            assert await scene.blocks() == (before if await scene.cursor() == old else expected)
        await scene.due()
        assert not await scene.run("pull")
        assert await scene.blocks() == expected
        if not died:
            break
    assert kill_at > 6
    assert scene.kills >= kills
