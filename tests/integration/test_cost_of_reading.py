"""What a look at the slots costs: one query however large the team, and no word with any provider."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from booking_app.services import availability
from booking_app.services.context import Context, LiveRead
from booking_app.services.views import SlotQuery
from tests.factories import at, make_calendar, make_person, make_service

MONTH = (at("2027-03-02"), at("2027-04-01"))


async def test_p38_a_team_of_thirty_calendars_costs_one_query_and_asks_no_provider(ctx: Context) -> None:
    asked: list[Collection[int]] = []

    async def reread(people: Collection[int], _span: tuple[int, int]) -> Mapping[int, LiveRead]:
        asked.append(people)
        return {}

    ctx = replace(ctx, reread=reread)
    slugs = [f"person-{number}" for number in range(10)]
    for slug in slugs:
        person = await make_person(ctx, slug)
        for shift in range(3):
            busy = [(start + shift * 900, start + shift * 900 + 600) for start in range(MONTH[0], MONTH[1], 7200)]
            await make_calendar(ctx, person, busy=busy)
    await make_service(ctx, staff=slugs, duration=30, interval=30)
    query = SlotQuery(service="haircut", span=MONTH)
    # The first look of a minute makes the calendars hot; that write is not part of every look.
    first = await availability.slots(ctx, query)

    statements: list[str] = []
    engine = ctx.sessions.kw["bind"]
    assert isinstance(engine, AsyncEngine)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    again = await availability.slots(ctx, query)

    assert again == first
    assert len(again.starts) > 100
    assert len(statements) == 1
    assert asked == []
