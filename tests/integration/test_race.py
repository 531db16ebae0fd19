"""Many at once, through two processes over one database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import monotonic

import httpx
import pytest

from booking_app.domain.errors import Refused
from booking_app.services import holds, manage
from booking_app.services.availability import slots
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.processes import served
from tests.rows import rows

EVERY_DAY = dict.fromkeys(range(7), ((0, 1440),))


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> Iterator[list[str]]:
    with served(database_url, tmp_path, processes=2) as addresses:
        yield addresses


async def free_start(client: httpx.AsyncClient, address: str) -> str:
    body = (await client.get(f"{address}/api/v1/services/haircut/slots")).json()
    start: str = body["slots"][-1]["start"]
    return start


def wish(start: str, number: int) -> dict[str, object]:
    customer = {"name": f"Customer {number}", "email": f"customer{number}@example.com"}
    return {"service": "haircut", "start": start, "timezone": "Europe/Amsterdam", "customer": customer}


async def test_p01_fifty_parallel_bookings_of_one_slot_through_two_processes(two: list[str], ctx: Context) -> None:
    await make_person(ctx, weekly=EVERY_DAY)
    await make_service(ctx)
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        start = await free_start(client, two[0])

        async def attempt(number: int) -> tuple[httpx.Response, float]:
            began = monotonic()
            answer = await client.post(f"{two[number % 2]}/api/v1/bookings", json=wish(start, number))
            return answer, monotonic() - began

        outcomes = await asyncio.gather(*(attempt(number) for number in range(50)))
    answers = [answer for answer, _ in outcomes]
    assert sorted(each.status_code for each in answers) == [201, *[409] * 49]
    for each in answers:
        if each.status_code == 409:
            assert each.json()["code"] == "slot_taken"
            assert each.json()["alternatives"]
    assert max(seconds for _, seconds in outcomes) < 10
    assert len(await rows(ctx, "SELECT 1 FROM occupancy WHERE active")) == 1


async def test_p32_a_key_repeated_in_parallel_through_two_processes(two: list[str], ctx: Context) -> None:
    for slug in ("anna", "bert", "cora"):
        await make_person(ctx, slug, weekly=EVERY_DAY)
    await make_service(ctx, staff=("anna", "bert", "cora"))
    async with httpx.AsyncClient(timeout=30) as client:
        start = await free_start(client, two[0])
        headers = {"Idempotency-Key": "the same"}
        answers = await asyncio.gather(
            *(client.post(f"{two[n % 2]}/api/v1/bookings", json=wish(start, 1), headers=headers) for n in range(10))
        )
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["token"] for each in answers}) == 1
    assert len(await rows(ctx, "SELECT 1 FROM booking")) == 1


async def test_p42_at_random_and_in_parallel_buffers_are_never_broken(ctx: Context) -> None:
    people = {slug: await make_person(ctx, slug) for slug in ("anna", "bert")}
    blocks = [(at(f"2027-03-0{day} 12:00"), at(f"2027-03-0{day} 12:50")) for day in (2, 3, 4)]
    await make_calendar(ctx, people["anna"], busy=blocks)
    await make_service(ctx, "short", staff=("anna", "bert"), duration=20, interval=10, buffer_before=10)
    await make_service(ctx, "long", staff=("anna", "bert"), duration=50, interval=20, buffer_after=30)
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all", duration=30, interval=15, buffer_after=5)
    tokens: list[str] = []
    span = (at("2027-03-02"), at("2027-03-05"))
    refused = 0

    async def act(seed: int) -> None:
        nonlocal refused
        chance = random.Random(seed)
        for _ in range(12):
            service = chance.choice(("short", "long", "duo"))
            answer = await slots(ctx, SlotQuery(service=service, span=span))
            start = chance.choice(answer.starts or (span[0],))
            try:
                match chance.randrange(6):
                    case 0 if len(tokens) > 12:  # there is always something to collide with
                        await manage.cancel(ctx, tokens.pop(chance.randrange(len(tokens))))
                    case 1 | 2 if tokens:
                        await manage.reschedule(ctx, chance.choice(tokens), start)
                    case 3:
                        held = await holds.hold(ctx, service, start)
                        await holds.release(ctx, held.token)
                    case _:
                        tokens.append((await make_booking(ctx, start, service=service)).token)
            except Refused:
                refused += 1

    await asyncio.gather(*(act(seed) for seed in range(8)))
    taken = await rows(
        ctx,
        "SELECT bookable_id, before, after, date_part('epoch', lower(during))::int8 AS start,"
        " date_part('epoch', upper(during))::int8 AS end FROM occupancy WHERE active ORDER BY bookable_id, during",
    )
    assert len(taken) >= 10
    assert refused > 0
    for one, other in pairwise(taken):
        if one.bookable_id == other.bookable_id:
            assert other.start - one.end >= max(one.after, other.before)
    for one in taken:
        if one.bookable_id == people["anna"]:
            for start, end in blocks:
                assert one.end + one.after <= start or one.start - one.before >= end
