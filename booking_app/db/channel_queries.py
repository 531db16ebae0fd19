"""Named queries of push channels. Leases are times until which a worker owns a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.engine import Reader
from booking_app.db.sync_queries import read_by_us
from booking_app.db.tables import Bookable, Calendar, Channel, Connection
from booking_app.domain.appointment import ConnectionState


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """An account that could have channels, with the ids of its calendars that are read, and the channels that it
    has."""

    connection: Connection
    used: frozenset[int]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A channel, the account it belongs to, the calendar if it is for one, and whose they are."""

    channel: Channel
    connection: Connection
    calendar: Calendar | None
    owner: Bookable


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """What is needed to tell whether a message is genuine; never changes for a uid."""

    channel_id: int
    connection_id: int
    calendar_id: int | None
    provider: str
    secret_hash: bytes


async def linked(db: AsyncSession, providers: Collection[str], connection_id: int | None = None) -> list[Linked]:
    """The accounts of these providers, or one of them; also those that have no channel and need none."""
    query = select(Connection).where(col(Connection.provider).in_(providers)).order_by(col(Connection.id))
    if connection_id is not None:
        query = query.where(col(Connection.id) == connection_id)
    found = list(await db.scalars(query.execution_options(populate_existing=True)))
    if not found:
        return []
    ids = [each.id or 0 for each in found]
    used: dict[int, set[int]] = {}
    in_use = (
        select(col(Calendar.connection_id), col(Calendar.id))
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .where(read_by_us(), col(Connection.id) == func.any(ids))
    )
    for account, calendar in await db.execute(in_use):
        used.setdefault(account or 0, set()).add(calendar or 0)
    channels: dict[int, list[Channel]] = {}
    held = select(Channel).where(col(Channel.connection_id) == func.any(ids)).order_by(col(Channel.id))
    for channel in await db.scalars(held.execution_options(populate_existing=True)):
        channels.setdefault(channel.connection_id, []).append(channel)
    return [
        Linked(
            connection=each,
            used=frozenset(used.get(each.id or 0, ())),
            channels=tuple(channels.get(each.id or 0, ())),
        )
        for each in found
    ]


def add(db: AsyncSession, connection_id: int, calendar_id: int | None, now: datetime) -> None:
    """A channel that is to be opened."""
    db.add(Channel(connection_id=connection_id, calendar_id=calendar_id, secret_hash=b"", due_at=now))


def close(channel: Channel, now: datetime, *, forget_at: datetime) -> None:
    """It is not wanted any more: its messages count for nothing from now on. `forget_at`: when it is no longer tried to
    close it, if its end is not known."""
    channel.state = "closing"
    channel.expires_at = channel.expires_at or forget_at
    channel.due_at, channel.lease_until, channel.failures = now, None, 0


_CLAIM = text(
    """
    UPDATE channel SET lease_until = :lease_until WHERE id IN (
      SELECT channel.id FROM channel JOIN connection ON connection.id = channel.connection_id
      WHERE channel.due_at <= :now AND (channel.lease_until IS NULL OR channel.lease_until < :now)
        AND connection.state <> :lost
      ORDER BY channel.due_at LIMIT :most FOR UPDATE OF channel SKIP LOCKED
    ) RETURNING id
    """
)


async def claim_due(db: AsyncSession, *, now: datetime, lease_until: datetime, most: int) -> list[int]:
    """The ids of channels to work on, now leased to the caller; none of an account that lets nobody in."""
    given = {"now": now, "lease_until": lease_until, "most": most, "lost": ConnectionState.NEEDS_SIGN_IN.value}
    return [row[0] for row in await db.execute(_CLAIM, given)]


async def placed(db: AsyncSession, channel_id: int) -> Placed | None:
    """A channel with all that belongs to it."""
    query = (
        select(Channel, Connection, Calendar, Bookable)
        .join(Connection, col(Connection.id) == col(Channel.connection_id))
        .join(Bookable, col(Bookable.id) == col(Connection.bookable_id))
        .outerjoin(Calendar, col(Calendar.id) == col(Channel.calendar_id))
        .where(col(Channel.id) == channel_id)
    )
    row = (await db.execute(query)).first()
    if row is None:
        return None
    return Placed(channel=row[0], connection=row[1], calendar=row[2], owner=row[3])


async def lock(db: AsyncSession, channel_id: int) -> Channel | None:
    """The channel as it stands, held until the transaction ends; after its account. None if it is no more."""
    query = select(Channel).where(col(Channel.id) == channel_id).with_for_update()
    found: Channel | None = await db.scalar(query.execution_options(populate_existing=True))
    return found


async def others(db: AsyncSession, channel: Channel, state: str) -> list[Channel]:
    """The other channels for the same calendar or account that are in `state`, held."""
    query = (
        select(Channel)
        .where(
            col(Channel.connection_id) == channel.connection_id,
            col(Channel.calendar_id).is_not_distinct_from(channel.calendar_id),
            col(Channel.id) != channel.id,
            col(Channel.state) == state,
        )
        .order_by(col(Channel.id))
        .with_for_update()
    )
    return list(await db.scalars(query))


async def forget_closed(db: AsyncSession, now: datetime) -> None:
    """Channels that were to be closed and have ended by themselves."""
    over = select(col(Channel.id)).where(col(Channel.state) == "closing", col(Channel.expires_at) <= now)
    await db.execute(delete(Channel).where(col(Channel.id).in_(over.with_for_update(skip_locked=True))))


async def retry(db: AsyncSession, connection_id: int, now: datetime) -> None:
    """The account was linked anew: its channels are opened, or shown to be still alive, at once."""
    await db.execute(
        update(Channel)
        .where(col(Channel.connection_id) == connection_id, col(Channel.lease_until).is_(None))
        .values(due_at=now, failures=0)
    )
    await announce(db, "channels")


async def door(db: Reader, uid: UUID) -> Door | None:
    """By our name of it."""
    query = (
        select(
            col(Channel.id),
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
    return Door(channel_id=row[0] or 0, connection_id=row[1], calendar_id=row[2], provider=row[3], secret_hash=row[4])


_HEARD = text(
    """
    UPDATE channel SET
      notified_at = :now,
      last_number = greatest(last_number, :number),
      due_at = CASE WHEN remote_id = '' AND :remote <> '' AND state = 'closing' THEN :now ELSE due_at END,
      resource_id = CASE WHEN remote_id = '' THEN :resource ELSE resource_id END,
      remote_id = CASE WHEN remote_id = '' THEN :remote ELSE remote_id END
    WHERE id = :id AND secret_hash = :secret_hash AND (:number = 0 OR last_number < :number)
    RETURNING state
    """
)


async def heard(db: AsyncSession, door: Door, *, number: int, remote: str, resource: str, now: datetime) -> str | None:
    """A genuine message came in: the state of its channel, which is held until the transaction ends. None if the
    channel is no more, or `number` (0: there are none) is not newer than that of another message.

    What a provider calls it is noted if that was not known: with it, it can be closed."""
    given = {
        "id": door.channel_id,
        "secret_hash": door.secret_hash,
        "number": number,
        "remote": remote,
        "resource": resource,
        "now": now,
    }
    state: str | None = await db.scalar(_HEARD, given)
    return state


async def extend_soon(db: AsyncSession, channel_id: int, now: datetime, *, since: datetime) -> None:
    """Its provider wants it to be extended: at once, unless it was opened or extended after `since`."""
    open_one = and_(col(Channel.id) == channel_id, col(Channel.state) == "open", col(Channel.due_at) > now)
    early = or_(col(Channel.opened_at).is_(None), col(Channel.opened_at) <= since)
    await db.execute(update(Channel).where(open_one, early).values(due_at=now, failures=0))
    await announce(db, "channels")


async def ended(db: AsyncSession, channel_id: int, now: datetime, *, forget_at: datetime) -> bool:
    """Its provider says that it is over: it is replaced. False if that was known."""
    over = await db.execute(
        update(Channel)
        .where(col(Channel.id) == channel_id, col(Channel.state) == "open")
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


_PUSHED = text(
    """
    SELECT count(*), bool_or(notified_at >= :since) FROM channel
    WHERE connection_id = :connection AND (calendar_id IS NULL OR calendar_id = :calendar)
      AND state = 'open' AND opened_at <= :since
    """
)


async def was_pushed(db: AsyncSession, calendar: Calendar, since: datetime) -> bool | None:
    """Whether a message about the calendar came in since then; None if no channel stood already."""
    given = {"connection": calendar.connection_id, "calendar": calendar.id, "since": since}
    row = (await db.execute(_PUSHED, given)).one()
    return None if not row[0] else bool(row[1])


_NOTED = text(
    "UPDATE provider_app SET pushed_at = :now WHERE provider = :provider AND coalesce(pushed_at <= :before, true)"
)


async def note_push(db: Reader, provider: str, now: datetime, *, at_most_every: timedelta) -> None:
    """A genuine message came in."""
    await db.execute(_NOTED, {"provider": provider, "now": now, "before": now - at_most_every})


_SHARE = text(
    "SELECT avg((kind = 'unpushed')::int)::float8 FROM delay_sample"
    " WHERE kind IN ('pushed', 'unpushed') AND at >= :since"
)


async def share_without_push(db: AsyncSession, since: datetime) -> float | None:
    """Of the changes of calendars with a channel, what share was found without a push; None if there were none."""
    share: float | None = await db.scalar(_SHARE, {"since": since})
    return share
