"""What of calendars could not be read, and what its owner said about it. Instants are epoch seconds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.bulk import sliced
from booking_app.db.engine import Reader
from booking_app.db.tables import BusyBlock, Calendar, UnreadObject
from booking_app.domain.clock import to_instant

UNCERTAIN, IGNORED = "uncertain", "ignored"
"""The kinds of block of what could not be read: it blocks, or its owner said that it does not."""
MOST_LISTED = 100

Unread = tuple[str, list[tuple[str, int | None]]]
"""(etag, [(code, instant or None)]) of an object."""


class UnreadRow(NamedTuple):
    """`since` and `until` bound its blocks that are not over; `more` are those beyond the first."""

    uid: str
    calendar_uid: str
    problems: list[tuple[str, int | None]]
    blocks: bool
    since: int
    until: int
    more: int


async def ignored_versions(db: AsyncSession, calendar_id: int) -> dict[str, str]:
    """Key -> etag of what does not block by its owner's word."""
    query = select(col(UnreadObject.key), col(UnreadObject.etag)).where(
        col(UnreadObject.calendar_id) == calendar_id, ~col(UnreadObject.blocks)
    )
    return {row[0]: row[1] for row in await db.execute(query)}


async def ignored_spans(db: AsyncSession, calendar_id: int, span: tuple[datetime, datetime]) -> set[tuple[int, int]]:
    """The blocks that touch the span and do not block by their owner's word."""
    query = select(col(BusyBlock.starts_at), col(BusyBlock.ends_at)).where(
        col(BusyBlock.calendar_id) == calendar_id,
        col(BusyBlock.kind) == IGNORED,
        col(BusyBlock.starts_at) < span[1],
        col(BusyBlock.ends_at) > span[0],
    )
    return {(to_instant(start), to_instant(end)) for start, end in await db.execute(query)}


async def replace_unread(
    db: AsyncSession, calendar_id: int, *, keys: Collection[str], unread: Mapping[str, Unread]
) -> None:
    """Hold `unread` as all that could not be read of the objects `keys`. The owner's word stands for the version that
    it was said of."""
    for some in sliced([key for key in keys if key not in unread]):
        await db.execute(
            delete(UnreadObject).where(
                col(UnreadObject.calendar_id) == calendar_id, col(UnreadObject.key) == func.any(some)
            )
        )
    for some in sliced(sorted(unread)):
        rows = insert(UnreadObject).values(
            [
                {
                    "calendar_id": calendar_id,
                    "key": key,
                    "uid": uuid4(),
                    "etag": unread[key][0],
                    "problems": unread[key][1],
                    "blocks": True,
                }
                for key in some
            ]
        )
        same = col(UnreadObject.etag) == rows.excluded.etag
        await db.execute(
            rows.on_conflict_do_update(
                index_elements=["calendar_id", "key"],
                set_={
                    "etag": rows.excluded.etag,
                    "problems": rows.excluded.problems,
                    "blocks": case((same, col(UnreadObject.blocks)), else_=True),
                },
            )
        )


async def unread_objects(db: Reader, bookable_id: int, now: datetime) -> Sequence[UnreadRow]:
    """What could not be read in the calendars that block a person and is not over, soonest first."""
    query = (
        select(
            col(UnreadObject.uid),
            col(Calendar.uid),
            col(UnreadObject.problems),
            col(UnreadObject.blocks),
            func.min(col(BusyBlock.starts_at)),
            func.min(col(BusyBlock.ends_at)),
            func.count() - 1,
        )
        .join(Calendar, col(Calendar.id) == col(UnreadObject.calendar_id))
        .join(
            BusyBlock,
            (col(BusyBlock.calendar_id) == col(UnreadObject.calendar_id))
            & (col(BusyBlock.key) == col(UnreadObject.key))
            & col(BusyBlock.kind).in_([UNCERTAIN, IGNORED])
            & (col(BusyBlock.ends_at) > now),
        )
        .where(col(Calendar.bookable_id) == bookable_id, col(Calendar.blocks))
        .group_by(col(UnreadObject.calendar_id), col(UnreadObject.key), col(Calendar.uid))
        .order_by(func.min(col(BusyBlock.starts_at)), col(UnreadObject.uid))
        .limit(MOST_LISTED)
    )
    return [
        UnreadRow(
            uid=str(row[0]),
            calendar_uid=str(row[1]),
            problems=[(code, at) for code, at in row[2]],
            blocks=row[3],
            since=to_instant(row[4]),
            until=to_instant(row[5]),
            more=row[6],
        )
        for row in await db.execute(query)
    ]


async def calendar_of_unread(db: Reader, uid: str, bookable_id: int) -> int | None:
    """The id of the calendar that the unread object `uid` is in, if that is one of the person's."""
    try:
        wanted = UUID(uid)
    except ValueError:
        return None
    found: int | None = await db.scalar(
        select(col(UnreadObject.calendar_id))
        .join(Calendar, col(Calendar.id) == col(UnreadObject.calendar_id))
        .where(col(UnreadObject.uid) == wanted, col(Calendar.bookable_id) == bookable_id)
    )
    return found


async def set_unread_blocks(db: AsyncSession, uid: str, *, blocks: bool) -> None:
    """The owner's word on one of them, at once."""
    row = (
        await db.execute(
            update(UnreadObject)
            .where(col(UnreadObject.uid) == UUID(uid))
            .values(blocks=blocks)
            .returning(col(UnreadObject.calendar_id), col(UnreadObject.key))
        )
    ).one_or_none()
    if row is not None:
        before, after = (IGNORED, UNCERTAIN) if blocks else (UNCERTAIN, IGNORED)
        its = (col(BusyBlock.calendar_id) == row[0], col(BusyBlock.key) == row[1], col(BusyBlock.kind) == before)
        await db.execute(update(BusyBlock).where(*its).values(kind=after))
