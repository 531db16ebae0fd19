"""The logs: one JSON object a line, whoever wrote it, and nothing of a customer in them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from booking_app import config, logs, runtime
from booking_app.api.app import create_api
from booking_app.db.engine import Sessions
from booking_app.logs import JsonLines
from booking_app.services.context import Context
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import make_person, make_service

_LIBRARIES = (
    "uvicorn",
    "uvicorn.error",
    "reflex.state",
    "asyncio",
    "sqlalchemy.pool",
)

_PROGRAM = f"""
import logging, logging.config, sys, warnings
from booking_app import logs

for name in {_LIBRARIES!r}:
    logger = logging.getLogger(name)
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.propagate = False
logging.config.dictConfig(logs.SERVER)
logging.getLogger("booking_app").warning("before the program started")
logs.configure("INFO")
for name in {_LIBRARIES!r}:
    try:
        raise ValueError("Clara Customer")
    except ValueError:
        logging.getLogger(name).exception("it failed\\n<Task exception=ValueError('Clara Customer')>")
warnings.warn("old")
"""


def test_every_line_of_every_library_is_one_json_object() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    first, *lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert first["event"] == "before the program started"
    assert [line["logger"] for line in lines] == [*_LIBRARIES, "py.warnings"]
    for line in lines[:-1]:
        assert (line["event"], line["error"], line["level"]) == ("it failed", "ValueError", "error")
        assert line["trace"]
    assert "Clara" not in done.stderr


async def test_an_error_of_the_database_does_not_carry_what_was_stored(sessions: Sessions) -> None:
    async with sessions() as db:
        with pytest.raises(DBAPIError) as caught:
            await db.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "Clara Customer"})
    assert "Clara" not in str(caught.value)


async def test_a_failed_request_is_one_line_without_its_customer(
    database_url: str, ctx: Context, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_person(ctx)
    await make_service(ctx)
    async with ctx.sessions.begin() as db:
        await db.execute(text("ALTER TABLE booking RENAME COLUMN notes TO remarks"))
    settings = config.load(
        database_url=database_url, data_dir=tmp_path, secret_keys=(new_key(),), public_url="https://book.example.com"
    )
    wish = {
        "service": "haircut",
        "start": "2027-03-02T09:00:00Z",
        "timezone": "UTC",
        "customer": {"name": "Clara Customer", "email": "clara@example.com"},
    }
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed):
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/api/v1/bookings", json=wish)).status_code == 500
    [line] = [JsonLines().format(each) for each in caplog.records if each.levelno >= logging.ERROR]
    written = json.loads(line)
    assert (written["event"], written["error"]) == ("request.failed", "UndefinedColumn")
    assert any("booking.py" in frame for frame in written["trace"])
    assert "clara" not in line.lower()


def test_what_comes_again_and_again_is_written_so_often_and_then_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    bounded = logs.Bounded()

    def written(line: int, level: int = logging.WARNING, times: int = 100) -> list[logging.LogRecord]:
        made = [logging.LogRecord("x", level, "file.py", line, "said %s", (each,), None) for each in range(times)]
        return [record for record in made if bounded.filter(record)]

    assert len(written(1)) == 20
    assert len(written(2, logging.ERROR)) == 20
    assert len(written(3, logging.INFO)) == 100
    assert written(1) == []
    now += 60
    [first] = written(1, times=1)
    assert first.__dict__["left_out"] == 180
    now += 60
    [second] = written(1, times=1)
    assert not hasattr(second, "left_out")
