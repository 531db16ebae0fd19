"""What somebody puts into their calendar closes their slots, and nothing but a confirmed removal opens them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync.errors import AccessLost, Rejected, Transient
from booking_app.sync.model import Delta
from booking_app.sync.providers.memory import MemoryProvider
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at
from tests.office import cells, event, make_office
from tests.rows import change

TUESDAY = (at("2027-03-02"), at("2027-03-03"))
NINE, TEN, ELEVEN = at("2027-03-02 09:00"), at("2027-03-02 10:00"), at("2027-03-02 11:00")


async def starts(ctx: Context) -> tuple[int, ...]:
    return (await availability.slots(ctx, SlotQuery(service="haircut", span=TUESDAY))).starts


async def test_p05_an_event_added_in_the_calendar_closes_the_slot_at_the_next_read(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    assert NINE in await starts(office.ctx)
    office.add_event("dentist", NINE, TEN)
    clock.advance(seconds=12)
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(NINE, TEN)]
    assert NINE not in await starts(office.ctx)
    assert TEN in await starts(office.ctx)
    calendar = await office.calendar()
    assert calendar.verified_at == clock()
    assert calendar.lease_until is None


async def test_a_changed_event_moves_its_block_and_a_deleted_one_frees_the_slot(ctx: Context) -> None:
    office = await make_office(ctx)
    key = office.add_event("dentist", NINE, TEN)
    await office.read()
    office.server.store(office.remote_id, "dentist.ics", event("dentist@elsewhere", TEN, ELEVEN))
    await office.read()
    assert await office.blocks() == [(TEN, ELEVEN)]
    office.server.erase(office.remote_id, key)
    await office.read()
    assert await office.blocks() == []
    assert "get" in office.server.calls


async def test_an_expired_cursor_leads_to_a_complete_read(ctx: Context) -> None:
    office = await make_office(ctx)
    office.add_event("dentist", NINE, TEN)
    await office.read()
    office.server.expire_cursors(office.remote_id)
    office.add_event("lunch", TEN, ELEVEN)
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(NINE, TEN), (TEN, ELEVEN)]


async def test_p17_unreadable_is_never_empty(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    office.add_event("dentist", NINE, TEN)
    await office.read()
    before = await office.calendar()
    for error in (Transient("timeout"), Rejected("garbage"), AccessLost("401")):
        clock.advance(seconds=30)
        office.server.fail(lambda error=error: error)  # type: ignore[misc]
        assert await office.read() is Pulled.FAILED
        office.server.heal()
        assert await office.blocks() == [(NINE, TEN)]
        assert (await office.calendar()).verified_at == before.verified_at
    answer = await availability.slots(office.ctx, SlotQuery(service="haircut", span=TUESDAY))
    assert answer.starts == ()
    assert [each.staff for each in answer.withheld] == ["anna"]


async def test_nothing_of_a_foreign_event_but_its_time_is_stored(ctx: Context) -> None:
    office = await make_office(ctx)
    office.add_event("dentist", NINE, TEN)
    await office.read()
    for table in ("busy_block", "calendar_object", "calendar", "mirror", "connection"):
        for row in await cells(office.ctx, f"SELECT {table}::text FROM {table}"):
            assert "private" not in row[0]


@pytest.mark.parametrize("cursor", ["kept", "lost"])
async def test_p13_whole_days_follow_the_calendar_to_another_zone(
    ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch, cursor: str
) -> None:
    """No event changes when a calendar's zone does, and yet every whole day lies elsewhere."""
    office = await make_office(ctx)
    holiday = event("holiday@elsewhere", TEN, TEN).decode()
    for line in ("DTSTART", "DTEND"):
        holiday = re.sub(rf"{line}:\S+", f"{line};VALUE=DATE:2027030{4 if line == 'DTSTART' else 5}", holiday)
    office.server.store(office.remote_id, "holiday.ics", holiday.encode())
    office.add_event("dentist", TEN, TEN + 1800)
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(TEN, TEN + 1800), (at("2027-03-04"), at("2027-03-05"))]
    changes = MemoryProvider.changes

    async def moved(self: MemoryProvider, *given: Any, **options: Any) -> Delta:
        return replace(await changes(self, *given, **options), zone="America/Los_Angeles")

    monkeypatch.setattr(MemoryProvider, "changes", moved)
    if cursor == "lost":
        await change(ctx, "UPDATE calendar SET cursor = 'nonsense'")
    clock.advance(minutes=1)
    assert await office.read() is Pulled.READ
    there = "America/Los_Angeles"
    assert await office.blocks() == [(TEN, TEN + 1800), (at("2027-03-04 00:00-08:00"), at("2027-03-05 00:00-08:00"))]
    assert (await office.calendar()).zone == there
    office.server.calls.clear()
    clock.advance(minutes=1)
    assert await office.read() is Pulled.READ
    assert office.server.calls == ["changes"], "once is enough"
