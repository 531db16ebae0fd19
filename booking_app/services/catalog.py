"""What can be booked and by whom, and the edits of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.catalog_queries import active_services, future_bookings
from booking_app.db.changes import announce
from booking_app.db.departure import forget_accounts, lock_accounts
from booking_app.db.tables import Bookable, DateOverride, Service, ServiceBookable, WeeklyHours
from booking_app.domain.appointment import AssignmentMode, BookableKind
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid, NotFound
from booking_app.domain.hours import checked_hours
from booking_app.domain.rules import DayPeriods, Hours, SlotRules
from booking_app.domain.slots import checked_rules
from booking_app.domain.text import shows
from booking_app.domain.zones import checked_zone
from booking_app.services.context import Context
from booking_app.services.views import PersonView, ServiceView

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class FutureBooking:
    """A booking to hand over when a person leaves. `start` is an instant."""

    booking_id: str
    appointment_id: int
    service: str
    start: int
    customer: str


async def services(ctx: Context) -> tuple[ServiceView, ...]:
    """Active services in their order, each with who offers it now."""
    return await _services(ctx, None)


async def service(ctx: Context, slug: str) -> ServiceView:
    """Raises `NotFound` for an unknown or inactive one."""
    found = await _services(ctx, slug)
    if not found:
        raise NotFound("There is no such service.")
    return found[0]


async def _services(ctx: Context, slug: str | None) -> tuple[ServiceView, ...]:
    async with ctx.sessions() as db:
        rows = await active_services(db, slug)
    return tuple(
        ServiceView(
            slug=row.slug,
            name=row.name,
            description=row.description,
            location=row.location,
            preparation=row.preparation,
            duration=row.duration,
            assignment=row.assignment,
            cut_off=row.cut_off,
            notice=row.notice,
            horizon_days=row.horizon_days,
            staff=tuple(PersonView(slug=each[0], name=each[1], zone=each[2], colour=each[3]) for each in row.staff),
        )
        for row in rows
    )


async def people(ctx: Context) -> tuple[PersonView, ...]:
    """Everybody who was not removed, by name."""
    table = Bookable.__table__  # type: ignore[attr-defined]
    wanted = (
        select(table.c.slug, table.c.name, table.c.zone, table.c.colour)
        .where(table.c.removed_at.is_(None), table.c.kind == BookableKind.PERSON)
        .order_by(table.c.name, table.c.id)
    )
    async with ctx.sessions() as db:
        rows = (await db.execute(wanted)).all()
    return tuple(PersonView(slug=row.slug, name=row.name, zone=row.zone, colour=row.colour) for row in rows)


async def create_person(
    ctx: Context,
    *,
    slug: str,
    name: str,
    zone: str,
    email: str = "",
    colour: str = "indigo",
    kind: str = "person",
    weekly: Mapping[int, DayPeriods] | None = None,
) -> int:
    """A person (or resource); the new bookable id. `weekly` as in `domain.rules.Hours`. Raises `Invalid`."""
    person = Bookable(
        slug=_checked_slug(slug),
        name=_checked_name(name),
        zone=checked_zone(zone, "zone"),
        email=email.strip(),
        colour=colour,
        kind=BookableKind(kind),
    )
    try:
        async with ctx.sessions.begin() as db:
            db.add(person)
            await db.flush()
            assert person.id is not None
            await _store_hours(db, person.id, Hours(zone=zone, weekly=weekly or {}), replace_overrides=False)
            await announce(db, "catalog")
            return person.id
    except IntegrityError as error:
        raise Invalid("slug", "This short name is in use; choose another.") from error


async def set_hours(
    ctx: Context, slug: str, *, weekly: Mapping[int, DayPeriods], overrides: Mapping[date, DayPeriods] | None = None
) -> None:
    """Replace all weekly hours, and all overrides if given. Raises `Invalid`, `NotFound`."""
    async with ctx.sessions.begin() as db:
        person = await _person(db, slug)
        assert person.id is not None
        hours = Hours(zone=person.zone, weekly=weekly, overrides=overrides or {})
        await _store_hours(db, person.id, hours, replace_overrides=overrides is not None)
        await announce(db, "catalog")
        await announce(db, "availability", [person.id])


async def create_service(
    ctx: Context,
    *,
    slug: str,
    name: str,
    rules: SlotRules,
    staff: Sequence[str],
    assignment: str = "any",
    description: str = "",
    location: str = "",
    preparation: str = "",
    cut_off: int = 120,
    position: int = 0,
) -> int:
    """A service offered by the people with these slugs; the new id. Raises `Invalid` naming the field."""
    if assignment not in set(AssignmentMode):
        raise Invalid("assignment", "Choose one, any or all.")
    if assignment == AssignmentMode.ONE and len(staff) != 1:
        raise Invalid("staff", "Choose exactly one person, or let any of several take it.")
    if not 0 <= cut_off <= 366 * 1440:
        raise Invalid("cut_off", "Choose a number of minutes from 0 up to a year.")
    row = Service(
        slug=_checked_slug(slug),
        name=_checked_name(name),
        description=description,
        location=location,
        preparation=preparation,
        assignment=assignment,
        cut_off=cut_off,
        position=position,
        **asdict(checked_rules(rules)),
    )
    try:
        async with ctx.sessions.begin() as db:
            people = Bookable.__table__  # type: ignore[attr-defined]
            wanted = select(people.c.id).where(people.c.slug.in_(staff), people.c.removed_at.is_(None))
            ids = (await db.scalars(wanted)).all()
            if len(ids) != len(set(staff)):
                raise Invalid("staff", "One of these people does not exist.")
            db.add(row)
            await db.flush()
            if ids:
                await db.execute(
                    insert(ServiceBookable), [{"service_id": row.id, "bookable_id": bookable_id} for bookable_id in ids]
                )
            await announce(db, "catalog")
            assert row.id is not None
            return row.id
    except IntegrityError as error:
        raise Invalid("slug", "This short name is in use; choose another.") from error


async def remove_person(ctx: Context, slug: str) -> tuple[FutureBooking, ...]:
    """Take a person's slots away at once and forget their calendar accounts, in which events stay as they are; their
    bookings that lie ahead, to be handed over. Raises `NotFound`."""
    moment = ctx.now()
    async with ctx.sessions.begin() as db:
        await lock_accounts(db, slug)
        # The lock that bookings take: none can slip in while the list is made.
        person = await _person(db, slug, lock=True)
        assert person.id is not None
        person.removed_at = moment
        await forget_accounts(db, person.id, moment)
        rows = await future_bookings(db, person.id, to_instant(moment))
        await announce(db, "catalog")
        await announce(db, "availability", [person.id])
    return tuple(
        FutureBooking(
            booking_id=str(row.booking_id),
            appointment_id=row.appointment_id,
            service=row.service,
            start=row.start,
            customer=row.customer,
        )
        for row in rows
    )


async def _person(db: AsyncSession, slug: str, *, lock: bool = False) -> Bookable:
    table = Bookable.__table__  # type: ignore[attr-defined]
    wanted = select(Bookable).where(table.c.slug == slug, table.c.removed_at.is_(None))
    person: Bookable | None = await db.scalar(wanted.with_for_update() if lock else wanted)
    if person is None:
        raise NotFound("There is no such person.")
    return person


async def _store_hours(db: AsyncSession, bookable_id: int, hours: Hours, *, replace_overrides: bool) -> None:
    hours = checked_hours(hours)
    weekly, overrides = WeeklyHours.__table__, DateOverride.__table__  # type: ignore[attr-defined]
    await db.execute(delete(weekly).where(weekly.c.bookable_id == bookable_id))
    periods = [
        {"bookable_id": bookable_id, "weekday": weekday, "opens": opens, "closes": closes}
        for weekday, day in hours.weekly.items()
        for opens, closes in day
    ]
    if periods:
        await db.execute(insert(weekly), periods)
    if not replace_overrides:
        return
    await db.execute(delete(overrides).where(overrides.c.bookable_id == bookable_id))
    replaced = [
        {"bookable_id": bookable_id, "day": day, "opens": opens, "closes": closes}
        for day, each in hours.overrides.items()
        for opens, closes in each or ((None, None),)
    ]
    if replaced:
        await db.execute(insert(overrides), replaced)


def _checked_slug(slug: str) -> str:
    if len(slug) > 60 or not _SLUG.fullmatch(slug):
        raise Invalid("slug", "Use small letters, digits and single hyphens, at most 60.")
    return slug


def _checked_name(name: str) -> str:
    if not shows(name) or len(name) > 200:
        raise Invalid("name", "Give a name of at most 200 characters.")
    return name.strip()
