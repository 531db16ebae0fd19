"""Named queries of the messages that push channels bring in: few and short, because their sender waits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.engine import Reader
from booking_app.db.tables import Calendar, Channel, Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """What is needed to tell whether a message is genuine; never changes for a uid."""

    uid: UUID
    connection_id: int
    calendar_id: int | None
    provider: str
    secret_hash: bytes


async def door(db: Reader, uid: UUID) -> Door | None:
    """By our name of it."""
    query = (
        select(
            col(Channel.connection_id),
            col(Channel.calendar_id),
            col(Connection.provider),
            col(Channel.secret_hash),
        )
        .join(Connection, col(Connection.id) == col(Channel.connection_id))
        .where(col(Channel.uid) == uid)
    )
    row = (await db.execute(query)).first()
    if row is None:
        return None
    return Door(uid=uid, connection_id=row[0], calendar_id=row[1], provider=row[2], secret_hash=row[3])


_HEARD = text(
    """
    UPDATE channel SET
      notified_at = :now,
      last_number = greatest(last_number, :number),
      due_at = CASE WHEN remote_id = '' AND :remote <> '' AND state = 'closing' THEN :now ELSE due_at END,
      resource_id = CASE WHEN remote_id = '' THEN :resource ELSE resource_id END,
      remote_id = CASE WHEN remote_id = '' THEN :remote ELSE remote_id END
    WHERE uid = :uid AND secret_hash = :secret_hash AND (:number = 0 OR last_number < :number)
    RETURNING state
    """
)


async def heard(db: AsyncSession, door: Door, *, number: int, remote: str, resource: str, now: datetime) -> str | None:
    """A genuine message came in: the state of its channel, which is held until the transaction ends. None if the
    channel is no more, or `number` (0: there are none) is not newer than that of another message.

    What a provider calls it is noted if that was not known: with it, it can be closed."""
    given = {
        "uid": door.uid,
        "secret_hash": door.secret_hash,
        "number": number,
        "remote": remote,
        "resource": resource,
        "now": now,
    }
    state: str | None = await db.scalar(_HEARD, given)
    return state


async def extend_soon(db: AsyncSession, uid: UUID, now: datetime, *, since: datetime) -> None:
    """Its provider wants it to be extended: at once, unless it was opened or extended after `since`."""
    open_one = and_(col(Channel.uid) == uid, col(Channel.state) == "open", col(Channel.due_at) > now)
    early = or_(col(Channel.opened_at).is_(None), col(Channel.opened_at) <= since)
    await db.execute(update(Channel).where(open_one, early).values(due_at=now, failures=0))
    await announce(db, "channels")


async def ended(db: AsyncSession, uid: UUID, now: datetime, *, forget_at: datetime) -> bool:
    """Its provider says that it is over: it is replaced. False if that was known."""
    over = await db.execute(
        update(Channel)
        .where(col(Channel.uid) == uid, col(Channel.state) == "open")
        .values(
            state="closing",
            due_at=now,
            failures=0,
            lease_until=None,
            expires_at=func.coalesce(col(Channel.expires_at), forget_at),
        )
        .returning(col(Channel.id))
    )
    known = over.scalar() is None
    if not known:
        await announce(db, "channels")
    return not known


_PLACE = "(calendar.id = :calendar OR (CAST(:calendar AS bigint) IS NULL AND calendar.connection_id = :connection))"
_USED = text(f"SELECT id FROM calendar WHERE {_PLACE} AND (blocks OR target) ORDER BY id")  # noqa: S608


async def calendars_of(db: Reader, door: Door) -> list[int]:
    """The calendars that are read because of this channel's messages."""
    found = await db.execute(_USED, {"calendar": door.calendar_id, "connection": door.connection_id})
    return [row[0] for row in found]


async def free_calendars(db: AsyncSession, calendars: Collection[int]) -> list[Calendar]:
    """Those of them that nobody else holds, held until the transaction ends."""
    query = (
        select(Calendar)
        .where(col(Calendar.id) == func.any(list(calendars)))
        .order_by(col(Calendar.id))
        .with_for_update(key_share=True, skip_locked=True)
    )
    return list(await db.scalars(query))


_NOTED = text(
    "UPDATE provider_app SET pushed_at = :now WHERE provider = :provider AND coalesce(pushed_at <= :before, true)"
)


async def note_push(db: Reader, provider: str, now: datetime, *, at_most_every: timedelta) -> None:
    """A genuine message came in."""
    await db.execute(_NOTED, {"provider": provider, "now": now, "before": now - at_most_every})
