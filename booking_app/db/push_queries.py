"""Named queries of writing our events out, and of the mirrors that remember where they stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendar
from booking_app.db.tables import (
    Appointment,
    Bookable,
    Booking,
    BusyBlock,
    Calendar,
    CalendarObject,
    Connection,
    Mirror,
    Occupancy,
    Service,
)
from booking_app.domain.appointment import ConnectionState


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A calendar, the account it belongs to and the person."""

    calendar: Calendar
    connection: Connection
    owner: Bookable


@dataclass(frozen=True, kw_only=True, slots=True)
class ToWrite:
    """An appointment as one person's calendar must show it: `occupies` says that this person takes part."""

    appointment: Appointment
    service: Service
    bookings: Sequence[Booking]
    occupies: bool
    mirror: Mirror | None
    mirrored_in: Placed | None
    target: Placed | None


def calendar_key(appointment_id: int, bookable_id: int) -> str:
    """The outbox key of the effect `calendar`."""
    return f"{appointment_id}:{bookable_id}"


async def placed(db: AsyncSession, calendar_id: int) -> Placed | None:
    """A calendar with its account and its owner; None if it is no more."""
    query = (
        select(Calendar, Connection, Bookable)
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .join(Bookable, col(Bookable.id) == col(Calendar.bookable_id))
        .where(col(Calendar.id) == calendar_id)
    )
    row = (await db.execute(query)).one_or_none()
    return None if row is None else Placed(calendar=row[0], connection=row[1], owner=row[2])


async def to_write(db: AsyncSession, appointment_id: int, bookable_id: int) -> ToWrite | None:
    """Everything that decides what must stand in the person's calendar; None if the appointment is no more."""
    query = (
        select(Appointment, Service)
        .join(Service, col(Service.id) == col(Appointment.service_id))
        .where(col(Appointment.id) == appointment_id)
    )
    row = (await db.execute(query)).one_or_none()
    if row is None:
        return None
    bookings = await db.scalars(
        select(Booking)
        .where(col(Booking.appointment_id) == appointment_id, col(Booking.state) == "confirmed")
        .order_by(col(Booking.created_at))
    )
    occupies = await db.scalar(
        select(col(Occupancy.id)).where(
            col(Occupancy.appointment_id) == appointment_id, col(Occupancy.bookable_id) == bookable_id
        )
    )
    mirror = await db.scalar(
        select(Mirror).where(col(Mirror.appointment_id) == appointment_id, col(Mirror.bookable_id) == bookable_id)
    )
    placed = (
        select(Calendar, Connection, Bookable)
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .join(Bookable, col(Bookable.id) == col(Calendar.bookable_id))
        .where(
            col(Calendar.bookable_id) == bookable_id,
            col(Calendar.target) | (col(Calendar.id) == (mirror.calendar_id if mirror else None)),
        )
    )
    target = mirrored_in = None
    for calendar, connection, owner in await db.execute(placed):
        found = Placed(calendar=calendar, connection=connection, owner=owner)
        if calendar.target and connection.state != ConnectionState.DISCONNECTED.value:
            target = found
        if mirror is not None and calendar.id == mirror.calendar_id:
            mirrored_in = found
    return ToWrite(
        appointment=row[0],
        service=row[1],
        bookings=bookings.all(),
        occupies=occupies is not None,
        mirror=mirror,
        mirrored_in=mirrored_in,
        target=target,
    )


async def intend(
    db: AsyncSession,
    *,
    appointment_id: int,
    bookable_id: int,
    calendar_id: int,
    uid: str,
    start: datetime,
    end: datetime,
    said: Collection[str] | None,
) -> None:
    """Remember, before anything is sent, that the event is about to stand there and then, and what it may say: `said`
    are the digests of that and of what was written before; None where the latter are not known."""
    await lock_calendar(db, calendar_id)
    row = insert(Mirror).values(
        appointment_id=appointment_id,
        bookable_id=bookable_id,
        calendar_id=calendar_id,
        uid=uid,
        fields="",
        intended_start=start,
        intended_end=end,
        said=None if said is None else sorted(said),
    )
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["appointment_id", "bookable_id"],
            set_={"intended_start": start, "intended_end": end, "said": row.excluded.said},
        )
    )


async def mirror_of(db: AsyncSession, appointment_id: int, bookable_id: int) -> Mirror | None:
    """Where the event stands, locked for a change; its calendar is locked before."""
    mirror: Mirror | None = await db.scalar(
        select(Mirror)
        .where(col(Mirror.appointment_id) == appointment_id, col(Mirror.bookable_id) == bookable_id)
        .with_for_update()
    )
    return mirror


async def read_soon(db: AsyncSession, calendar_id: int, now: datetime) -> None:
    """Make a calendar due."""
    await db.execute(update(Calendar).where(col(Calendar.id) == calendar_id).values(due_at=now))
    await announce(db, "due", [calendar_id])


async def wrote(
    db: AsyncSession,
    mirror: Mirror,
    *,
    key: str,
    etag: str,
    fields: str,
    said: Collection[str],
    start: datetime,
    end: datetime,
    now: datetime,
) -> bool:
    """The event stands at the provider, read back, in this version. Whether that freed time which it blocked where
    its owner had put it before."""
    mirror.key, mirror.etag, mirror.fields, mirror.said = key, etag, fields, sorted(said)
    mirror.starts_at, mirror.ends_at = start, end
    mirror.intended_start = mirror.intended_end = mirror.missing_since = None
    mirror.written_at = now
    row = insert(CalendarObject).values(calendar_id=mirror.calendar_id, key=key, etag=etag, uid=mirror.uid)
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["calendar_id", "key"], set_={"etag": etag, "uid": mirror.uid, "missing_since": None}
        )
    )
    freed = await db.execute(
        delete(BusyBlock)
        .where(col(BusyBlock.calendar_id) == mirror.calendar_id, col(BusyBlock.key) == key)
        .returning(col(BusyBlock.id))
    )
    return bool(freed.all())


async def doubt(db: AsyncSession, mirror: Mirror, now: datetime, *, key: str | None = None) -> None:
    """A write found the event gone or changed, perhaps under a `key` that was not known yet. What its owner wants is
    for a read to say, which knows whether the whole calendar is gone: the next one looks at this event anew and
    decides, though a write waits."""
    mirror.key = mirror.key or key
    if mirror.missing_since is None and mirror.key is not None:
        mirror.missing_since = now
        row = insert(CalendarObject).values(
            calendar_id=mirror.calendar_id, key=mirror.key, etag="", uid=mirror.uid, missing_since=now
        )
        await db.execute(
            row.on_conflict_do_update(
                index_elements=["calendar_id", "key"],
                set_={"etag": "", "missing_since": func.coalesce(col(CalendarObject.missing_since), now)},
            )
        )
        await db.execute(update(Calendar).where(col(Calendar.id) == mirror.calendar_id).values(cursor=None))
    await read_soon(db, mirror.calendar_id, now)


async def forget_event(db: AsyncSession, mirror: Mirror) -> None:
    """Our event no longer stands there: its mirror, version and blocks go."""
    await db.execute(delete(Mirror).where(col(Mirror.id) == mirror.id))
    if mirror.key is None:
        return
    for table in (CalendarObject, BusyBlock):
        await db.execute(
            delete(table).where(
                col(table.calendar_id) == mirror.calendar_id,
                col(table.key) == mirror.key,
            )
        )
