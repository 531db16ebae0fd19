"""One running instance: what it needs is started in order, and ended in reverse."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from booking_app.db.embedded import EmbeddedPostgres, EmbeddedUnavailable
from booking_app.run import build
from booking_app.run.children import Children
from booking_app.run.listening import listener, reachable
from booking_app.run.trouble import Trouble

START_LIMIT = 120
"""Seconds that the app gets to answer `/readyz`."""

Say = Callable[[str], None]


def say(line: str) -> None:
    """A line of progress."""
    print(line, flush=True)


def need_free(host: str, port: int) -> None:
    """Raises `Trouble` when nobody can listen on `port` of `host`, with the cause."""
    try:
        listener(host, port).close()
    except PermissionError:
        raise Trouble(f"PORT: {port} needs more rights than this user has; choose one above 1023.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Trouble(f"PORT: {port} is taken; set PORT to a free one.") from None
        if error.errno == errno.EAFNOSUPPORT or (error.errno == errno.EADDRNOTAVAIL and ":" in host):
            raise Trouble(
                f"HOST: {host} is an IPv6 address, and this machine has none such ({error.strerror})."
            ) from None
        raise Trouble(f"HOST: {host} is not an address of this machine ({error.strerror}).") from None


def free_port(wanted: int | None) -> int:
    """`wanted` if nobody listens there, else one that the system chooses."""
    if wanted:
        try:
            need_free("127.0.0.1", wanted)
        except Trouble:
            pass
        else:
            return wanted
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_database(folder: Path) -> EmbeddedPostgres:
    """The PostgreSQL of the data folder. Raises `Trouble`."""
    try:
        return EmbeddedPostgres(folder)
    except EmbeddedUnavailable as error:
        raise Trouble(str(error)) from error


def start_app(children: Children, variables: Mapping[str, str], log: Path | None, report: Say) -> None:
    """Start the web app with `variables` and wait until it answers `/readyz`. Raises `Trouble` with the end of its
    log when it does not come up; without `log` its output has been seen already."""
    built = build.built(report)
    report("Starting the app")
    environment = {**os.environ, **build.serving_environment(built), **variables}
    size = log.stat().st_size if log and log.exists() else 0
    children.start("app", [sys.executable, "-m", "booking_app.run.server"], environment=environment, log=log)
    ready = f"http://{reachable(variables['HOST'])}:{variables['PORT']}/readyz"
    children.wait(
        ready,
        limit=START_LIMIT,
        failing=lambda: f"The app did not start{not_ready(ready)}." + (_end_of(log, size) if log else ""),
    )


def not_ready(address: str) -> str:
    """What an app that answers at its `/readyz` says is missing, for a sentence that is about it; else nothing."""
    try:
        answer = httpx.get(address, timeout=5, trust_env=False).json()
        return ": " + "; ".join(f"{part} {words}" for part, words in answer["faults"].items())
    except (httpx.HTTPError, ValueError, KeyError):
        return ""


def wait_for_end(children: Children, database: EmbeddedPostgres | None) -> str | None:
    """Until SIGINT, SIGTERM or SIGHUP, or until a child ends by itself: then its name. A database that is killed
    meanwhile is started again; raises `Trouble` if it does not start."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(0.5):
        if name := children.ended():
            return name
        if database is not None:
            _keep_alive(database)
    return None


def _keep_alive(database: EmbeddedPostgres) -> None:
    try:
        if database.revive():
            say("PostgreSQL ended by itself and was started again")
    except EmbeddedUnavailable as error:
        raise Trouble(f"PostgreSQL ended by itself. {error}") from error


def _end_of(log: Path, size: int) -> str:
    lines = log.read_bytes()[size:].decode(errors="replace").splitlines()
    return "\n".join([" The end of its log:", *lines[-30:]])
