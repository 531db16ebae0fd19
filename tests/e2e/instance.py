"""Starting and stopping `booking demo` as a person does: a process, its output, its run.json."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_LIMIT = 240
"""Seconds, with the build of the front end on a busy machine."""

UNLIMITED = {"RATE_SLOTS": "1000000", "RATE_BOOKINGS": "1000000", "RATE_SIGN_IN": "1000000"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Instance:
    """A started process of the command line. `lines` is what it printed so far."""

    process: subprocess.Popen[str]
    folder: Path
    port: int
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def staff(self, slug: str) -> dict[str, Any]:
        """The facts of one person: email, password, caldav."""
        found: dict[str, Any] = next(each for each in self.facts["staff"] if each["slug"] == slug)
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send the signal, wait for the end, hand out the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end, hand out the exit code; all that it printed is in `lines` then."""
        code = self.process.wait(120)
        if self.reader:
            self.reader.join(120)
        return code


def launch(folder: Path, command: str = "demo", **variables: str) -> Instance:
    """Start the command without waiting for anything."""
    chosen = variables.get("PORT") or str(free_port())
    unset = {"DATABASE_URL", "SECRET_KEYS", "PUBLIC_URL", "REDIS_URL", "SMTP_URL", "DEMO"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= UNLIMITED | variables | {"PORT": chosen, "DATA_DIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-m", "booking_app.cli", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started = Instance(process=process, folder=folder, port=int(chosen))

    def collect() -> None:
        assert process.stdout is not None
        with process.stdout:
            started.lines.extend(process.stdout)

    started.reader = threading.Thread(target=collect, daemon=True)
    started.reader.start()
    return started


def start(folder: Path, **variables: str) -> Instance:
    """Start the demo and wait for its run.json."""
    facts = folder / "run.json"
    # A run that was killed leaves its facts; those of the new one are a new file.
    stale = written(facts)
    started = launch(folder, **variables)
    deadline = time.monotonic() + START_LIMIT
    while written(facts) in {None, stale}:
        if started.process.poll() is not None or time.monotonic() > deadline:
            started.stop()
            raise AssertionError(f"the demo did not start:\n{started.output}")
        time.sleep(0.05)
    started.facts = json.loads(facts.read_text())
    return started


def written(file: Path) -> int | None:
    """When it was last written, or None while it does not exist."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None
