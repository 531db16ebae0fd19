"""The public API: shapes, statuses, named reasons, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from booking_app import config, runtime
from booking_app.api.v1 import router
from booking_app.services.context import Context
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service

DAY = {"from": "2027-03-02", "to": "2027-03-03", "tz": "Europe/Amsterdam"}
NINE = "2027-03-02T10:00:00+01:00"  # 09:00 UTC


def settings(database_url: str, folder: Path, **changes: object) -> config.Settings:
    values: dict[str, object] = {
        "database_url": database_url,
        "data_dir": folder,
        "secret_keys": (new_key(),),
        "public_url": "https://book.example.com",
    }
    return config.load(**(values | changes))


@pytest.fixture
async def api(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    async with runtime.running(settings(database_url, tmp_path, rate_bookings=1000), now=clock, elapsed=clock.elapsed):
        app = FastAPI()
        app.include_router(router)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield client


@pytest.fixture
async def shop(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))


def wish(**changes: Any) -> dict[str, Any]:
    customer = {"name": "Clara Customer", "email": "clara@example.com"}
    return {"service": "haircut", "start": NINE, "timezone": "Europe/Amsterdam", "customer": customer} | changes


async def test_services_and_their_slots(api: httpx.AsyncClient, shop: None) -> None:
    listed = (await api.get("/services")).json()["services"]
    assert [(each["slug"], each["duration"], [one["slug"] for one in each["staff"]]) for each in listed] == [
        ("haircut", 30, ["anna", "bert"])
    ]
    answer = await api.get("/services/haircut/slots", params=DAY)
    assert answer.status_code == 200
    body = answer.json()
    assert len(body["slots"]) == 16
    assert body["slots"][0] == {"start": NINE, "end": "2027-03-02T10:30:00+01:00", "staff": ["anna", "bert"]}
    assert (body["verified_at"], body["withheld"]) == (None, [])
    one = (await api.get("/services/haircut/slots", params=DAY | {"staff": "bert"})).json()
    assert {tuple(each["staff"]) for each in one["slots"]} == {("bert",)}


async def test_instants_are_understood_with_a_plus_sign_that_became_a_space(api: httpx.AsyncClient, shop: None) -> None:
    plain = await api.get(f"/services/haircut/slots?from={NINE}&to=2027-03-02T11:00:00%2B01:00&tz=UTC")
    assert [each["start"] for each in plain.json()["slots"]] == [
        "2027-03-02T09:00:00+00:00",
        "2027-03-02T09:30:00+00:00",
    ]


async def test_p35_a_date_is_a_day_of_the_reader(api: httpx.AsyncClient, shop: None) -> None:
    body = (await api.get("/services/haircut/slots", params=DAY | {"tz": "Asia/Tokyo"})).json()
    assert {each["start"][:10] for each in body["slots"]} == {"2027-03-02"}
    assert {each["start"][-6:] for each in body["slots"]} == {"+09:00"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2027-03-02T09:00:00"}, "from"),
        ({"to": "2027-03-02"}, "to"),
        ({"to": "2027-05-04"}, "to"),
        ({"staff": "stranger"}, "staff"),
    ],
)
async def test_a_wrong_question_names_the_field(
    api: httpx.AsyncClient, shop: None, change: dict[str, str], field: str
) -> None:
    answer = await api.get("/services/haircut/slots", params=DAY | change)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["message"]


async def test_sixty_two_days_may_be_asked(api: httpx.AsyncClient, shop: None) -> None:
    assert (await api.get("/services/haircut/slots", params=DAY | {"to": "2027-05-03"})).status_code == 200


async def test_p18_p39_a_broken_calendar_is_named_and_never_an_empty_list_alone(
    api: httpx.AsyncClient, ctx: Context
) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, state="needs_sign_in")
    answer = await api.get("/services/haircut/slots", params=DAY)
    assert answer.status_code == 200
    [withheld] = answer.json()["withheld"]
    assert (withheld["staff"], withheld["reason"]) == ("anna", "calendar_unreadable")
    refused = await api.post("/bookings", json=wish())
    assert (refused.status_code, refused.json()["code"]) == (409, "calendar_unreadable")


async def test_a_booking_from_its_first_to_its_last_day(api: httpx.AsyncClient, shop: None) -> None:
    made = await api.post("/bookings", json=wish(staff="bert"))
    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"id", "token", "manage_url", "start", "end", "staff"}
    assert (body["start"], body["end"], body["staff"]) == (NINE, "2027-03-02T10:30:00+01:00", ["bert"])
    assert body["manage_url"] == f"https://book.example.com/manage/{body['token']}"
    link = f"/bookings/{body['token']}"
    seen = (await api.get(link)).json()
    assert (seen["id"], seen["state"], seen["start"], seen["can_change"]) == (body["id"], "confirmed", NINE, True)
    moved = await api.patch(link, json={"start": "2027-03-02T13:00:00Z"})
    assert moved.status_code == 200
    assert (moved.json()["start"], moved.json()["staff"]) == ("2027-03-02T14:00:00+01:00", ["bert"])
    for _ in range(2):
        gone = await api.delete(link)
        assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
    again = await api.patch(link, json={"start": NINE})
    assert (again.status_code, again.json()["code"]) == (409, "already_cancelled")


async def test_a_taken_slot_is_a_conflict_with_alternatives_in_the_reader_s_zone(
    api: httpx.AsyncClient, ctx: Context, shop: None
) -> None:
    for staff in ("anna", "bert"):
        await make_booking(ctx, at("2027-03-02 09:00"), staff=staff)
    answer = await api.post("/bookings", json=wish(timezone="America/New_York"))
    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "slot_taken"
    assert body["alternatives"][0] == {"start": "2027-03-02T04:30:00-05:00", "staff": ["anna", "bert"]}
    assert len(body["alternatives"]) == 6


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": "2027-03-02T09:00:00"}, "start"),
        ({"start": "soon"}, "start"),
        ({"start": "2027-03-02T09:00:00.5Z"}, "start"),
        ({"timezone": "CET+1"}, "timezone"),
        ({"customer": {"name": "", "email": "a@example.com"}}, "customer.name"),
        ({"customer": {"name": "A", "email": "a@b"}}, "customer.email"),
        ({"customer": {"name": "A"}}, "customer.email"),
        ({"colour": "red"}, "colour"),
        ({"staff": "stranger"}, "staff"),
    ],
)
async def test_a_wrong_booking_names_the_field(
    api: httpx.AsyncClient, shop: None, change: dict[str, Any], field: str
) -> None:
    answer = await api.post("/bookings", json=wish(**change))
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_p32_repeating_a_request_returns_the_first_result(api: httpx.AsyncClient, shop: None) -> None:
    headers = {"Idempotency-Key": "one"}
    first, second = [await api.post("/bookings", json=wish(), headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = await api.post("/bookings", json=wish(start="2027-03-02T12:00:00Z"), headers=headers)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")


async def test_unknown_things_are_not_found(api: httpx.AsyncClient, shop: None) -> None:
    for answer in (
        await api.get("/services/nothing/slots", params=DAY),
        await api.post("/bookings", json=wish(service="nothing")),
        await api.get("/bookings/nothing"),
        await api.patch("/bookings/nothing", json={"start": NINE}),
        await api.delete("/bookings/nothing"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(
    database_url: str, tmp_path: Path, clock: Clock, shop: None
) -> None:
    async with runtime.running(
        settings(database_url, tmp_path, rate_slots=2, trusted_proxy_hops=1), now=clock, elapsed=clock.elapsed
    ):
        app = FastAPI()
        app.include_router(router)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            seen = [await client.get("/services", headers={"X-Forwarded-For": "192.0.2.1"}) for _ in range(3)]
            other = await client.get("/services", headers={"X-Forwarded-For": "192.0.2.2"})
    assert [each.status_code for each in seen] == [200, 200, 429]
    assert int(seen[2].headers["Retry-After"]) == seen[2].json()["retry_after"] == 30
    assert other.status_code == 200


async def test_the_description_names_errors_and_gives_examples(api: httpx.AsyncClient) -> None:
    app = FastAPI()
    app.include_router(router)
    described = app.openapi()
    booked = described["paths"]["/api/v1/bookings"]["post"]
    assert {"201", "404", "409", "422", "429"} <= set(booked["responses"])
    names = [each["name"] for each in booked["parameters"]]
    assert names == ["idempotency-key"] or names == ["Idempotency-Key"]
    assert described["components"]["schemas"]["BookingIn"]["properties"]["start"]["examples"]


async def test_a_database_that_does_not_answer_is_named(api: httpx.AsyncClient, ctx: Context, shop: None) -> None:
    async with ctx.sessions() as db:
        await db.execute(text("LOCK TABLE service IN ACCESS EXCLUSIVE MODE"))
        answer = await api.get("/services/haircut/slots", params=DAY, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"]
