"""The public API at its edges: times out of reach, texts that no table keeps, paths and bodies that are none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from booking_app import config, runtime
from booking_app.api.app import create_api
from booking_app.domain.errors import Forbidden, NotFound
from booking_app.services import accounts, catalog, manage
from booking_app.services.context import Context
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import make_calendar, make_person, make_service

NINE = "2027-03-02T09:00:00Z"


@pytest.fixture
async def api(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """The whole app without its pages; what it lets through fails the test."""
    settings = config.load(
        database_url=database_url,
        data_dir=tmp_path,
        secret_keys=(new_key(),),
        public_url="https://book.example.com",
        rate_bookings=1000,
    )
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed):
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


@pytest.fixture
async def shop(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx, cut_off=0)


def wish(**changes: Any) -> dict[str, Any]:
    customer = {"name": "Clara Customer", "email": "clara@example.com"}
    return {"service": "haircut", "start": NINE, "timezone": "UTC", "customer": customer} | changes


@pytest.mark.parametrize("start", ["2020-01-01T10:00:00Z", "1970-01-05T10:00:00Z", "2027-02-26T10:00:00Z"])
async def test_a_past_start_is_too_soon_and_the_next_open_times_are_named(
    api: httpx.AsyncClient, shop: None, start: str
) -> None:
    refused = await api.post("/api/v1/bookings", json=wish(start=start))
    assert (refused.status_code, refused.json()["code"]) == (409, "too_soon")
    assert refused.json()["alternatives"][0]["start"] == "2027-03-01T09:00:00+00:00"


async def test_a_move_to_the_past_is_too_soon_and_the_old_time_stands(api: httpx.AsyncClient, shop: None) -> None:
    token = (await api.post("/api/v1/bookings", json=wish())).json()["token"]
    refused = await api.patch(f"/api/v1/bookings/{token}", json={"start": "2020-01-01T10:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_soon")
    assert refused.json()["alternatives"]
    assert (await api.get(f"/api/v1/bookings/{token}")).json()["start"] == "2027-03-02T09:00:00+00:00"


@pytest.mark.parametrize("start", ["2020-01-01T10:00:00Z", "2027-02-26T10:00:00Z", "2027-03-01T07:30:00Z"])
@pytest.mark.parametrize("window", [(-30, 400), (0, 400), (2, 400)])
async def test_a_past_start_is_over_also_where_the_calendars_do_not_reach_back(
    api: httpx.AsyncClient, ctx: Context, start: str, window: tuple[int, int]
) -> None:
    await make_calendar(ctx, await make_person(ctx), window_days=window)
    await make_service(ctx, horizon_days=1)
    refused = (await api.post("/api/v1/bookings", json=wish(start=start))).json()
    assert (refused["code"], refused["message"]) == ("too_soon", "This time has already passed.")


@pytest.mark.parametrize("name", ["", "  ", "\u00a0", "\u200b\u200d", "\u200f", "\u2060", "\u3164", "\u2800 \u00ad"])
async def test_a_name_that_nobody_could_read_is_refused(api: httpx.AsyncClient, shop: None, name: str) -> None:
    refused = await api.post("/api/v1/bookings", json=wish(customer={"name": name, "email": "clara@example.com"}))
    assert (refused.status_code, refused.json()["field"]) == (422, "customer.name")


async def test_a_key_is_the_client_s_own(api: httpx.AsyncClient, shop: None) -> None:
    """A stranger who chose the same key, and even knows the whole request, neither reads nor blocks the booking."""
    key = {"Idempotency-Key": "1"}

    async def post(address: str, wished: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=create_api(), client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/api/v1/bookings", json=wished, headers=key)

    later = wish(start="2027-03-02T10:00:00Z")
    before = await post("203.0.113.8", later)
    mine = await post("203.0.113.7", wish())
    assert (before.status_code, mine.status_code) == (201, 201)
    stranger = await post("203.0.113.8", wish())
    assert (stranger.status_code, stranger.json()["field"]) == (422, "Idempotency-Key")
    other = await post("203.0.113.9", wish())
    assert (other.status_code, other.json()["code"]) == (409, "slot_taken")
    again = await post("203.0.113.7", wish())
    assert (again.json()["token"], again.headers["Idempotency-Replayed"]) == (mine.json()["token"], "true")


async def test_a_start_beyond_the_horizon_is_too_far(api: httpx.AsyncClient, shop: None) -> None:
    refused = await api.post("/api/v1/bookings", json=wish(start="2099-12-30T10:00:00Z"))
    assert (refused.status_code, refused.json()["code"]) == (409, "too_far_ahead")


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2100-01-01T00:00:00Z"])
async def test_a_start_of_another_century_names_the_field(api: httpx.AsyncClient, shop: None, start: str) -> None:
    wrong = await api.post("/api/v1/bookings", json=wish(start=start))
    assert (wrong.status_code, wrong.json()["field"]) == (422, "start")


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules"])
async def test_a_file_of_the_zone_database_that_is_no_zone_is_refused(
    api: httpx.AsyncClient, shop: None, name: str
) -> None:
    asked = await api.get("/api/v1/services/haircut/slots", params={"tz": name})
    assert (asked.status_code, asked.json()["field"]) == (422, "tz")
    booked = await api.post("/api/v1/bookings", json=wish(timezone=name))
    assert (booked.status_code, booked.json()["field"]) == (422, "timezone")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/services/%00/slots", 404),
        ("/api/v1/services/hair%00cut/slots", 404),
        ("/api/v1/services/haircut/slots?staff=%00", 422),
        ("/api/v1/services/haircut/slots?tz=%00", 422),
        ("/api/v1/services/haircut/slots?from=%00", 422),
        ("/api/v1/bookings/%00", 404),
        ("/ics/%00.ics", 404),
    ],
)
async def test_a_nul_in_an_address_is_an_unknown_name(
    api: httpx.AsyncClient, shop: None, path: str, status: int
) -> None:
    assert (await api.get(path)).status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"service": "\0"}, 404),
        ({"staff": "an\0na"}, 422),
        ({"customer": {"name": "Clara", "email": "c\0@example.com"}}, 422),
        ({"customer": {"name": "Cl\0ara", "email": "c@example.com"}}, 422),
        ({"customer": {"name": "Clara", "email": "c@example.com", "notes": "\0"}}, 422),
    ],
)
async def test_a_nul_in_a_booking_is_refused(
    api: httpx.AsyncClient, shop: None, change: dict[str, Any], status: int
) -> None:
    assert (await api.post("/api/v1/bookings", json=wish(**change))).status_code == status


async def test_a_nul_in_the_address_of_a_booking_page_is_an_unknown_service(ctx: Context, shop: None) -> None:
    with pytest.raises(NotFound):
        await catalog.service(ctx, "\0")
    with pytest.raises(NotFound):
        await manage.view(ctx, "\0")


async def test_a_nul_in_an_address_to_sign_in_with_is_an_unknown_account(ctx: Context) -> None:
    with pytest.raises(Forbidden):
        await accounts.sign_in(ctx, "an\0na@example.com", "correct horse battery")


@pytest.mark.parametrize(
    "body",
    [
        b'{"service": ',
        b"[" * 100_000,
        b'{"service": "\xff\xfe"}',
        b'{"service": ' + b"1" * 6000 + b"}",
        b"",
        b"[]",
        b'"haircut"',
    ],
    ids=["cut off", "deep", "bytes", "long number", "empty", "list", "text"],
)
async def test_a_body_that_cannot_be_read_is_named_as_the_wrong_field(
    api: httpx.AsyncClient, shop: None, body: bytes
) -> None:
    wrong = await api.post("/api/v1/bookings", content=body, headers={"Content-Type": "application/json"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "invalid", "body")
    assert wrong.json()["message"]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1", "/api/v1/bookings/a/b", "/api/v2/services", "/api/"])
async def test_an_unknown_path_of_the_api_is_answered_in_its_own_shape(api: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        missing = await api.request(method, path)
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/services", "GET"),
        ("GET", "/api/v1/bookings", "POST"),
        ("PUT", "/api/v1/bookings/token", "DELETE, GET, PATCH"),
        ("OPTIONS", "/api/v1/bookings", "POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_named_with_those_it_has(
    api: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    wrong = await api.request(method, path)
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["Allow"]) == (405, "method_not_allowed", allowed)


async def test_a_head_request_says_that_it_is_not_answered(api: httpx.AsyncClient) -> None:
    wrong = await api.head("/api/v1/services")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET")


async def test_a_failure_nobody_foresaw_is_json_without_details(
    api: httpx.AsyncClient, ctx: Context, shop: None
) -> None:
    async with ctx.sessions.begin() as db:
        await db.execute(text("ALTER TABLE booking RENAME COLUMN notes TO remarks"))
    failed = await api.post("/api/v1/bookings", json=wish())
    assert failed.status_code == 500
    assert failed.json() == {
        "code": "internal_error",
        "message": "Something went wrong on our side. Please try again.",
    }


@pytest.mark.parametrize(
    "change",
    [b'"service": "\\ud800"', b'"staff": "\\ud800"', b'"timezone": "\\ud800"', b'"\\ud800": 1', b'"start": "\\ud800"'],
)
async def test_half_a_character_is_refused(api: httpx.AsyncClient, shop: None, change: bytes) -> None:
    body = json.dumps(wish()).encode()[:-1] + b", " + change + b"}"
    refused = await api.post("/api/v1/bookings", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
