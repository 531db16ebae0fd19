"""What to do about times that were stored by a clock that was set back since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Case, case, func, null, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.engine import Sessions
from booking_app.db.locks import lock_calendars
from booking_app.db.tables import Alert, Bucket, Calendar, Channel, Connection, Grant, Outbox, TimeSeen


async def see_time(db: AsyncSession, now: datetime, *, set_back: bool = False) -> datetime:
    """The latest time that was seen so far; from now on it is `now` if that is later, or if the clock was set back."""
    before = await db.scalar(select(col(TimeSeen.latest)).where(col(TimeSeen.id) == 1))
    row = insert(TimeSeen).values(id=1, latest=now)
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["id"],
            set_={"latest": now if set_back else func.greatest(col(TimeSeen.latest), row.excluded.latest)},
        )
    )
    return now if before is None else before


async def bring_back(sessions: Sessions, now: datetime, *, lease: timedelta, withheld: datetime) -> None:
    """What was to be done later than `now` is done now, what happened later happened now, and leases end when a new one
    would. A calendar that was verified in the future counts as verified at `withheld`: nobody knows how long ago it
    was. Holds are `services/holds.py`."""
    soon = now + lease
    async with sessions.begin() as db:
        calendars = [each.id for each in await lock_calendars(db, true())]
        await db.execute(
            update(Calendar)
            .where(col(Calendar.id).in_(calendars))
            .values(
                due_at=_at_most(col(Calendar.due_at), now),
                lease_until=_at_most(col(Calendar.lease_until), soon),
                hot_until=_at_most(col(Calendar.hot_until), soon),
                pushed_at=_at_most(col(Calendar.pushed_at), now, null()),
                full_at=_at_most(col(Calendar.full_at), now, null()),
                verified_at=_at_most(col(Calendar.verified_at), now, withheld),
            )
        )
        await announce(db, "due")
    async with sessions.begin() as db:
        await db.execute(update(Connection).values(failing_since=_at_most(col(Connection.failing_since), now)))
    async with sessions.begin() as db:
        # How long a token is good for is known only from when it was given.
        await db.execute(
            update(Grant).where(col(Grant.refreshed_at) > now).values(access_ends_at=now, refreshed_at=now)
        )
    async with sessions.begin() as db:
        # What was counted runs out from now on, not from when that time comes again.
        locked = select(col(Bucket.key)).where(col(Bucket.since) > now).with_for_update(skip_locked=True)
        await db.execute(update(Bucket).where(col(Bucket.key).in_(locked.scalar_subquery())).values(since=now))
    async with sessions.begin() as db:
        await db.execute(update(Channel).values(lease_until=_at_most(col(Channel.lease_until), soon)))
    async with sessions.begin() as db:
        free = select(col(Outbox.id)).order_by(col(Outbox.id)).with_for_update(skip_locked=True)
        await db.execute(
            update(Outbox)
            .where(col(Outbox.id).in_(free.scalar_subquery()))
            .values(
                due_at=_at_most(col(Outbox.due_at), now),
                created_at=_at_most(col(Outbox.created_at), now),
                lease_until=_at_most(col(Outbox.lease_until), soon),
            )
        )
        await announce(db, "outbox")
    async with sessions.begin() as db:
        await db.execute(
            update(Alert)
            .where(col(Alert.closed_at).is_(None))
            .values(
                opened_at=_at_most(col(Alert.opened_at), now),
                tell_from=_at_most(col(Alert.tell_from), now),
                met_at=_at_most(col(Alert.met_at), now),
                told_at=_at_most(col(Alert.told_at), now),
            )
        )


def _at_most(stored: Mapped[Any], limit: datetime, instead: Any = None) -> Case[Any]:
    """`stored`, or, if that is later than `limit`, `instead` (by itself the limit). What is empty stays so."""
    return case((stored > limit, limit if instead is None else instead), else_=stored)
