"""Named queries of push channels. Leases are times until which a worker owns a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.engine import Reader
from booking_app.db.sync_queries import read_by_us
from booking_app.db.tables import Bookable, Calendar, Channel, Connection
from booking_app.domain.appointment import ConnectionState


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A channel, as far as it matters whether it should stand."""

    id: int
    calendar_id: int | None
    state: str
    address: str
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """An account that uses channels or has some: the ids of its calendars that are read, and its channels."""

    connection_id: int
    provider: str
    mode: str
    lets_in: bool
    used: list[int] = field(default_factory=list)
    channels: list[Standing] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A channel, the account it belongs to, the calendar if it is for one, and whose they are."""

    channel: Channel
    connection: Connection
    calendar: Calendar | None
    owner: Bookable


async def linked(db: AsyncSession, providers: Collection[str], connection_id: int | None = None) -> list[Linked]:
    """The accounts of these providers, or one of them, that have or could need a channel. Plain columns: with a
    thousand accounts this is looked through twice a minute."""
    account = (col(Connection.id), col(Connection.provider), col(Connection.mode), col(Connection.state))
    which: list[ColumnElement[bool]] = [col(Connection.provider).in_(providers)]
    if connection_id is not None:
        which.append(col(Connection.id) == connection_id)
    used = select(*account, col(Calendar.id)).join(Calendar, col(Calendar.connection_id) == col(Connection.id))
    held = select(
        *account,
        col(Channel.id),
        col(Channel.calendar_id),
        col(Channel.state),
        col(Channel.address),
        col(Channel.expires_at),
    ).join(Channel, col(Channel.connection_id) == col(Connection.id))
    found: dict[int, Linked] = {}

    def of(number: int | None, provider: str, mode: str, state: str) -> Linked:
        lets_in = state != ConnectionState.NEEDS_SIGN_IN.value
        new = Linked(connection_id=number or 0, provider=provider, mode=mode, lets_in=lets_in)
        return found.setdefault(number or 0, new)

    for number, provider, mode, state, calendar in await db.execute(used.where(read_by_us(), *which)):
        of(number, provider, mode, state).used.append(calendar or 0)
    for row in await db.execute(held.where(*which)):
        standing = Standing(id=row[4] or 0, calendar_id=row[5], state=row[6], address=row[7], expires_at=row[8])
        of(row[0], row[1], row[2], row[3]).channels.append(standing)
    return list(found.values())


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


async def claim_due(db: Reader, *, now: datetime, lease_until: datetime, most: int) -> list[int]:
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


async def of_same_account(db: AsyncSession, connection: Connection) -> frozenset[str]:
    """What the provider calls the channels that others here have for the same account."""
    query = (
        select(col(Channel.remote_id))
        .join(Connection, col(Connection.id) == col(Channel.connection_id))
        .where(
            col(Connection.provider) == connection.provider,
            col(Connection.subject) == connection.subject,
            col(Connection.id) != connection.id,
            col(Channel.remote_id) != "",
        )
    )
    return frozenset(await db.scalars(query))


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


_SHARE = text(
    "SELECT avg((kind = 'unpushed')::int)::float8 FROM delay_sample"
    " WHERE kind IN ('pushed', 'unpushed') AND at >= :since"
)


async def share_without_push(db: AsyncSession, since: datetime) -> float | None:
    """Of the changes of calendars with a channel, what share was found without a push; None if there were none."""
    share: float | None = await db.scalar(_SHARE, {"since": since})
    return share


async def trouble(db: AsyncSession, provider: str) -> str | None:
    """Why a channel that should stand does not, or could not be extended; None without such. Of several the one that
    is left alone longest: a refusal says more than a disturbance. That of an account which does not let us in is no
    news: the account itself says so."""
    query = (
        select(col(Channel.trouble))
        .join(Connection, col(Connection.id) == col(Channel.connection_id))
        .where(
            col(Connection.provider) == provider,
            col(Connection.state).not_in((ConnectionState.NEEDS_SIGN_IN.value, ConnectionState.DISCONNECTED.value)),
            col(Channel.state) != "closing",
            col(Channel.failures) > 0,
        )
        .order_by(col(Channel.due_at).desc())
        .limit(1)
    )
    found: str | None = await db.scalar(query)
    return found
