"""Where a benchmark runs: a database of its own, and small tools to fill and measure it."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from booking_app.db import migrate
from booking_app.db.embedded import EmbeddedPostgres
from tests.conftest import execute, other_database


@contextlib.contextmanager
def database(given: str = "", name: str = "booking_bench") -> Iterator[tuple[str, Path]]:
    """(URL, folder) of a fresh migrated database: on the server `given`, else on an embedded one of its own."""
    with tempfile.TemporaryDirectory(prefix="booking-bench-") as place:
        folder = Path(place)
        # The embedded server may run as another user.
        folder.chmod(0o755)
        server = None if given else EmbeddedPostgres(folder)
        base = given or (server.url if server else "")
        execute(base, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        execute(base, f"CREATE DATABASE {name}")
        url = other_database(base, name)
        migrate.upgrade(url)
        # What is measured is not how much one visitor may book.
        execute(url, "UPDATE booking_policy SET confirm_after = NULL, most_upcoming = 1000000")
        try:
            yield url, folder
        finally:
            execute(base, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            if server:
                server.stop()


def plain(url: str) -> str:
    """The URL for psycopg itself."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def fill(url: str, *statements: str) -> None:
    """Run statements, each committed, then let the planner know."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())
        connection.execute("VACUUM ANALYZE")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]
