"""Rows and requests with sensible values; every argument can be overridden."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from booking_app.db.tables import BusyBlock, Calendar, Connection
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.rules import DayPeriods, SlotRules
from booking_app.services import booking, catalog
from booking_app.services.context import Context
from booking_app.services.provider_apps import AppView
from booking_app.services.views import BookingReceipt, BookingRequest, Customer

_numbers = itertools.count(1)

OFFICE: Mapping[int, DayPeriods] = dict.fromkeys(range(5), ((9 * 60, 17 * 60),))
"""Monday to Friday, 09:00-17:00."""


def at(text: str) -> int:
    """The instant of an ISO time; without an offset it is UTC: `at("2027-03-02 09:30")`."""
    moment = datetime.fromisoformat(text)
    return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


async def make_person(
    ctx: Context,
    slug: str = "anna",
    *,
    name: str | None = None,
    zone: str = "UTC",
    email: str | None = None,
    weekly: Mapping[int, DayPeriods] = OFFICE,
    kind: str = "person",
) -> int:
    """A bookable with office hours; its id."""
    return await catalog.create_person(
        ctx,
        slug=slug,
        name=name or slug.title(),
        zone=zone,
        email=f"{slug}@example.com" if email is None else email,
        weekly=weekly,
        kind=kind,
    )


async def make_service(
    ctx: Context,
    slug: str = "haircut",
    *,
    staff: Sequence[str] = ("anna",),
    name: str | None = None,
    assignment: str = "any",
    duration: int = 30,
    interval: int = 30,
    buffer_before: int = 0,
    buffer_after: int = 0,
    notice: int = 0,
    horizon_days: int = 60,
    cap_per_day: int | None = None,
    cut_off: int = 120,
    location: str = "Grote Markt 1",
    preparation: str = "",
) -> int:
    """A service of half an hour offered by `staff`; its id."""
    return await catalog.create_service(
        ctx,
        slug=slug,
        name=name or slug.title(),
        staff=staff,
        assignment=assignment,
        rules=SlotRules(
            duration=duration,
            interval=interval,
            buffer_before=buffer_before,
            buffer_after=buffer_after,
            notice=notice,
            horizon_days=horizon_days,
            cap_per_day=cap_per_day,
        ),
        cut_off=cut_off,
        location=location,
        preparation=preparation,
    )


def make_request(
    start: int,
    *,
    service: str = "haircut",
    zone: str = "Europe/Amsterdam",
    staff: str | None = None,
    hold: str | None = None,
    name: str = "Clara Customer",
    email: str = "clara@example.com",
    phone: str = "",
    notes: str = "",
) -> BookingRequest:
    """A wish to book at the instant `start`."""
    return BookingRequest(
        service=service,
        start=start,
        zone=zone,
        staff=staff,
        hold=hold,
        customer=Customer(name=name, email=email, phone=phone, notes=notes),
    )


async def make_booking(
    ctx: Context, start: int, *, service: str = "haircut", staff: str | None = None, email: str = "clara@example.com"
) -> BookingReceipt:
    """A confirmed booking, made through the use-case."""
    return await booking.book(ctx, make_request(start, service=service, staff=staff, email=email))


async def make_calendar(
    ctx: Context,
    bookable_id: int,
    *,
    busy: Iterable[tuple[int, int]] = (),
    blocks: bool = True,
    target: bool = False,
    age: float | None = 0,
    window_days: tuple[int, int] = (-30, 400),
    state: str = "ok",
    trouble: str = "",
    stopped: bool = False,
    due_in: float = 3600,
) -> int:
    """A calendar of a connection of its own, verified `age` seconds ago (None: never), with busy blocks; its id."""
    number = next(_numbers)
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        connection = Connection(
            bookable_id=bookable_id,
            provider="caldav",
            label=f"Account {number}",
            address=f"https://dav{number}.example.com/",
            username="user",
            state=state,
        )
        db.add(connection)
        await db.flush()
        assert connection.id is not None
        calendar = Calendar(
            connection_id=connection.id,
            bookable_id=bookable_id,
            remote_id=f"https://dav{number}.example.com/work/",
            name="Work",
            blocks=blocks,
            target=target,
            window_start=now + timedelta(days=window_days[0]),
            window_end=now + timedelta(days=window_days[1]),
            verified_at=None if age is None else now - timedelta(seconds=age),
            due_at=now + timedelta(seconds=due_in),
            trouble=trouble,
            stopped=stopped,
        )
        db.add(calendar)
        await db.flush()
        assert calendar.id is not None
        calendar_id = calendar.id
    await set_busy(ctx, calendar_id, bookable_id, busy)
    return calendar_id


async def set_busy(ctx: Context, calendar_id: int, bookable_id: int, busy: Iterable[tuple[int, int]]) -> None:
    """Replace the busy blocks of a calendar by these spans of instants."""
    blocks = BusyBlock.__table__  # type: ignore[attr-defined]
    async with ctx.sessions.begin() as db:
        await db.execute(delete(blocks).where(blocks.c.calendar_id == calendar_id))
        db.add_all(
            BusyBlock(
                calendar_id=calendar_id,
                bookable_id=bookable_id,
                key=f"event-{number}",
                starts_at=from_instant(start),
                ends_at=from_instant(end),
            )
            for number, (start, end) in enumerate(busy)
        )


def make_app(**overrides: object) -> AppView:
    """A provider that an admin has set up and nobody has linked an account of."""
    plain = AppView(
        provider="google",
        title="Google Calendar",
        ready=True,
        client_id="123.apps.googleusercontent.com",
        has_secret=True,
        cloud="",
        tenant="common",
        testing=False,
        trouble="",
        closed="",
        redirect="https://book.example.com/oauth/google/callback",
        webhook="https://book.example.com/api/webhooks/google",
        accounts=0,
        consented_at=None,
        turned_back_at=None,
        pushed_at=None,
        updated_at=None,
        simulated=False,
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]
