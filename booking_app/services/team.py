"""The team's days: who is open when, our own appointments, and when people are busy elsewhere - never with what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db import team_queries
from booking_app.db.tables import (
    Appointment,
    Bookable,
    Booking,
    Calendar,
    Mirror,
    Occupancy,
    Service,
)
from booking_app.domain.appointment import AppointmentState, BookableKind
from booking_app.domain.conflicts import ANSWERS, Answer, ConflictKind
from booking_app.domain.errors import NotFound
from booking_app.domain.hours import open_spans
from booking_app.domain.rules import Span
from booking_app.domain.zones import day_span
from booking_app.services.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Diary:
    """One person or resource over the asked span. Spans are half-open, ascending, free of overlaps and without
    content: `open` are the opening hours, `busy` what blocks in their own calendars. `account` names the presets of
    their accounts with spaces between (empty: none connected), `account_state` is its worst `ConnectionState`."""

    bookable_id: int
    slug: str
    name: str
    colour: str
    zone: str
    resource: bool
    account: str
    account_state: str
    open: tuple[Span, ...]
    busy: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An appointment or a hold. `customers` is empty for a hold. `conflict` is a sentence for its owner, or empty."""

    appointment_id: int
    start: int
    end: int
    held: bool
    service: str
    location: str
    customers: tuple[str, ...]
    conflict: str
    bookables: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamDays:
    """Everybody by name, people before resources, and the appointments in order of time. `zone`: what most use."""

    zone: str
    span: Span
    diaries: tuple[Diary, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attendance:
    """How an appointment stands in one person's calendar: written at `written_at`, or waiting, or nowhere to go."""

    name: str
    colour: str
    calendar: str
    """The calendar that receives it; empty if the person has none."""
    written_at: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    name: str
    email: str
    phone: str
    notes: str
    zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryDetail:
    """An appointment with who comes and where it is written."""

    entry: Entry
    guests: tuple[Guest, ...]
    choices: tuple[Answer, ...]
    """What can be answered to what waits for a decision about it; empty if nothing does."""
    attendance: tuple[Attendance, ...]


async def zone_of_team(ctx: Context) -> str:
    """The zone that most of the people who can be booked live in."""
    async with ctx.sessions() as db:
        zones = (await db.scalars(select(col(Bookable.zone)).where(col(Bookable.removed_at).is_(None)))).all()
    return max(sorted(set(zones)), key=zones.count) if zones else "Europe/Amsterdam"


async def days(ctx: Context, first: date, count: int, zone: str) -> TeamDays:
    """The `count` local dates of `zone` from `first` on."""
    span = day_span(zone, first, count)
    async with ctx.sessions() as db:
        people = (
            await db.scalars(
                select(Bookable)
                .where(col(Bookable.removed_at).is_(None))
                .order_by(col(Bookable.kind), col(Bookable.name), col(Bookable.id))
            )
        ).all()
        hours = await team_queries.hours_of(db, people)
        busy = await team_queries.busy_between(db, span)
        accounts = await team_queries.account_words(db)
        standing = await team_queries.standing_between(db, span, ctx.now())
        found = select(Appointment).where(col(Appointment.id).in_(standing)).order_by(col(Appointment.during))
        entries = await _views(db, (await db.scalars(found)).all())
    return TeamDays(
        zone=zone,
        span=span,
        diaries=tuple(
            Diary(
                bookable_id=each.id or 0,
                slug=each.slug,
                name=each.name,
                colour=each.colour,
                zone=each.zone,
                resource=each.kind == BookableKind.RESOURCE,
                account=accounts.get(each.id or 0, ("", ""))[0],
                account_state=accounts.get(each.id or 0, ("", ""))[1],
                open=tuple(open_spans(hours[each.id or 0], span)),
                busy=tuple(busy.get(each.id or 0, ())),
            )
            for each in people
        ),
        entries=entries,
    )


async def entry(ctx: Context, appointment_id: int) -> EntryDetail:
    """Raises `NotFound` for one that is unknown, cancelled or only held."""
    async with ctx.sessions() as db:
        found = await db.get(Appointment, appointment_id)
        if found is None or found.state != AppointmentState.CONFIRMED:
            raise NotFound("This appointment does not stand any more.")
        [shown] = await _views(db, [found])
        guests = (await db.scalars(_bookings([appointment_id]))).all()
        rows = await db.execute(
            select(Bookable, Mirror, Calendar)
            .join(Occupancy, col(Occupancy.bookable_id) == col(Bookable.id))
            .outerjoin(
                Mirror,
                (col(Mirror.bookable_id) == col(Bookable.id)) & (col(Mirror.appointment_id) == appointment_id),
            )
            .outerjoin(Calendar, (col(Calendar.bookable_id) == col(Bookable.id)) & col(Calendar.target))
            .where(col(Occupancy.appointment_id) == appointment_id, col(Occupancy.active))
            .order_by(col(Bookable.kind), col(Bookable.name))
        )
        return EntryDetail(
            entry=shown,
            choices=ANSWERS[ConflictKind(found.conflict_kind)] if found.conflict_kind else (),
            guests=tuple(
                Guest(name=each.name, email=each.email, phone=each.phone, notes=each.notes, zone=each.zone)
                for each in guests
            ),
            attendance=tuple(
                Attendance(
                    name=person.name,
                    colour=person.colour,
                    calendar=calendar.name if calendar is not None else "",
                    written_at=_instant(mirror.written_at) if mirror is not None and mirror.written_at else None,
                )
                for person, mirror, calendar in rows
            ),
        )


def _bookings(appointments: Sequence[int]) -> Select[Booking]:
    return (
        select(Booking)
        .where(col(Booking.appointment_id).in_(appointments), col(Booking.state) == AppointmentState.CONFIRMED)
        .order_by(col(Booking.created_at))
    )


async def _views(db: AsyncSession, appointments: Sequence[Appointment]) -> tuple[Entry, ...]:
    ids = [each.id or 0 for each in appointments]
    services = {each.id: each for each in await db.scalars(select(Service))}
    customers: dict[int, list[str]] = defaultdict(list)
    for booking in await db.scalars(_bookings(ids)):
        customers[booking.appointment_id].append(booking.name)
    bookables: dict[int, list[int]] = defaultdict(list)
    occupancies = select(Occupancy).where(col(Occupancy.appointment_id).in_(ids), col(Occupancy.active))
    for occupancy in await db.scalars(occupancies):
        bookables[occupancy.appointment_id].append(occupancy.bookable_id)
    return tuple(
        Entry(
            appointment_id=each.id or 0,
            start=_instant(each.during.lower),
            end=_instant(each.during.upper),
            held=each.state == AppointmentState.HELD,
            service=services[each.service_id].name,
            location=services[each.service_id].location,
            customers=tuple(customers[each.id or 0]),
            conflict=each.conflict or "",
            bookables=tuple(bookables[each.id or 0]),
        )
        for each in appointments
    )


def _instant(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment is not None else 0
