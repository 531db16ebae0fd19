"""Named queries of calendar sync. Instants are epoch seconds; leases are times until which a worker owns a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.bulk import copy_rows, sliced
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars
from booking_app.db.tables import (
    Appointment,
    Bookable,
    BusyBlock,
    Calendar,
    CalendarObject,
    Connection,
    Mirror,
    Outbox,
)
from booking_app.domain.appointment import ConnectionState, Effect
from booking_app.domain.clock import from_instant, to_instant

Block = tuple[str, int, int, str]
"""(key, start, end, kind) of one busy block."""


def read_by_us() -> ColumnElement[bool]:
    """Calendars that are read at all: they block or receive our events, and their account is connected."""
    return and_(
        or_(col(Calendar.blocks), col(Calendar.target)),
        col(Connection.state) != ConnectionState.DISCONNECTED.value,
    )


async def claim_calendar(db: AsyncSession, calendar_id: int, *, now: datetime, lease_until: datetime) -> bool:
    """Lease one calendar to the caller. False if a worker reads it just now."""
    claimed = await db.execute(
        update(Calendar)
        .where(
            col(Calendar.id) == calendar_id,
            or_(col(Calendar.lease_until).is_(None), col(Calendar.lease_until) < now),
        )
        .values(lease_until=lease_until)
        .returning(col(Calendar.id))
    )
    return claimed.scalar() is not None


async def release_calendar(db: AsyncSession, calendar_id: int) -> None:
    """Let the next worker have it at once."""
    await db.execute(update(Calendar).where(col(Calendar.id) == calendar_id).values(lease_until=None))


async def extend_leases(db: AsyncSession, calendars: Collection[int], until: datetime) -> None:
    """Keep what a living worker is busy with. A row that is locked just now is being finished."""
    free = select(col(Calendar.id)).where(col(Calendar.id).in_(calendars)).with_for_update(skip_locked=True)
    await db.execute(
        update(Calendar)
        .where(col(Calendar.id).in_(free.scalar_subquery()), col(Calendar.lease_until).is_not(None))
        .values(lease_until=until)
    )


async def calendar_by_uid(db: AsyncSession, uid: str, bookable_id: int | None) -> int | None:
    """The id of the calendar that a page calls `uid`, if it belongs to `bookable_id` (None: to anybody)."""
    try:
        wanted = UUID(uid)
    except ValueError:
        return None
    query = select(col(Calendar.id)).where(col(Calendar.uid) == wanted)
    if bookable_id is not None:
        query = query.where(col(Calendar.bookable_id) == bookable_id)
    found: int | None = await db.scalar(query)
    return found


async def blocking_calendars(
    db: AsyncSession, bookables: Collection[int]
) -> Sequence[tuple[Calendar, Connection, Bookable]]:
    """All calendars that block one of the bookables, with their accounts."""
    query = (
        select(Calendar, Connection, Bookable)
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .join(Bookable, col(Bookable.id) == col(Calendar.bookable_id))
        .where(col(Calendar.bookable_id).in_(bookables), col(Calendar.blocks), read_by_us())
        .order_by(col(Calendar.id))
    )
    return [(row[0], row[1], row[2]) for row in await db.execute(query)]


async def held_objects(db: AsyncSession, calendar_id: int) -> list[tuple[str, str, str, bool]]:
    """(key, etag, uid, missing) of everything that we hold of a calendar."""
    query = select(
        col(CalendarObject.key),
        col(CalendarObject.etag),
        col(CalendarObject.uid),
        col(CalendarObject.missing_since).is_not(None),
    ).where(col(CalendarObject.calendar_id) == calendar_id)
    return [(row[0], row[1], row[2], row[3]) for row in await db.execute(query)]


async def coming_objects(db: AsyncSession, calendar_id: int, now: datetime) -> list[str]:
    """The keys of the objects that block time after `now`."""
    query = (
        select(col(BusyBlock.key)).where(col(BusyBlock.calendar_id) == calendar_id, col(BusyBlock.ends_at) > now)
    ).distinct()
    return list(await db.scalars(query))


async def own_appointments(
    db: AsyncSession, bookable_id: int, uids: Collection[UUID]
) -> list[tuple[Appointment, Mirror | None, bool]]:
    """The appointments with these uids, the person's mirror of each, and whether a write of it is on its way
    (parked it waits for a person, perhaps for ever)."""
    if not uids:
        return []
    key = func.concat(col(Appointment.id), ":", bookable_id)
    waiting = (
        select(col(Outbox.id))
        .where(col(Outbox.effect) == Effect.CALENDAR.value, col(Outbox.key) == key, ~col(Outbox.parked))
        .exists()
    )
    query = (
        select(Appointment, Mirror, waiting)
        .outerjoin(
            Mirror,
            and_(col(Mirror.appointment_id) == col(Appointment.id), col(Mirror.bookable_id) == bookable_id),
        )
        .where(col(Appointment.uid).in_(uids))
    )
    return [(row[0], row[1], row[2]) for row in await db.execute(query)]


async def event_elsewhere(db: AsyncSession, calendar: Calendar, uid: str) -> CalendarObject | None:
    """The event with this uid in another calendar of the same person."""
    found: CalendarObject | None = await db.scalar(
        select(CalendarObject)
        .join(Calendar, col(Calendar.id) == col(CalendarObject.calendar_id))
        .where(
            col(CalendarObject.uid) == uid,
            col(Calendar.bookable_id) == calendar.bookable_id,
            col(Calendar.id) != calendar.id,
        )
        .limit(1)
    )
    return found


async def unread_since_missing(db: AsyncSession, calendar: Calendar, key: str, now: datetime) -> list[int]:
    """Other calendars of the person that can be read and were not since the object was first missed."""
    missing = await db.scalar(
        select(col(CalendarObject.missing_since)).where(
            col(CalendarObject.calendar_id) == calendar.id, col(CalendarObject.key) == key
        )
    )
    query = (
        select(Calendar)
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .where(
            read_by_us(),
            col(Calendar.bookable_id) == calendar.bookable_id,
            col(Calendar.id) != calendar.id,
            col(Calendar.failures) == 0,
            or_(col(Calendar.verified_at).is_(None), col(Calendar.verified_at) <= (missing or now)),
        )
    )
    return [each.id or 0 for each in await db.scalars(query)]


async def read_remote_ids(db: AsyncSession, connection_id: int) -> set[str]:
    """The provider's names of the calendars of an account that are read."""
    query = (
        select(col(Calendar.remote_id))
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .where(col(Calendar.connection_id) == connection_id, read_by_us())
    )
    return set(await db.scalars(query))


async def make_calendars_due(db: AsyncSession, calendars: Collection[int], now: datetime) -> None:
    """Read them at once."""
    await lock_calendars(db, col(Calendar.id).in_(calendars))
    await db.execute(update(Calendar).where(col(Calendar.id).in_(calendars)).values(due_at=now))
    await announce(db, "due", calendars)


async def blocks_by_key(db: AsyncSession, calendar_id: int, keys: Collection[str]) -> dict[str, set[Block]]:
    """The stored blocks of some objects."""
    found: dict[str, set[Block]] = {}
    for some in sliced(keys):
        query = select(col(BusyBlock.key), col(BusyBlock.starts_at), col(BusyBlock.ends_at), col(BusyBlock.kind)).where(
            col(BusyBlock.calendar_id) == calendar_id, col(BusyBlock.key) == func.any(some)
        )
        for key, start, end, kind in await db.execute(query):
            found.setdefault(key, set()).add((key, to_instant(start), to_instant(end), kind))
    return found


async def count_blocks(db: AsyncSession, calendar: Calendar) -> tuple[int, int]:
    """How many blocks are stored of the calendar, and of all calendars of its account."""
    of_account = select(col(Calendar.id)).where(col(Calendar.connection_id) == calendar.connection_id)
    its_own = func.count().filter(col(BusyBlock.calendar_id) == calendar.id)
    query = select(its_own, func.count()).where(col(BusyBlock.calendar_id).in_(of_account))
    own, everything = (await db.execute(query)).one()
    return own, everything


async def count_blocks_of(db: AsyncSession, calendar_id: int, keys: Collection[str]) -> int:
    """How many blocks are stored of some objects."""
    found = 0
    for some in sliced(keys):
        query = select(func.count()).where(
            col(BusyBlock.calendar_id) == calendar_id, col(BusyBlock.key) == func.any(some)
        )
        found += await db.scalar(query) or 0
    return found


async def replace_blocks(
    db: AsyncSession, *, calendar_id: int, bookable_id: int, keys: Collection[str], blocks: Iterable[Block]
) -> None:
    """Swap all blocks of `keys` for `blocks`, in the caller's transaction; fast for tens of thousands."""
    for some in sliced(keys):
        await db.execute(
            delete(BusyBlock).where(col(BusyBlock.calendar_id) == calendar_id, col(BusyBlock.key) == func.any(some))
        )
    await copy_rows(
        db,
        "busy_block (calendar_id, bookable_id, key, starts_at, ends_at, kind)",
        (
            (calendar_id, bookable_id, key, from_instant(start).isoformat(), from_instant(end).isoformat(), kind)
            for key, start, end, kind in blocks
        ),
    )


async def replace_objects(
    db: AsyncSession, *, calendar_id: int, gone: Collection[str], versions: Mapping[str, tuple[str, str]]
) -> None:
    """Forget the keys in `gone`, hold `versions` (key -> (etag, uid)) instead of what was held under their keys."""
    for some in sliced([*gone, *versions]):
        await db.execute(
            delete(CalendarObject).where(
                col(CalendarObject.calendar_id) == calendar_id, col(CalendarObject.key) == func.any(some)
            )
        )
    await copy_rows(
        db,
        "calendar_object (calendar_id, key, etag, uid)",
        ((calendar_id, key, etag, uid) for key, (etag, uid) in versions.items()),
    )


async def mark_missing(db: AsyncSession, calendar_id: int, keys: Collection[str], since: datetime | None) -> None:
    """Note that objects were not shown (or, with None, that they are shown again)."""
    if keys:
        await db.execute(
            update(CalendarObject)
            .where(col(CalendarObject.calendar_id) == calendar_id, col(CalendarObject.key) == func.any(list(keys)))
            .values(missing_since=since if since is None else func.coalesce(col(CalendarObject.missing_since), since))
        )


async def uncertain_objects(db: AsyncSession, calendar_id: int) -> int:
    """How many objects block with a margin because they could not be understood."""
    query = select(func.count(func.distinct(col(BusyBlock.key)))).where(
        col(BusyBlock.calendar_id) == calendar_id, col(BusyBlock.kind) == "uncertain"
    )
    return int(await db.scalar(query) or 0)
