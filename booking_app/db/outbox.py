"""Enqueueing effects in the caller's transaction, and claiming them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.claim_queries import turns_to_write
from booking_app.db.tables import Outbox
from booking_app.domain.effects import Work
from booking_app.domain.freshness import SLOW


async def enqueue(
    db: AsyncSession, effect: str, key: str, *, due: datetime, payload: Mapping[str, Any] | None = None
) -> None:
    """Ask that `effect` becomes true for `key` at `due`, in the caller's transaction.

    A row that already waits is renewed instead of doubled: due at the earlier time, attempts forgotten, with a
    new generation, so that a worker busy with the old one does not remove the new request. Its age is that of the
    new request."""
    row = insert(Outbox).values(effect=effect, key=key, due_at=due, created_at=due, payload=dict(payload or {}))
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["effect", "key"],
            set_={
                "generation": Outbox.__table__.c.generation + 1,  # type: ignore[attr-defined]
                "due_at": text("least(outbox.due_at, excluded.due_at)"),
                "created_at": row.excluded.created_at,
                "payload": row.excluded.payload,
                "attempts": 0,
                "parked": False,
            },
        )
    )


async def claim(
    db: AsyncSession,
    effect: str,
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    host: int | None = None,
    quick: bool | None = None,
) -> list[Work]:
    """Due rows of one effect, now leased to the caller, oldest first; rows that another worker claims are skipped.
    A row whose lease ran out (its worker died) is due again.

    `host`: of a server at most so many are worked on at a time, and of a person one (`turns_to_write`, which says what
    the keys must be). `quick`: only what took no longer than `SLOW` when it was tried, or only what did."""
    free = and_(
        col(Outbox.effect) == effect,
        col(Outbox.due_at) <= now,
        ~col(Outbox.parked),
        or_(col(Outbox.lease_until).is_(None), col(Outbox.lease_until) < now),
    )
    if quick is not None:
        free = and_(free, col(Outbox.takes) <= SLOW if quick else col(Outbox.takes) > SLOW)
    query = select(Outbox).where(free)
    if host is not None:
        turns = await turns_to_write(db, effect, now=now, host=host, quick=quick)
        query = query.where(col(Outbox.id).in_(turns))
    query = query.order_by(col(Outbox.due_at), col(Outbox.id)).limit(limit).with_for_update(skip_locked=True)
    claimed = []
    for row in await db.scalars(query):
        row.lease_until = lease_until
        claimed.append(
            Work(
                id=row.id or 0,
                effect=row.effect,
                key=row.key,
                payload=row.payload,
                generation=row.generation,
                attempts=row.attempts,
                created_at=(row.created_at or now).timestamp(),
            )
        )
    return claimed


async def finish(db: AsyncSession, work: Work) -> bool:
    """Remove what was done. False if it was asked for again meanwhile: then it stays, free to be claimed."""
    done = await db.execute(
        delete(Outbox)
        .where(col(Outbox.id) == work.id, col(Outbox.generation) == work.generation)
        .returning(col(Outbox.id))
    )
    if done.scalar() is not None:
        return True
    await db.execute(update(Outbox).where(col(Outbox.id) == work.id).values(lease_until=None))
    return False


async def extend_leases(db: AsyncSession, works: Collection[int], until: datetime) -> None:
    """Keep what a living worker is busy with. A row that is locked just now is being finished."""
    free = select(col(Outbox.id)).where(col(Outbox.id).in_(works)).with_for_update(skip_locked=True)
    await db.execute(
        update(Outbox)
        .where(col(Outbox.id).in_(free.scalar_subquery()), col(Outbox.lease_until).is_not(None))
        .values(lease_until=until)
    )


async def postpone(db: AsyncSession, work: Work, *, due: datetime | None, reason: str, took: float = 0) -> None:
    """Put a row back that failed after `took` seconds, due again at `due`, or parked until a person acts. If it was
    asked for again meanwhile, that request counts instead."""
    same = await db.execute(
        update(Outbox)
        .where(col(Outbox.id) == work.id, col(Outbox.generation) == work.generation)
        .values(
            lease_until=None,
            attempts=work.attempts + 1,
            reason=reason,
            takes=func.greatest(col(Outbox.takes), took),
            parked=due is None,
            **({} if due is None else {"due_at": due}),
        )
        .returning(col(Outbox.id))
    )
    if same.scalar() is None:
        await db.execute(update(Outbox).where(col(Outbox.id) == work.id).values(lease_until=None))
