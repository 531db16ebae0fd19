"""`booking read-calendar`: what a calendar file blocks, for support and for comparing with other readers."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from datetime import UTC, date, datetime, time
from pathlib import Path

from booking_app.domain.clock import from_instant, to_instant
from booking_app.run.trouble import Trouble
from booking_app.sync import ical, zones
from booking_app.sync.model import BusyKind, RemoteObject


def read_calendar(options: Namespace) -> int:
    """Print one JSON object a line: blocks in the order of their start, then what could not be read.

    Raises `Trouble` for a file that cannot be opened and for options that mean nothing."""
    window = _day(options.since, "--from"), _day(options.until, "--to")
    if window[0] >= window[1]:
        raise Trouble(f"--to: {options.until} is not after {options.since}")
    if zones.named(options.zone) is None:
        raise Trouble(f"--zone: {options.zone} is no time zone; use a name like Europe/Amsterdam")
    raw = options.file, "", _content(options.file)
    (found,) = ical.expand_objects([raw], options.zone, options.address, window)
    try:
        _tell(found)
    except BrokenPipeError:
        # Whoever reads has seen enough. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _tell(found: RemoteObject) -> None:
    for busy in found.busy:
        certain = busy.kind is not BusyKind.UNCERTAIN
        print(json.dumps({"start": _words(busy.start), "end": _words(busy.end), "certain": certain}))
    for problem in found.problems:
        at = None if problem.at is None else _words(problem.at)
        print(json.dumps({"problem": problem.code.value, "at": at}))
    sys.stdout.flush()


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(ical.MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(ical.MAX_BYTES + 1)
    except OSError as error:
        raise Trouble(f"{name} cannot be read: {error.strerror or error}") from error


def _day(text: str, option: str) -> int:
    try:
        return to_instant(datetime.combine(date.fromisoformat(text), time(), UTC))
    except ValueError:
        raise Trouble(f"{option}: {text} is no date; use one like 2026-11-01") from None


def _words(instant: int) -> str:
    return f"{from_instant(instant):%Y-%m-%dT%H:%M:%SZ}"
