"""The embedded server: odd folders, and what a crash leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from booking_app.db.embedded import EmbeddedPostgres, EmbeddedUnavailable, end_leftover, forget_the_dead
from tests.conftest import open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged server may enter."""
    with open_folder() as made:
        yield made
        end_leftover(made)


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(server.url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def kill(folder: Path) -> None:
    """As the kernel does when memory is short: the server's first process, at once."""
    process = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    process.kill()
    process.wait(10)


def test_a_path_with_spaces_and_one_that_is_long(folder: Path) -> None:
    for name in ("my data", "a" * 120):
        place = folder / name
        place.mkdir()
        server = EmbeddedPostgres(place)
        assert answers(server)
        server.stop()
        end_leftover(place)


def test_a_stale_note_of_a_server_is_not_believed(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    data = folder / "postgres"
    note = (data / "postmaster.pid").read_text()
    server.stop()
    assert not (data / "postmaster.pid").exists()
    # As after a crash of the machine: the number belongs to somebody else now, here to ourselves.
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *note.splitlines()[1:]]))
    (data / ".handle_pids.json").write_text("[999999999]")
    again = EmbeddedPostgres(folder)
    assert answers(again)
    again.stop()
    assert not (data / "postmaster.pid").exists()


def test_a_server_that_runs_is_joined_and_a_leftover_is_ended(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    forget_the_dead(folder / "postgres")
    assert (folder / "postgres" / "postmaster.pid").exists()
    assert answers(server)
    end_leftover(folder)
    with pytest.raises(psycopg.OperationalError):
        answers(server)


def test_a_folder_of_something_else_is_one_sentence(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedUnavailable, match="PostgreSQL does not start"):
        EmbeddedPostgres(folder)


def test_a_server_that_was_killed_starts_again_with_all_that_was_committed(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    address = server.url
    with psycopg.connect(address, autocommit=True) as busy:
        busy.execute("CREATE TABLE kept AS SELECT 7 AS number")
        assert not server.revive()
        kill(folder)
        assert server.revive()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
    assert server.url == address
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert not server.revive()
    server.stop()
    assert not (folder / "postgres" / "postmaster.pid").exists()


def test_a_server_that_cannot_start_again_is_named(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    data = folder / "postgres"
    kill(folder)
    (data / "PG_VERSION").write_text("9")
    with pytest.raises(EmbeddedUnavailable, match=r"does not start in .*its log ends with"):
        server.revive()
