"""The program in processes of its own, for tests and benchmarks of what several processes do together."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from booking_app.sync.vault import new_key

ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def served(database_url: str, folder: Path, *, processes: int = 1, **settings: object) -> Iterator[list[str]]:
    """Base addresses of that many processes of the API over one database; stopped when the block ends."""
    key = new_key()
    started: list[subprocess.Popen[bytes]] = []
    addresses = []
    with contextlib.ExitStack() as stack:
        try:
            for number in range(processes):
                port = free_port()
                environment = os.environ | {
                    "DATABASE_URL": database_url,
                    "DATA_DIR": str(folder),
                    "SECRET_KEYS": key,
                    "PUBLIC_URL": "https://book.example.com",
                    "RATE_SLOTS": "10000000",
                    "RATE_BOOKINGS": "10000000",
                    **{name.upper(): str(value) for name, value in settings.items()},
                }
                log = stack.enter_context((folder / f"api-{number}.log").open("wb"))
                command = [sys.executable, "-m", "uvicorn", "--factory", "tests.serve_api:create"]
                options = ["--port", str(port), "--no-access-log", "--backlog", "4096"]
                started.append(
                    subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=log, stderr=log)
                )
                addresses.append(f"http://127.0.0.1:{port}")
            for process, address in zip(started, addresses, strict=True):
                _wait(process, address, folder)
            yield addresses
        finally:
            for process in started:
                process.terminate()
            for process in started:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    logs = "\n".join(each.read_text(errors="replace")[-2000:] for each in sorted(folder.glob("api-*.log")))
    raise RuntimeError(f"the API did not start:\n{logs}")
