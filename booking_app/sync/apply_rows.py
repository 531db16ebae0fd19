"""The rows of a calendar as a read found it: blocks, versions, and what could not be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db import sync_queries, unread_queries
from booking_app.db.tables import Calendar
from booking_app.sync import limits
from booking_app.sync.model import BusyKind, Delta
from booking_app.sync.plan import Plan

PAUSE = 200
"""Objects of a large calendar after which the pages get their turn."""


async def within_room(db: AsyncSession, calendar: Calendar, delta: Delta) -> Delta:
    """The delta with no more blocks than the calendar and its account still have room for, beside what is held."""
    coming = limits.blocks(delta.objects)
    if coming <= len(delta.objects):
        return delta  # a single block is never too much
    held, of_account = await sync_queries.count_blocks(db, calendar)
    room = min(limits.BLOCKS - held, limits.BLOCKS_OF_ACCOUNT - of_account)
    if coming > room:
        room += await sync_queries.count_blocks_of(db, calendar.id or 0, [each.key for each in delta.objects])
    return replace(delta, objects=tuple(limits.fitted(delta.objects, max(room, 0))))


async def store_blocks(
    db: AsyncSession, calendar: Calendar, plan: Plan, followed: Mapping[str, tuple[int, int]]
) -> bool:
    """Swap the blocks of what really changed; whether anything did."""
    calendar_id = calendar.id or 0
    unread = any(each.problems for each in plan.store)
    ignored = await unread_queries.ignored_versions(db, calendar_id) if unread else {}
    wanted: dict[str, set[sync_queries.Block]] = {each.key: set() for each in plan.drop}
    for number, each in enumerate(plan.store):
        if number % PAUSE == 0:
            await asyncio.sleep(0)
        unsure = BusyKind.IGNORED if ignored.get(each.key) == each.etag else BusyKind.UNCERTAIN
        wanted[each.key] = {
            (each.key, busy.start, busy.end, (unsure if busy.kind is BusyKind.UNCERTAIN else busy.kind).value)
            for busy in each.busy
            if calendar.blocks and (busy.start, busy.end) != followed.get(each.key)
        }
    stored = await sync_queries.blocks_by_key(db, calendar_id, wanted)
    differing = [key for key, blocks in wanted.items() if stored.get(key, set()) != blocks]
    if not differing:
        return False
    await sync_queries.replace_blocks(
        db,
        calendar_id=calendar_id,
        bookable_id=calendar.bookable_id,
        keys=[key for key in differing if key in stored],
        blocks=(block for key in differing for block in sorted(wanted[key])),
    )
    return True


async def store_objects(db: AsyncSession, calendar: Calendar, plan: Plan, now: datetime) -> None:
    """Remember which versions were read, what of them could not be, and what is suspected to be gone."""
    calendar_id = calendar.id or 0
    await sync_queries.replace_objects(
        db,
        calendar_id=calendar_id,
        gone=[each.key for each in plan.drop],
        versions={each.key: (each.etag, each.uid) for each in plan.store},
    )
    await unread_queries.replace_unread(
        db,
        calendar_id,
        keys=[*(each.key for each in plan.drop), *(each.key for each in plan.store)],
        unread={
            each.key: (each.etag, [(code.value, at) for code, at in each.problems])
            for each in plan.store
            if each.problems
        },
    )
    await sync_queries.mark_missing(db, calendar_id, plan.cleared, None)
    await sync_queries.mark_missing(db, calendar_id, [each.key for each in plan.suspect], now)
