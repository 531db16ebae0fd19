"""What the program says of itself, and what every answer carries."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("fd00::1", {}, 200),
        ("9.9.9.9", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 404),
        ("127.0.0.1", {"Via": "1.1 vegur"}, 404),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 404),
    ],
)
async def test_metrics_are_for_the_own_network(
    visitor: httpx.AsyncClient, peer: str, headers: dict[str, str], status: int
) -> None:
    transport = httpx.ASGITransport(app=create_api(), client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("booking_app" in answer.text) == (status == 200)


async def test_a_token_opens_the_metrics_from_everywhere_and_nothing_else_does(
    database_url: str, tmp_path: Path
) -> None:
    async with runtime.running(settings(database_url, tmp_path, metrics_token="a long secret")):
        transport = httpx.ASGITransport(app=create_api(), client=("9.9.9.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for given, status in (("Bearer a long secret", 200), ("bearer a long secret", 200), ("Bearer x", 404)):
                answer = await client.get("/metrics", headers={"Authorization": given, "X-Forwarded-For": "192.0.2.1"})
                assert answer.status_code == status
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/metrics")).status_code == 404


async def test_browsers_stay_with_https_where_visitors_come_by_it(visitor: httpx.AsyncClient) -> None:
    assert "strict-transport-security" not in (await visitor.get("/healthz")).headers
    transport = httpx.ASGITransport(app=create_api(https=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/healthz", "/api/v1/services", "/nowhere"):
            sent = (await client.get(path)).headers["strict-transport-security"]
            assert sent == "max-age=31536000"


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
