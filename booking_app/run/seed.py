"""Filling an empty database and an empty calendar server with the demo's team, through the use-cases."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from booking_app import demo, runtime
from booking_app.config import Settings
from booking_app.db.crowd_queries import store_policy
from booking_app.db.tables import Calendar
from booking_app.domain.crowding import Policy
from booking_app.domain.zone_rules import zone_rules
from booking_app.run.calendars import CalendarServer
from booking_app.run.team import create_team, event_text
from booking_app.runtime import Runtime
from booking_app.sync import connect

_COLOURS = {"indigo": "#3e63dd", "jade": "#29a383", "orange": "#f76b15", "blue": "#0090ff", "crimson": "#e93d82"}


async def seed(settings: Settings, calendars: CalendarServer, kept: dict[str, Any]) -> None:
    """Create everything once. `kept` holds the passwords of the folder."""
    async with runtime.built(settings) as program:
        _fill(calendars, first_monday(program.context.now()))
        created = await create_team(program.context, kept["admin_password"], kept["passwords"])
        async with program.sessions.begin() as db:
            # Whoever tries the demo books again and again, from one place.
            await store_policy(db, Policy(confirm_after=20, most_upcoming=50))
        for slug, account in created.items():
            if account.bookable_id is None:
                raise LookupError("a member of the team is not bookable")
            await _connect(program, account.bookable_id, calendars.url, slug, kept["calendar_passwords"][slug])


def first_monday(now: datetime) -> date:
    """The Monday of the demo's first week: the team's present one, at the weekend the coming one."""
    today = now.astimezone(zone_rules(demo.TEAM[0].zone)).date()
    return today - timedelta(days=today.weekday() if today.weekday() < 5 else today.weekday() - 7)


def _fill(calendars: CalendarServer, monday: date) -> None:
    for member in demo.TEAM:
        calendars.create_calendar(member.slug, demo.WORK, "Work", _COLOURS[member.colour])
        calendars.create_calendar(member.slug, demo.PRIVATE, "Private", "#64748b")
    members = {member.slug: member for member in demo.TEAM}
    for number, entry in enumerate(demo.ENTRIES):
        text = event_text(entry, members[entry.person], number, monday)
        calendars.put_event(entry.person, entry.calendar, f"demo-{number}", text)


async def _connect(program: Runtime, bookable_id: int, address: str, user: str, password: str) -> None:
    """Connect both calendars of a person as they would on their page: both block, Work receives appointments."""
    await connect.connect(
        program.context,
        program.accounts,
        bookable_id=bookable_id,
        preset="other",
        address=address,
        username=user,
        secret=password,
    )
    async with program.sessions() as db:
        found = await db.execute(
            select(col(Calendar.name), col(Calendar.uid)).where(col(Calendar.bookable_id) == bookable_id)
        )
    listed = {name: str(uid) for name, uid in found}
    await connect.choose(program.context, bookable_id=bookable_id, blocks=listed.values(), target=listed["Work"])
