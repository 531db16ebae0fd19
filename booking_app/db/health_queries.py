"""Named queries of the pages about calendars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendars
from booking_app.db.tables import (
    Appointment,
    Bookable,
    Calendar,
    Connection,
    DelaySample,
    Grant,
    Mirror,
    Outbox,
)
from booking_app.domain.appointment import AppointmentState, ConnectionState, Effect


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """A connected account with its calendars, whose it is, and the grant if it was linked by consent."""

    connection: Connection
    owner: Bookable
    calendars: Sequence[Calendar]
    grant: Grant | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRow:
    """Work that waits. `bookable_id` and `connection_id` say where it is to be written, if anywhere; `service` and
    `starts_at` which appointment it is about, `zone` where that person is."""

    work: Outbox
    bookable_id: int | None
    connection_id: int | None
    service: str | None
    starts_at: datetime | None
    zone: str | None


async def accounts(db: AsyncSession, bookable_id: int | None = None) -> list[AccountRow]:
    """Connected accounts with their calendars, by owner: one person's, or everybody's."""
    query = (
        select(Connection, Bookable, Grant)
        .join(Bookable, col(Bookable.id) == col(Connection.bookable_id))
        .outerjoin(Grant, col(Grant.connection_id) == col(Connection.id))
        .where(col(Connection.state) != ConnectionState.DISCONNECTED.value)
        .order_by(col(Bookable.name), col(Connection.id))
    )
    if bookable_id is not None:
        query = query.where(col(Connection.bookable_id) == bookable_id)
    found = [(row[0], row[1], row[2]) for row in await db.execute(query)]
    calendars: dict[int, list[Calendar]] = {}
    for calendar in await db.scalars(
        select(Calendar)
        .where(col(Calendar.connection_id).in_([each[0].id for each in found]))
        .order_by(col(Calendar.name), col(Calendar.id))
    ):
        calendars.setdefault(calendar.connection_id, []).append(calendar)
    return [
        AccountRow(connection=connection, owner=owner, calendars=calendars.get(connection.id or 0, ()), grant=grant)
        for connection, owner, grant in found
    ]


_WAITING = text(
    """
    SELECT o.id, b.id, coalesce(k.connection_id, t.connection_id), s.name, lower(a.during), b.zone
    FROM outbox o
      -- Other effects have other keys, and in which order conditions are looked at is nobody's promise but CASE's.
      LEFT JOIN appointment a ON a.id = CASE WHEN o.effect = 'calendar' THEN split_part(o.key, ':', 1)::bigint END
      LEFT JOIN bookable b ON b.id = CASE WHEN o.effect = 'calendar' THEN split_part(o.key, ':', 2)::bigint END
      LEFT JOIN service s ON s.id = a.service_id
      LEFT JOIN calendar t ON t.bookable_id = b.id AND t.target
      LEFT JOIN mirror m ON m.appointment_id = a.id AND m.bookable_id = b.id
      LEFT JOIN calendar k ON k.id = m.calendar_id
    WHERE o.attempts > 0 OR o.parked OR o.due_at < :late
    ORDER BY o.id LIMIT 500
    """
)


async def waiting(db: AsyncSession, *, late: datetime) -> list[WaitingRow]:
    """Work that failed at least once, is parked, or should have been done before `late`; oldest first."""
    places = {row[0]: tuple(row)[1:] for row in await db.execute(_WAITING, {"late": late})}
    works = await db.scalars(select(Outbox).where(col(Outbox.id).in_(list(places))).order_by(col(Outbox.id)))
    return [
        WaitingRow(
            work=work,
            bookable_id=places[work.id][0],
            connection_id=places[work.id][1],
            service=places[work.id][2],
            starts_at=places[work.id][3],
            zone=places[work.id][4],
        )
        for work in works
    ]


async def delays(db: AsyncSession, kind: str, since: datetime) -> tuple[float | None, float | None]:
    """The median and the 99th percentile in seconds of the delays measured since then."""
    share = func.percentile_cont
    seconds = col(DelaySample.seconds)
    row = (
        await db.execute(
            select(share(0.5).within_group(seconds), share(0.99).within_group(seconds)).where(
                col(DelaySample.kind) == kind, col(DelaySample.at) >= since
            )
        )
    ).one()
    return row[0], row[1]


async def counts(db: AsyncSession) -> tuple[int, int]:
    """How many effects wait, and how many are parked."""
    query = select(col(Outbox.parked), func.count()).group_by(col(Outbox.parked))
    found = {row[0]: row[1] for row in await db.execute(query)}
    return found.get(False, 0), found.get(True, 0)


async def make_due(db: AsyncSession, connection_uid: UUID, bookable_id: int | None, now: datetime) -> list[int]:
    """Make the calendars of an account due; their ids, none for no such account (of that person)."""
    account = select(col(Connection.id)).where(col(Connection.uid) == connection_uid)
    if bookable_id is not None:
        account = account.where(col(Connection.bookable_id) == bookable_id)
    calendars = await lock_calendars(db, col(Calendar.connection_id).in_(account))
    for each in calendars:
        each.due_at = now
    ids = [each.id or 0 for each in calendars]
    await announce(db, "due", ids)
    return ids


async def retry_work(db: AsyncSession, outbox_id: int, now: datetime) -> bool:
    """Make a row due, even a parked one. False if it is not there any more."""
    changed = await db.execute(
        update(Outbox)
        .where(col(Outbox.id) == outbox_id)
        .values(due_at=now, parked=False, attempts=0)
        .returning(col(Outbox.effect))
    )
    effect = changed.scalar()
    if effect is None:
        return False
    await announce(db, "outbox")
    if effect == Effect.CALENDAR.value:
        await announce(db, "sync")
    return True


async def standing(db: AsyncSession, uid: UUID, bookable_id: int, now: datetime) -> int:
    """How many coming appointments have an event of ours in a person's account."""
    query = (
        select(func.count())
        .select_from(Mirror)
        .join(Calendar, col(Calendar.id) == col(Mirror.calendar_id))
        .join(Connection, col(Connection.id) == col(Calendar.connection_id))
        .join(Appointment, col(Appointment.id) == col(Mirror.appointment_id))
        .where(
            col(Connection.uid) == uid,
            col(Connection.bookable_id) == bookable_id,
            col(Appointment.state) == AppointmentState.CONFIRMED.value,
            func.upper(col(Appointment.during)) > now,
        )
    )
    return await db.scalar(query) or 0
