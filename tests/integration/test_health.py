"""What the program says of itself, and what every answer carries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from booking_app import runtime
from booking_app.api.app import create_api
from booking_app.api.protection import BODY_LIMIT
from booking_app.db import migrate
from booking_app.db.outbox import enqueue
from booking_app.logs import JsonLines
from booking_app.services.context import Context
from tests.factories import make_calendar, make_person
from tests.integration.test_api import settings


@pytest.fixture
async def visitor(database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with runtime.running(settings(database_url, tmp_path)):
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def test_a_running_program_is_healthy_and_ready(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/healthz")).json() == {"status": "ok"}
    assert (await visitor.get("/readyz")).json() == {"status": "ready"}


async def test_readyz_names_a_database_that_is_behind(visitor: httpx.AsyncClient, ctx: Context) -> None:
    async with ctx.sessions.begin() as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = await visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["faults"] == {"migrations": f"the database is at 0001, the program needs {migrate.newest()}"}


async def test_readyz_names_a_scheduler_that_stopped(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with runtime.built(settings(database_url, tmp_path)) as program:
        monkeypatch.setattr(runtime, "_running", [program])
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            async with program.jobs.running():
                assert (await client.get("/readyz")).status_code == 200
            # APScheduler notes its end in the next round of the loop.
            await asyncio.sleep(0)
            assert (await client.get("/readyz")).json()["faults"] == {"scheduler": "is not running"}


async def test_metrics_tell_age_and_queue_and_nothing_private(visitor: httpx.AsyncClient, ctx: Context) -> None:
    person = await make_person(ctx)
    await make_calendar(ctx, person, age=42)
    async with ctx.sessions.begin() as db:
        await enqueue(db, "mail", "x", due=ctx.now())
        await db.execute(text("UPDATE outbox SET parked = true"))
    answer = (await visitor.get("/metrics")).text
    assert 'booking_app_outbox_waiting{effect="mail",state="parked"} 1.0' in answer
    assert 'booking_app_calendar_age_seconds{state="ok"}' in answer
    for name in ("bookings_total", "refusals_total", "sync_inbound_seconds_bucket", "sync_outbound_seconds_bucket"):
        assert f"booking_app_{name}" in answer
    assert "anna" not in answer.lower()


async def test_answers_carry_the_protecting_headers(visitor: httpx.AsyncClient) -> None:
    headers = (await visitor.get("/healthz")).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"no-referrer", "same-origin"}


async def test_a_request_may_not_bring_more_than_the_limit(visitor: httpx.AsyncClient) -> None:
    large = b"x" * (BODY_LIMIT + 1)
    announced = await visitor.post("/api/v1/bookings", content=large)
    assert (announced.status_code, announced.json()["code"]) == (413, "too_large")

    async def drip() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    streamed = await visitor.post("/api/v1/bookings", content=drip(), headers={"content-type": "application/json"})
    assert streamed.status_code == 413


def test_log_lines_are_json_without_anything_private() -> None:
    record = logging.LogRecord("booking_app.x", logging.INFO, "file", 1, "mail.sent", (), None)
    record.__dict__ |= {"appointment": 7, "email": "clara@example.com", "manage_token": "secret", "seconds": 0.5}
    line = JsonLines().format(record)
    assert '"event": "mail.sent"' in line
    assert '"appointment": 7' in line
    assert "clara" not in line
    assert "secret" not in line


def test_a_logged_exception_says_where_but_not_with_what() -> None:
    try:
        raise ValueError("clara@example.com is not a number")
    except ValueError as error:
        record = logging.LogRecord(
            "booking_app.x", logging.ERROR, "file", 1, "broke", (), (type(error), error, error.__traceback__)
        )
    line = JsonLines().format(record)
    assert '"error": "ValueError"' in line
    assert "test_health.py" in line
    assert "clara" not in line
