"""What the figures about delays mean: the same in `/metrics` as on the page about sync."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync.errors import Rejected
from booking_app.sync.providers.memory import WRITES
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import Office, cells, make_office

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")


def measured(kind: str) -> tuple[float, float]:
    """(how many, their sum in seconds) of the histogram."""
    name = f"booking_app_sync_{kind}_seconds"
    return REGISTRY.get_sample_value(f"{name}_count") or 0, REGISTRY.get_sample_value(f"{name}_sum") or 0


async def samples(office: Office, kind: str) -> list[float]:
    return [
        row[0]
        for row in await cells(office.ctx, "SELECT seconds FROM delay_sample WHERE kind = :k ORDER BY id", k=kind)
    ]


async def test_inbound_measures_changes_and_not_the_distance_of_reads(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    before = measured("inbound")
    for _ in range(3):
        clock.advance(seconds=60)
        await office.read()
    assert measured("inbound") == before
    office.add_event("new", TEN, ELEVEN)
    clock.advance(seconds=12)
    await office.read()
    count, total = measured("inbound")
    assert count - before[0] == 1
    assert total - before[1] == pytest.approx(12)  # the sum of many numbers
    assert await samples(office, "inbound") == [12]


async def test_outbound_of_an_appointment_changed_after_days_counts_from_the_change(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    office.server.fail(lambda: Rejected("The calendar is full."), verbs=WRITES)
    for _ in range(20):
        await office.write()
        clock.advance(seconds=30)
    ((_, _, _, parked),) = await office.outbox()
    assert parked
    office.server.heal()
    clock.advance(hours=10)
    await office.read()
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    clock.advance(seconds=3)
    before = measured("outbound")
    await office.write()
    assert await samples(office, "outbound") == [3]
    count, total = measured("outbound")
    assert (count - before[0], total - before[1]) == (1, 3)
