"""What all open pages share is computed once for each change."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from booking_app.domain.errors import NotFound
from booking_app.services.board import Board
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from tests.factories import at, make_booking, make_person, make_service

NINE = at("2027-03-02 09:00")
MARCH = SlotQuery(service="haircut", span=(at("2027-03-01"), at("2027-04-01")))


async def test_five_hundred_pages_one_computation_for_each_change(ctx: Context) -> None:
    anna = await make_person(ctx)
    bert = await make_person(ctx, "bert")
    await make_service(ctx)
    board = Board(ctx)
    answers = await asyncio.gather(*(board.get(MARCH) for _ in range(500)))
    assert board.computations == 1
    assert all(each is answers[0] for each in answers)
    board.changed("availability", frozenset({bert}))
    board.changed("verified", frozenset({1}))
    assert await board.get(MARCH) is answers[0]
    assert board.computations == 1
    await make_booking(ctx, NINE)
    board.changed("availability", frozenset({anna}))
    answers = await asyncio.gather(*(board.get(MARCH) for _ in range(500)))
    assert board.computations == 2
    assert all(each is answers[0] for each in answers)
    assert NINE not in answers[0].starts


async def test_a_change_that_changes_nothing_keeps_the_same_answer(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    board = Board(ctx)
    first = await board.get(MARCH)
    board.changed("catalog", frozenset())
    assert await board.get(MARCH) is first
    assert board.computations == 2


async def test_readers_in_other_zones_share_the_computation_and_get_their_own_span(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    board = Board(ctx)
    here = await board.get(MARCH)
    there = await board.get(SlotQuery(service="haircut", span=(MARCH.span[0] + 18000, MARCH.span[1] + 18000)))
    assert board.computations == 1
    assert here.starts[0] == at("2027-03-01 09:00")
    assert there.starts[-1] < MARCH.span[1] + 18000


async def test_an_answer_ages_out(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_person(ctx)
    await make_service(ctx)
    passed = 0.0
    monkeypatch.setattr(Board, "_clock", staticmethod(lambda: passed))
    board = Board(ctx, max_age=15)
    await board.get(MARCH)
    passed = 14.9
    await board.get(MARCH)
    assert board.computations == 1
    passed = 15.0
    await board.get(MARCH)
    assert board.computations == 2


async def test_an_unknown_service_is_not_found_every_time_and_leaves_nothing(ctx: Context) -> None:
    board = Board(ctx)
    query = SlotQuery(service="nothing", span=MARCH.span)
    for _ in range(2):
        outcomes = await asyncio.gather(board.get(query), board.get(query), return_exceptions=True)
        assert all(isinstance(each, NotFound) for each in outcomes)
    with pytest.raises(NotFound):
        await board.get(query)


async def test_five_hundred_pages_read_the_catalog_once_for_each_change(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    board = Board(ctx)
    first, *others = await asyncio.gather(*(board.services() for _ in range(500)))
    assert [each.slug for each in first] == ["haircut"]
    assert all(each is first for each in others)
    board.changed("availability", frozenset())
    assert await board.services() is first
    await make_service(ctx, "visit")
    board.changed("catalog", frozenset())
    assert [each.slug for each in await board.services()] == ["haircut", "visit"]


async def test_a_catalog_that_could_not_be_read_is_read_again(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    async with ctx.sessions.begin() as db:
        await db.execute(text("ALTER TABLE service RENAME TO away"))
    board = Board(ctx)
    with pytest.raises(ProgrammingError):
        await board.services()
    async with ctx.sessions.begin() as db:
        await db.execute(text("ALTER TABLE away RENAME TO service"))
    assert len(await board.services()) == 1
