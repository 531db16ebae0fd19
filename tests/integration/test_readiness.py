"""What cannot be written is not ready: full and read-only disks, and databases that only read."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url, text
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from booking_app import runtime
from booking_app.api.app import create_api
from booking_app.db import migrate
from booking_app.db.embedded import EmbeddedPostgres, end_leftover
from booking_app.db.engine import create_engine, create_sessions
from booking_app.db.write_probe import _SORT_ON_DISK, refused_writes
from booking_app.run.instance import not_ready
from booking_app.services import readiness
from booking_app.services.context import Context
from booking_app.services.readiness import AGAIN, EVERY, Readiness, refused_file
from tests.conftest import Clock, execute, open_folder
from tests.full_disk import fill, make_read_only, small_disk
from tests.integration.test_api import settings
from tests.rows import change, rows
from tests.simulators.serving import serving

READY = (200, {"status": "ready"})


def unready(**faults: str) -> tuple[int, object]:
    return 503, {"status": "not ready", "faults": faults}


@contextlib.asynccontextmanager
async def asking(database_url: str, folder: Path, clock: Clock, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who watches a program that runs."""
    chosen = settings(database_url, folder, **changes)
    async with runtime.running(chosen, now=clock, elapsed=clock.elapsed):
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def told(client: httpx.AsyncClient) -> tuple[int, object]:
    answer = await client.get("/readyz")
    assert (await client.get("/healthz")).status_code == 200
    return answer.status_code, answer.json()


async def test_a_folder_that_is_full_is_named_until_there_is_room(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    with small_disk(tmp_path / "data", 1) as folder:
        async with asking(database_url, folder, clock) as client:
            assert await told(client) == READY
            hog = fill(folder)
            clock.advance(seconds=EVERY)
            full = "cannot be written (No space left on device)"
            assert await told(client) == unready(data_folder=full, mail_folder=full)
            hog.unlink()
            clock.advance(seconds=AGAIN)
            assert await told(client) == READY
        assert [each.name for each in folder.iterdir()] == ["mail"]


async def test_a_folder_that_is_read_only_is_named(database_url: str, tmp_path: Path, clock: Clock) -> None:
    with small_disk(tmp_path / "data", 1) as folder:
        make_read_only(folder)
        words = "cannot be written (Read-only file system)"
        async with asking(database_url, folder, clock) as client:
            assert await told(client) == unready(data_folder=words, mail_folder=words)


async def test_a_file_in_the_place_of_a_folder_is_named(database_url: str, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "mail").touch()
    async with asking(database_url, tmp_path, clock) as client:
        assert await told(client) == unready(mail_folder="cannot be written (File exists)")
    # Where mail does not go to files, that folder is nobody's concern.
    other = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "bookings@example.com"}
    async with asking(database_url, tmp_path, clock, **other) as client:
        assert await told(client) == READY
    async with asking(database_url, tmp_path / "mail", clock, **other) as client:
        assert await told(client) == unready(data_folder="cannot be written (File exists)")


def test_what_a_process_may_not_write_is_named_and_nothing_stays(tmp_path: Path) -> None:
    limited = (
        "import resource, sys; from pathlib import Path; from booking_app.services.readiness import refused_file;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); print(refused_file(Path(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", limited, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "cannot be written (File too large)\n"
    assert refused_file(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


async def test_a_start_that_fails_names_what_is_not_ready() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        faults = {"data_folder": "cannot be written (No space left on device)", "scheduler": "is not running"}
        answer = JSONResponse({"status": "not ready", "faults": faults}, status_code=503)
        await (JSONResponse({"status": "ready"}) if scope["path"] == "/ready" else answer)(scope, receive, send)

    with serving(app) as address:
        words = ": data_folder cannot be written (No space left on device); scheduler is not running"
        assert await asyncio.to_thread(not_ready, f"{address}/readyz") == words
        assert await asyncio.to_thread(not_ready, f"{address}/ready") == ""
    assert await asyncio.to_thread(not_ready, address) == ""


async def test_a_database_that_only_reads_is_named(database_url: str, tmp_path: Path, clock: Clock) -> None:
    name = make_url(database_url).database
    execute(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with asking(database_url, tmp_path, clock) as client:
        words = "takes no writes: it is a standby, or default_transaction_read_only is on"
        assert await told(client) == unready(database=words)
        assert await told(client) == unready(database=words)


@pytest.mark.parametrize(
    ("code", "words"),
    [("53100", "takes no writes: its disk is full"), ("58030", "takes no writes (IoError)")],
)
async def test_what_the_database_cannot_store_is_named(ctx: Context, code: str, words: str) -> None:
    """Refused by the server itself, where no small disk can be had."""
    await change(
        ctx, f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE SQLSTATE '{code}'; END$$"
    )
    await change(ctx, "CREATE TRIGGER refuse BEFORE INSERT ON time_seen FOR EACH ROW EXECUTE FUNCTION refuse()")
    assert await Readiness(ctx, {}).faults() == {"database": words}


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A migrated server of its own on a small disk, and that disk."""
    with open_folder() as place, small_disk(place / "disk", 120) as disk:
        server = EmbeddedPostgres(disk)
        try:
            migrate.upgrade(server.url)
            yield server.url, disk
        finally:
            server.stop()
            end_leftover(disk)


async def test_a_database_on_a_full_disk_is_named(cramped: tuple[str, Path], clock: Clock) -> None:
    url, disk = cramped
    engine = create_engine(url)
    sessions = create_sessions(engine)
    try:
        assert await refused_writes(sessions, clock()) is None
        hog = fill(disk)
        assert await refused_writes(sessions, clock()) == "takes no writes: its disk is full"
        with psycopg.connect(url) as reader:
            assert reader.execute("SELECT count(*) FROM bookable").fetchone() == (0,)
        hog.unlink()
        assert await refused_writes(sessions, clock()) is None
    finally:
        await engine.dispose()


async def test_the_look_at_the_disk_does_not_stay_in_memory(ctx: Context) -> None:
    async with ctx.sessions.begin() as db:
        await db.execute(text("SET LOCAL work_mem = '64kB'"))
        plan = await db.scalars(text(f"EXPLAIN (ANALYZE, COSTS off) {_SORT_ON_DISK.text}"))
        (sort,) = [line for line in plan if "Sort Method" in line]
    assert "Disk:" in sort


async def test_many_who_ask_cost_one_write(ctx: Context, clock: Clock, tmp_path: Path) -> None:
    watched = Readiness(ctx, {"data_folder": tmp_path})

    async def ask_all() -> object:
        assert await asyncio.gather(*(watched.faults() for _ in range(10))) == [{}] * 10
        ((version,),) = await rows(ctx, "SELECT xmin::text FROM time_seen")
        return version

    first = await ask_all()
    clock.advance(seconds=EVERY / 2)
    assert await ask_all() == first
    clock.advance(seconds=EVERY / 2)
    assert await ask_all() != first


async def test_a_write_that_does_not_end_is_told_and_not_begun_again(
    ctx: Context, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE", 0.2)
    watched = Readiness(ctx, {})
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE time_seen")
        for _ in range(3):
            assert await watched.faults() == {"database": "does not answer when it is written to"}
            clock.advance(seconds=EVERY)
        waiting = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        assert waiting == (1,)
    await watched.close()
    assert await Readiness(ctx, {}).faults() == {}
