"""What could not be read in a person's calendars, for its owner: when it is and why, never what."""

from __future__ import annotations

from booking_app.db import sync_queries, unread_queries
from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendar
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound
from booking_app.services.context import Context
from booking_app.services.views_sync import UnreadView


async def unread_of(ctx: Context, bookable_id: int) -> tuple[UnreadView, ...]:
    """What could not be read in the calendars that block the person, soonest first; at most a hundred."""
    async with ctx.sessions() as db:
        rows = await unread_queries.unread_objects(db, bookable_id, ctx.now())
    return tuple(_view(row) for row in rows)


def _view(row: unread_queries.UnreadRow) -> UnreadView:
    code, at = row.problems[0] if row.problems else ("", None)
    return UnreadView(
        uid=row.uid,
        calendar_uid=row.calendar_uid,
        code=code,
        at=at,
        others=tuple(sorted({each for _, each in row.problems if each is not None} - {at})),
        since=row.since,
        until=row.until,
        more=row.more,
        blocks=row.blocks,
    )


async def set_unread(ctx: Context, *, bookable_id: int, uid: str, blocks: bool) -> None:
    """Whether one of them blocks, for as long as it stays as it is in the calendar. Raises `NotFound`."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        calendar_id = await unread_queries.calendar_of_unread(db, uid, bookable_id)
        calendar = None if calendar_id is None else await lock_calendar(db, calendar_id)
        if calendar is None:
            raise NotFound("This event can be read by now, or is not there any more.")
        await lock_bookables(db, [bookable_id], to_instant(now))
        await unread_queries.set_unread_blocks(db, uid, blocks=blocks)
        calendar.problems = await sync_queries.uncertain_objects(db, calendar.id or 0)
        await announce(db, "availability", [bookable_id])
        await announce(db, "sync", [calendar.connection_id])
