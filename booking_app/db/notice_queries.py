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


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A genuine message of a channel; `number` is 0 where there are none."""

    door: Door
    number: int
    remote: str
    resource: str


async def doors(db: Reader, uids: Collection[UUID]) -> list[Door]:
    """By our names of them."""
    query = (
        select(
            col(Channel.uid),
            col(Channel.connection_id),
            col(Channel.calendar_id),
            col(Connection.provider),
            col(Channel.secret_hash),
        )
        .join(Connection, col(Connection.id) == col(Channel.connection_id))
        .where(col(Channel.uid) == func.any(list(uids)))
    )
    return [
        Door(uid=uid, connection_id=connection, calendar_id=calendar, provider=provider, secret_hash=secret_hash)
        for uid, connection, calendar, provider, secret_hash in await db.execute(query)
    ]


_HEARD = text(
    """
    WITH held AS (SELECT uid FROM channel WHERE uid = ANY(CAST(:uids AS uuid[])) ORDER BY uid FOR UPDATE)
    UPDATE channel SET
      notified_at = :now,
      last_number = greatest(last_number, said.number),
      due_at = CASE WHEN remote_id = '' AND said.remote <> '' AND state = 'closing' THEN :now ELSE due_at END,
      resource_id = CASE WHEN remote_id = '' THEN said.resource ELSE resource_id END,
      remote_id = CASE WHEN remote_id = '' THEN said.remote ELSE remote_id END
    FROM held JOIN unnest(
      CAST(:uids AS uuid[]), CAST(:hashes AS bytea[]), CAST(:numbers AS bigint[]),
      CAST(:remotes AS text[]), CAST(:resources AS text[])
    ) AS said (uid, secret_hash, number, remote, resource) ON said.uid = held.uid
    WHERE channel.uid = said.uid AND channel.secret_hash = said.secret_hash
      AND (said.number = 0 OR last_number < said.number)
    RETURNING channel.uid, state
    """
)


async def heard(db: AsyncSession, messages: Collection[Said], *, now: datetime) -> dict[UUID, str]:
    """Genuine messages came in, one a channel: the states of their channels, which are held until the transaction ends.
    Missing is a channel that is no more, and one whose `number` is not newer than that of another message.

    What a provider calls a channel is noted if that was not known: with it, it can be closed."""
    given = {
        "uids": [each.door.uid for each in messages],
        "hashes": [each.door.secret_hash for each in messages],
        "numbers": [each.number for each in messages],
        "remotes": [each.remote for each in messages],
        "resources": [each.resource for each in messages],
        "now": now,
    }
    return {row[0]: row[1] for row in await db.execute(_HEARD, given)}


async def extend_soon(db: AsyncSession, uids: Collection[UUID], now: datetime, *, since: datetime) -> None:
    """Their provider wants them to be extended: at once, but for those that were opened or extended after `since`."""
    open_ones = and_(col(Channel.uid) == func.any(list(uids)), col(Channel.state) == "open", col(Channel.due_at) > now)
    early = or_(col(Channel.opened_at).is_(None), col(Channel.opened_at) <= since)
    await db.execute(update(Channel).where(open_ones, early).values(due_at=now, failures=0))
    await announce(db, "channels")


async def ended(db: AsyncSession, uids: Collection[UUID], now: datetime, *, forget_at: datetime) -> None:
    """Their provider says that they are over: they are replaced."""
    over = await db.execute(
        update(Channel)
        .where(col(Channel.uid) == func.any(list(uids)), col(Channel.state) == "open")
        .values(
            state="closing",
            due_at=now,
            failures=0,
            lease_until=None,
            expires_at=func.coalesce(col(Channel.expires_at), forget_at),
        )
        .returning(col(Channel.id))
    )
    if over.first() is not None:
        await announce(db, "channels")


_USED = text(
    """
    SELECT id FROM calendar
    WHERE (id = ANY(CAST(:calendars AS bigint[])) OR connection_id = ANY(CAST(:connections AS bigint[])))
      AND (blocks OR target)
    ORDER BY id
    """
)


async def calendars_of(db: Reader, doors: Collection[Door]) -> list[int]:
    """The calendars that are read because of these channels' messages: a channel's own, or all of its account."""
    given = {
        "calendars": [each.calendar_id for each in doors if each.calendar_id is not None],
        "connections": [each.connection_id for each in doors if each.calendar_id is None],
    }
    return [row[0] for row in await db.execute(_USED, given)]


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
