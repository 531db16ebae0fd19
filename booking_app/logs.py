"""Structured logs: one JSON object a line, with ids and kinds, never a secret, a title or a customer's data."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from time import monotonic

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PRIVATE = ("password", "secret", "token", "cookie", "authorization", "email", "phone", "summary", "title", "notes")
"""A field whose name contains one of these words is not written, whoever logged it."""


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "event", ...extra}`. Of an exception only its type and where it came from are
    written: messages of exceptions quote what they failed on, which may be private. So do the messages of libraries
    after their first line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        for name, value in vars(record).items():
            if name in _OWN or any(word in name.lower() for word in _PRIVATE):
                continue
            line[name] = value if isinstance(value, int | float | bool | None) else str(value)[:200]
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["trace"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False)


def _event(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.name.partition(".")[0] == "booking_app":
        return message
    return next(iter(message.splitlines()), "")[:200]


SERVER = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "booking_app.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
}
"""How the web server's processes log before `configure` is called, as `logging.config.dictConfig` takes it."""


class Bounded(logging.Filter):
    """At most `MOST` warnings and errors a minute from one place in the code: what can be caused from outside must not
    fill a disk. The first after a minute says how many were left out."""

    MOST = 20

    def __init__(self) -> None:
        super().__init__()
        self._since: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now = monotonic()
        place = (record.pathname, record.lineno)
        begun, count = self._since.get(place, (now, 0))
        if now - begun >= 60:
            if count > self.MOST:
                record.left_out = count - self.MOST
            begun, count = now, 0
        self._since[place] = (begun, count + 1)
        return count < self.MOST


def configure(level: str) -> None:
    """Write the program's logs to standard error, and those of all libraries, which are heard from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Bounded())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("booking_app").setLevel(level)
    logging.captureWarnings(True)
    # Servers and frameworks bring handlers of their own, which would write messages and tracebacks as they are.
    for name in logging.root.manager.loggerDict:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # What clients make these say, `state.sockets` says in one line.
    for name in ("engineio", "engineio.server", "socketio", "socketio.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # These print addresses of requests, and addresses of ours carry tokens.
    for name in ("httpx", "httpcore", "caldav", "niquests", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
