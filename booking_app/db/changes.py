"""Telling every process what changed, inside the transaction that changes it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "booking_app"
_AT_ONCE = 500
"""Ids in one announcement: PostgreSQL takes fewer than 8,000 bytes ("NOTIFY")."""


def message(topic: str, ids: Iterable[int] = ()) -> str:
    """The announcement as it travels, for a statement that notifies by itself."""
    return json.dumps({"topic": topic, "ids": sorted(set(ids))})


async def announce(db: AsyncSession, topic: str, ids: Iterable[int] = ()) -> None:
    """NOTIFY on commit. Topics:

    `availability` (ids: bookables whose slots may have changed), `sync` (ids: connections whose health or queue
    changed), `verified` (ids: calendars just read), `outbox` (work was enqueued), `due` (ids: calendars to read
    at once), `channels` (push channels have to be worked on), `catalog` (services, people or hours changed). Sent only
    when the transaction commits; very many ids arrive in several announcements."""
    told = sorted(set(ids))
    parts = [told[since : since + _AT_ONCE] for since in range(0, len(told), _AT_ONCE)] or [[]]
    for part in parts:
        await db.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": message(topic, part)}
        )
