"""Whether the program can do its work, and what it counts when it is asked."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from booking_app.db import migrate
from booking_app.demo import DEMO_DOMAIN
from booking_app.services.context import Context


async def faults(ctx: Context) -> dict[str, str]:
    """What keeps the program from serving, by part (`database`, `migrations`); empty when nothing does."""
    try:
        async with ctx.sessions() as db:
            revision = await migrate.applied(db)
    except (SQLAlchemyError, OSError) as error:
        return {"database": f"cannot be reached ({type(error).__name__})"}
    if revision != migrate.newest():
        return {"migrations": f"the database is at {revision or 'nothing'}, the program needs {migrate.newest()}"}
    return {}


async def holds_demo_team(ctx: Context) -> bool:
    """Whether accounts of the demo, whose passwords were printed, can sign in here."""
    async with ctx.sessions() as db:
        found = await db.scalar(
            text("SELECT EXISTS (SELECT FROM account WHERE active AND email LIKE :domain)"),
            {"domain": f"%@{DEMO_DOMAIN}"},
        )
    return bool(found)


async def measured(ctx: Context) -> CollectorRegistry:
    """What the database says now: the age of calendar data, and effects that are not done."""
    registry = CollectorRegistry()
    age = Gauge(
        "booking_app_calendar_age_seconds",
        "Age of the oldest confirmation among the calendars that block, by state of their connection.",
        ["state"],
        registry=registry,
    )
    waiting = Gauge(
        "booking_app_outbox_waiting", "Effects that are not done yet.", ["effect", "state"], registry=registry
    )
    async with ctx.sessions() as db:
        ages = await db.execute(
            text(
                "SELECT c.state, max(extract(epoch FROM :now - k.verified_at)) FROM calendar k"
                " JOIN connection c ON c.id = k.connection_id"
                " WHERE k.blocks AND k.verified_at IS NOT NULL GROUP BY c.state"
            ),
            {"now": ctx.now()},
        )
        rows = await db.execute(text("SELECT effect, parked, count(*) FROM outbox GROUP BY effect, parked"))
    for state, seconds in ages:
        age.labels(state=state).set(float(seconds))
    for effect, parked, count in rows:
        waiting.labels(effect=effect, state="parked" if parked else "waiting").set(count)
    return registry
