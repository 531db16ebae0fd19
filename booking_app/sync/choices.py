"""What its owner says about one calendar, beside whether it blocks and receives (`connect.choose`)."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db import push_work, sync_queries
from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendar
from booking_app.db.tables import Calendar
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid
from booking_app.services.context import Context


async def choose_unsure(ctx: Context, *, bookable_id: int, calendar_uid: str, blocks: bool) -> None:
    """Set whether tentative events and unanswered invitations in a calendar of the person block as others do.

    Nothing has to be read anew. Raises `Invalid` naming `blocks` for no calendar of theirs."""
    async with ctx.sessions.begin() as db:
        calendar = await _theirs(db, bookable_id, calendar_uid, "blocks")
        await lock_bookables(db, [bookable_id], to_instant(ctx.now()))
        calendar.unsure_blocks = blocks
        await announce(db, "availability", [bookable_id])
        await announce(db, "sync", [calendar.connection_id])


async def choose_private(ctx: Context, *, bookable_id: int, calendar_uid: str, private: bool) -> None:
    """Set whether others who see a calendar of the person see of our events only that there are some.

    Coming events are written again; one whose owner has chosen for it alone keeps that (`theirs.keeping`). Raises
    `Invalid` naming `private` for no calendar of theirs."""
    async with ctx.sessions.begin() as db:
        calendar = await _theirs(db, bookable_id, calendar_uid, "private")
        await lock_bookables(db, [bookable_id], to_instant(ctx.now()))
        if calendar.private == private:
            return
        calendar.private = private
        await db.flush()
        if calendar.target:
            await push_work.enqueue_future_events(db, bookable_id, ctx.now())
        await announce(db, "sync", [calendar.connection_id])


async def _theirs(db: AsyncSession, bookable_id: int, calendar_uid: str, field: str) -> Calendar:
    """The person's calendar, locked."""
    calendar_id = await sync_queries.calendar_by_uid(db, calendar_uid, bookable_id)
    calendar = None if calendar_id is None else await lock_calendar(db, calendar_id)
    if calendar is None:
        raise Invalid(field, "This calendar is not there any more.")
    return calendar
