"""Fixtures of real parts: one PostgreSQL for the run, a migrated template, a fresh copy for each test."""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo
from sqlalchemy import make_url

from booking_app.db import migrate
from booking_app.db.embedded import EmbeddedPostgres
from booking_app.db.engine import Sessions, create_engine, create_sessions
from booking_app.services.context import Context
from booking_app.sync.vault import Vault, new_key
from tests import moment

try:
    moment.begin()
except ValueError as error:
    sys.exit(str(error))

_numbers = itertools.count(1)


@dataclass
class Clock:
    """A clock that tests set and move. Starts on a Monday at 08:00 UTC. `elapsed` are the seconds that have passed,
    whatever somebody sets the clock to."""

    time: datetime = field(default_factory=lambda: datetime(2027, 3, 1, 8, 0, tzinfo=UTC))
    passed: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **delta: float) -> None:
        """Let time pass."""
        self.time += timedelta(**delta)
        self.passed += timedelta(**delta)

    def set(self, **delta: float) -> None:
        """Set the clock ahead or back, though no time passes."""
        self.time += timedelta(**delta)

    def elapsed(self) -> float:
        return self.passed.total_seconds()


def other_database(url: str, name: str) -> str:
    """`url` pointing at another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def execute(url: str, statement: str) -> None:
    with psycopg.connect(conninfo.make_conninfo(url), autocommit=True) as connection:
        connection.execute(statement.encode())


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A fresh folder that PostgreSQL may enter: under root it runs as somebody else, and pytest closes its own folders
    to others whenever a session starts."""
    with tempfile.TemporaryDirectory(prefix="booking-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def pytest_report_header() -> str:
    return moment.header()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers: a file stays on one, and so do all who use the browser suite's running app. First,
    because the plugin that divides the tests reads the marks in this very hook."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009
        shared = any(each.scope == "package" for each in fixtures.get("instance", ())[-1:])
        item.add_marker(pytest.mark.xdist_group("browser" if shared else item.path.stem))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Tests that are divided one by one start everything they share once for each worker, which passes and takes three
    times as long: what divides them has to say that it knows the groups, which it does behind an @."""
    grouped = node.config.getoption("dist") == "loadgroup"
    if grouped and not all("@" in each.rpartition("]")[2] for each in ids):
        pytest.exit("The tests are not divided by group: --dist loadgroup does not work with this pytest", 3)


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(postgres_folder: Path) -> Iterator[str]:
    """A real server for the whole run, with a migrated database `template_app`. It need not survive a power cut, so it
    does not wait for the disk: that is what most of a fresh database costs."""
    server = EmbeddedPostgres(postgres_folder)
    execute(server.url, "ALTER SYSTEM SET fsync = off")
    execute(server.url, "SELECT pg_reload_conf()")
    execute(server.url, "CREATE DATABASE template_app")
    migrate.upgrade(other_database(server.url, "template_app"))
    yield server.url
    server.stop()


@contextlib.contextmanager
def fresh_database(postgres_url: str) -> Iterator[str]:
    """A fresh migrated database, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_app STRATEGY file_copy")
    yield other_database(postgres_url, name)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A fresh migrated database, dropped after the test."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(database_url)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ctx(sessions: Sessions, clock: Clock) -> Context:
    """Use-cases on a fresh database, a clock that stands still and no calendars."""
    return Context(
        sessions=sessions,
        now=clock,
        elapsed=clock.elapsed,
        sealer=Vault([new_key()]),
        public_url="https://book.example.com",
    )
