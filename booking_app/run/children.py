"""Processes that a run starts: each in a group of its own, all ended with the run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from booking_app.run.trouble import Trouble

PATIENCE = 15
"""Seconds that a child gets to end by itself after SIGTERM."""

LOG_LIMIT = 5_000_000
"""Bytes: a longer log is put aside at the next start, and the one put aside before goes."""


class Children:
    """Starts children and notes them in `folder`, so that the next run finds those of a run that was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path | None) -> None:
        """Run `command` with its output in `log`, or where ours goes. It does not see the terminal's Ctrl-C; we pass
        the end on."""
        with contextlib.ExitStack() as opened:
            output = None
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
                if log.exists() and log.stat().st_size > LOG_LIMIT:
                    log.replace(log.with_suffix(".old.log"))
                output = opened.enter_context(log.open("ab"))
            child = subprocess.Popen(  # noqa: S603
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        self._started[name] = child
        born = psutil.Process(child.pid).create_time()
        self._note(name).write_text(f"{child.pid} {born}")

    def ended(self) -> str | None:
        """The name of a child that is no longer running, if any."""
        return next((name for name, child in self._started.items() if child.poll() is not None), None)

    def wait(self, *addresses: str, limit: float, failing: Callable[[], str]) -> None:
        """Until whoever listens at these HTTP addresses is well. Raises `Trouble(failing())` after `limit` seconds, or
        as soon as a child has ended."""
        deadline = time.monotonic() + limit
        with httpx.Client(timeout=5, trust_env=False) as client:
            while not all(_well(client, address) for address in addresses):
                if self.ended() or time.monotonic() > deadline:
                    raise Trouble(failing())
                time.sleep(0.05)

    def stop(self) -> None:
        """End all, last started first; whoever does not end within `PATIENCE` is killed."""
        for name, child in reversed(list(self._started.items())):
            _end_group(child.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
            self._note(name).unlink(missing_ok=True)
        self._started.clear()

    def end_orphans(self) -> None:
        """End what an earlier run left behind. A process that only took over the number is left alone."""
        for note in self._folder.glob("child-*.pid"):
            words = note.read_text().split()
            if len(words) == 2 and words[0].isdigit() and _same(int(words[0]), words[1]):
                _end_group(int(words[0]))
            note.unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._folder / f"child-{name}.pid"


def _well(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code < 400
    except httpx.HTTPError:
        return False


def _same(pid: int, born: str) -> bool:
    try:
        return str(psutil.Process(pid).create_time()) == born
    except psutil.NoSuchProcess:
        return False


def _end_group(pid: int) -> None:
    """SIGTERM to the child, SIGKILL to what is left of its group after `PATIENCE`."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
