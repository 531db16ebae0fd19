"""Named queries about this installation at the providers that are linked by consent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.tables import Alert, Bookable, Connection, Grant, ProviderApp
from booking_app.domain.appointment import ConnectionState


async def linked_accounts(db: AsyncSession) -> dict[str, int]:
    """How many accounts are connected, by provider."""
    query = (
        select(col(Connection.provider), func.count())
        .where(col(Connection.state) != ConnectionState.DISCONNECTED.value)
        .group_by(col(Connection.provider))
    )
    return {row[0]: row[1] for row in await db.execute(query)}


async def note_trouble(db: AsyncSession, provider: str, reason: str) -> None:
    """Why the provider refuses this installation; empty when it does not."""
    await db.execute(update(ProviderApp).where(col(ProviderApp.provider) == provider).values(trouble=reason))


async def note_turned_back(db: AsyncSession, provider: str, now: datetime) -> None:
    """Somebody's organisation lets only its administrator allow access."""
    await db.execute(update(ProviderApp).where(col(ProviderApp.provider) == provider).values(turned_back_at=now))


@dataclass(frozen=True, kw_only=True, slots=True)
class EndingGrant:
    """A link that ends by itself at `ends_at`; whose, and where they are."""

    owner: str
    zone: str
    ends_at: datetime


async def ending_grants(db: AsyncSession, provider: str, now: datetime) -> list[EndingGrant]:
    """Which links end by themselves and have not yet, the first one first."""
    query = (
        select(col(Bookable.name), col(Bookable.zone), col(Grant.ends_at))
        .join(Connection, col(Connection.id) == col(Grant.connection_id))
        .join(Bookable, col(Bookable.id) == col(Connection.bookable_id))
        .where(
            col(Connection.provider) == provider,
            col(Connection.state) != ConnectionState.DISCONNECTED.value,
            col(Grant.ends_at) > now,
        )
        .order_by(col(Grant.ends_at), col(Bookable.name))
    )
    found = [(row[0], row[1], row[2]) for row in await db.execute(query)]
    return [
        EndingGrant(owner=owner, zone=zone, ends_at=ends_at) for owner, zone, ends_at in found if ends_at is not None
    ]


async def incident(db: AsyncSession, subject: str) -> str | None:
    """What an open alert says; None while there is none."""
    query = select(col(Alert.message)).where(col(Alert.subject) == subject, col(Alert.closed_at).is_(None))
    found: str | None = await db.scalar(query)
    return found


_EXPECTED = text(
    """
    UPDATE oauth_grant SET ends_at = granted_at + :life FROM connection
    WHERE connection.id = oauth_grant.connection_id AND connection.provider = :provider AND oauth_grant.ends_at IS NULL
    """
)


async def expect_ends(db: AsyncSession, provider: str, life: timedelta) -> None:
    """Grants of which no end is known end when they are that old."""
    await db.execute(_EXPECTED, {"provider": provider, "life": life})


_DUE = text(
    """
    UPDATE calendar SET due_at = :now WHERE id IN (
      SELECT calendar.id FROM calendar JOIN connection ON connection.id = calendar.connection_id
      WHERE connection.provider = :provider AND (calendar.blocks OR calendar.target)
      ORDER BY calendar.id FOR NO KEY UPDATE OF calendar SKIP LOCKED
    ) RETURNING id
    """
)
_WAKE = text(
    """
    UPDATE outbox SET due_at = :now, attempts = 0 WHERE id IN (
      SELECT id FROM outbox
      WHERE NOT parked AND lease_until IS NULL AND (
        (effect = 'revoke' AND payload->>'provider' = :provider)
        OR (effect = 'calendar' AND split_part(key, ':', 2) IN (
          SELECT bookable_id::text FROM connection WHERE provider = :provider)))
      ORDER BY id FOR UPDATE SKIP LOCKED
    )
    """
)

_CHANNELS = text(
    """
    UPDATE channel SET due_at = :now WHERE id IN (
      SELECT channel.id FROM channel JOIN connection ON connection.id = channel.connection_id
      WHERE connection.provider = :provider AND channel.failures > 0 AND channel.lease_until IS NULL
      ORDER BY channel.id FOR UPDATE OF channel SKIP LOCKED
    )
    """
)


async def try_again(db: AsyncSession, provider: str, now: datetime) -> None:
    """Read all calendars of the provider and do what waits for it at once."""
    due = [row[0] for row in await db.execute(_DUE, {"provider": provider, "now": now})]
    await db.execute(_WAKE, {"provider": provider, "now": now})
    await db.execute(_CHANNELS, {"provider": provider, "now": now})
    await announce(db, "due", due)
    await announce(db, "outbox")
    await announce(db, "sync")


_LET_GO = text(
    """
    INSERT INTO outbox (effect, key, payload, generation, attempts, reason, parked, due_at, created_at)
    SELECT 'revoke', 'grant:' || connection.uid,
      jsonb_build_object(
        'provider', connection.provider, 'mode', connection.mode, 'subject', connection.subject,
        'sealed', encode(oauth_grant.refresh, 'hex'),
        'channels', coalesce((
          SELECT jsonb_agg(jsonb_build_array(channel.remote_id, channel.resource_id))
          FROM channel WHERE channel.connection_id = connection.id AND channel.remote_id <> ''), '[]')
      ), 1, 0, '', false, :now, :now
    FROM oauth_grant JOIN connection ON connection.id = oauth_grant.connection_id
    WHERE connection.id = ANY(:connections)
    FOR UPDATE OF oauth_grant
    ON CONFLICT (effect, key) DO NOTHING
    """
)


async def let_go(db: AsyncSession, connections: Collection[int], now: datetime) -> None:
    """For accounts that are about to be deleted: ask that their push channels are closed and their grants revoked.

    The refresh token moves as it is: it is sealed for the name of the grant, which is the key of the work. One that is
    being replaced at this moment is waited for, since the earlier one may be worth nothing then."""
    await db.execute(_LET_GO, {"connections": list(connections), "now": now})
    await announce(db, "outbox")


_TOKEN = text(
    "UPDATE outbox SET payload = jsonb_set(payload, '{sealed}', to_jsonb(CAST(:sealed AS text))) WHERE id = :id"
)


async def note_token(db: AsyncSession, outbox_id: int, sealed: bytes) -> None:
    """The refresh token with which such work goes on."""
    await db.execute(_TOKEN, {"id": outbox_id, "sealed": sealed.hex()})


async def others_with(db: AsyncSession, provider: str, subject: str) -> bool:
    """Whether there is an account of that subject, whoever's it is, also one that is about to go and out of which our
    events are still being taken."""
    query = select(col(Connection.id)).where(col(Connection.provider) == provider, col(Connection.subject) == subject)
    return await db.scalar(query.limit(1)) is not None
