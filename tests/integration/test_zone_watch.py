"""Whoever has appointments that were agreed by other rules of their time zone is told so, and not for ever."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col

from booking_app.db.alerts import open_alerts
from booking_app.db.tables import Alert, Bookable, BusyBlock, ZoneRules
from booking_app.services.context import Context
from booking_app.services.zone_watch import watch_zones
from tests.factories import at, make_booking, make_person, make_service
from tests.office import cells, make_office


async def alerts(ctx: Context, person: int) -> list[Alert]:
    async with ctx.sessions() as db:
        return list(await open_alerts(db, person))


async def change_rules(ctx: Context, zone: str, by: int) -> None:
    """As if the database of zones that was used until now had said something else."""
    async with ctx.sessions.begin() as db:
        (row,) = await db.scalars(select(ZoneRules).where(col(ZoneRules.name) == zone))
        earlier = [(since, offset - by) for since, offset in row.offsets]
        await db.execute(update(ZoneRules).where(col(ZoneRules.name) == zone).values(offsets=earlier))


async def zone_of(ctx: Context, person: int) -> str:
    async with ctx.sessions() as db:
        found = await db.get(Bookable, person)
    assert found is not None
    return found.zone


async def test_a_change_of_rules_under_an_appointment_is_told_until_it_is_over(ctx: Context) -> None:
    person, other = await make_person(ctx, "anna"), await make_person(ctx, "ben")
    await make_service(ctx, staff=("anna",))
    await make_booking(ctx, at("2027-03-02 10:00"))
    await watch_zones(ctx)
    await watch_zones(ctx)
    assert await alerts(ctx, person) == []
    await change_rules(ctx, await zone_of(ctx, person), 3600)
    for _ in range(2):
        await watch_zones(ctx)
        (alert,) = await alerts(ctx, person)
        assert "1 appointment is at another hour" in alert.message
        assert "Tuesday 2 March 2027, 10:00" in alert.message
    assert await alerts(ctx, other) == []
    async with ctx.sessions.begin() as db:
        await db.execute(update(ZoneRules).values(changed_at=ctx.now() - timedelta(days=900)))
    await watch_zones(ctx)
    assert await alerts(ctx, person) == []


async def test_a_change_where_nobody_has_appointments_is_nothing_to_tell(ctx: Context) -> None:
    person = await make_person(ctx, "anna")
    await watch_zones(ctx)
    await change_rules(ctx, await zone_of(ctx, person), 3600)
    await watch_zones(ctx)
    async with ctx.sessions.begin() as db:
        await db.execute(update(ZoneRules).values(changed_at=ctx.now() - timedelta(hours=1)))
    await make_service(ctx, staff=("anna",))
    await make_booking(ctx, at("2027-03-02 10:00"))
    await watch_zones(ctx)
    assert await alerts(ctx, person) == []


async def test_another_database_of_zones_places_events_anew_that_did_not_change(ctx: Context) -> None:
    office = await make_office(ctx)
    start = at("2027-03-02 10:00")
    office.add_event("a", start, start + 3600)
    await office.read()
    await watch_zones(ctx)

    async def starts() -> list[int]:
        rows = await cells(ctx, "SELECT date_part('epoch', starts_at)::int8 FROM busy_block")
        return [row[0] for row in rows]

    # As the rules that were used until now had it.
    async with ctx.sessions.begin() as db:
        await db.execute(update(BusyBlock).values(starts_at=col(BusyBlock.starts_at) - timedelta(hours=1)))
    await watch_zones(ctx)
    await office.read()
    assert await starts() == [start - 3600]
    async with ctx.sessions.begin() as db:
        await db.execute(update(ZoneRules).values(version="2020a"))
    await watch_zones(ctx)
    assert (await office.calendar()).due_at == ctx.now()
    await office.read()
    assert await starts() == [start]
