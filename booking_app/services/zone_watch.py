"""Governments change the rules of their time zones, and what was agreed as ten o'clock becomes nine: whoever has such
appointments is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import zone_queries
from booking_app.db.alerts import close_alerts, open_alert
from booking_app.db.tables import Bookable, ZoneRules
from booking_app.domain.clock import to_instant
from booking_app.domain.rules import Span
from booking_app.domain.zone_rules import version
from booking_app.domain.zones import offset_in, offsets
from booking_app.services.context import Context
from booking_app.services.letters.words import start_words, zone_words

AHEAD = timedelta(days=800)
"""How far ahead rules are remembered: farther than can be booked."""


async def watch_zones(ctx: Context) -> None:
    """Compare the rules of each zone in use with those that were remembered, and open or close the alerts about
    appointments that have another wall time now. Remembers the rules of today. With another database of zones the
    events of all calendars are placed anew, whatever zones they are in."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        people = (await db.scalars(select(Bookable).order_by(col(Bookable.id)))).all()
        known = {row.name: row for row in await db.scalars(select(ZoneRules).with_for_update())}
        if any(row.version != version() for row in known.values()):
            await zone_queries.expand_again(db, now)
        for zone in sorted({person.zone for person in people}):
            known[zone] = await _remember(db, zone, known.get(zone), now)
        for person in people:
            await _tell(db, person, known, now)


async def _remember(db: AsyncSession, zone: str, row: ZoneRules | None, now: datetime) -> ZoneRules:
    span = to_instant(now), to_instant(now + AHEAD)
    today = [(since, offset) for since, _, offset in offsets(zone, span)]
    if row is None:
        row = ZoneRules(name=zone, version=version(), until=span[1], offsets=today, changed_at=now)
        db.add(row)
        return row
    if _differ(row.offsets, today, (span[0], row.until)):
        row.before, row.changed_at = row.offsets, now
    row.version, row.until, row.offsets = version(), span[1], today
    return row


def _differ(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], span: Span) -> bool:
    looked_at = {span[0], *(since for since, _ in (*before, *after) if span[0] <= since < span[1])}
    return any(offset_in(before, instant) != offset_in(after, instant) for instant in looked_at)


async def _tell(db: AsyncSession, person: Bookable, known: Mapping[str, ZoneRules], now: datetime) -> None:
    row = known[person.zone]
    subject = f"zone:{person.id}"
    starts = []
    if row.before is not None:
        booked = await zone_queries.coming_starts(db, person.id or 0, now, booked_until=row.changed_at)
        starts = [start for start in booked if offset_in(row.before, start) != offset_in(row.offsets, start)]
    if not starts:
        await close_alerts(db, [subject], now)
        return
    many = "1 appointment is" if len(starts) == 1 else f"{len(starts)} appointments are"
    await open_alert(
        db,
        subject=subject,
        bookable_id=person.id,
        now=now,
        message=(
            f"The rules of the time zone {person.zone} have changed: {many} at another hour of the day now than when "
            f"they were booked. The first one is now on {start_words(starts[0], person.zone)} "
            f"({zone_words(person.zone, starts[0])}). Look at them and move those that are meant for the old hour."
        ),
    )
