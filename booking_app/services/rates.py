"""How often something may happen, counted in the database: the same for all processes, and after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.services.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """At most `most` in any `period`, at once or spread; then one every period/most."""

    most: int
    period: timedelta


# What is left of the count at :now. Of another machine's clock that is a little ahead nothing runs out; what is further
# ahead than a whole period was counted before the clock was set back, and is over.
_LEFT = """
CASE WHEN b.since > CAST(:now AS timestamptz) + CAST(:period AS interval) THEN 0
     ELSE greatest(0, b.spent - greatest(0, date_part('epoch', CAST(:now AS timestamptz) - b.since))
                                * CAST(:pace AS float8)) END
"""
_TAKE = text(
    """
INSERT INTO bucket AS b (key, spent, since, ends_at)
VALUES (:key, 1, :now, CAST(:now AS timestamptz) + CAST(:period AS interval))
ON CONFLICT (key) DO UPDATE SET spent = 1 + :left:, since = :now, ends_at = excluded.ends_at
WHERE 1 + :left: <= CAST(:most AS float8)
RETURNING spent
""".replace(":left:", _LEFT)
)


async def take(ctx: Context, db: AsyncSession, key: bytes, rate: Rate) -> bool:
    """Count one more in the caller's transaction; False, with nothing counted, if it is too often.

    The row stays locked until the transaction ends: those who come at once are counted one after the other."""
    values = {
        "key": key,
        "now": ctx.now(),
        "period": rate.period,
        "pace": rate.most / rate.period.total_seconds(),
        "most": rate.most,
    }
    return (await db.execute(_TAKE, values)).scalar() is not None


async def take_all(ctx: Context, wanted: Sequence[tuple[bytes, Rate]]) -> bool:
    """Count one more of each, or nothing of any. All callers name the same kinds in the same order."""
    async with ctx.sessions() as db:
        for key, rate in wanted:
            if not await take(ctx, db, key, rate):
                return False
        await db.commit()
    return True


async def give_back(ctx: Context, key: bytes) -> None:
    """Take one off the count."""
    async with ctx.sessions.begin() as db:
        await db.execute(text("UPDATE bucket SET spent = greatest(0, spent - 1) WHERE key = :key"), {"key": key})


async def forget(ctx: Context, keys: Sequence[bytes]) -> None:
    """Count none any more."""
    async with ctx.sessions.begin() as db:
        await db.execute(text("DELETE FROM bucket WHERE key = ANY(:keys)"), {"keys": list(keys)})
