"""What follows when a person moved, changed or deleted our event in their own calendar. Called by the sync engine.

What cannot be followed, or what nobody means without a word, changes nothing but raises a question, until it is settled
in the calendar or decided."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.alerts import close_alerts, conflict_alert
from booking_app.db.appointments_queries import (
    cancel_appointment,
    confirmed_bookings,
    lock_appointment,
    lock_bookables,
    move_appointment,
    people_of,
)
from booking_app.db.hold_queries import remove_hold
from booking_app.db.owner_queries import anybody_busy, buffers_of, neighbours
from booking_app.db.push_work import wake_parked_writes
from booking_app.domain.appointment import AppointmentState
from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import ConflictKind, Shape, doubtful
from booking_app.domain.rules import Occupied, Span
from booking_app.services.conflicts import ask, settled
from booking_app.services.effects import enqueue_change


def too_close(other: Occupied, span: Span, before: int, after: int) -> bool:
    """Whether less than the larger of the two buffers that meet lies between `other` and `span` (seconds)."""
    start, end = span
    return other.start < end + max(after, other.before) and start - max(before, other.after) < other.end


async def owner_moved(
    db: AsyncSession,
    *,
    appointment_id: int,
    bookable_id: int,
    start: int,
    end: int,
    now: int,
    shape: Shape = Shape.PLAIN,
) -> Literal["rescheduled", "conflict", "unchanged"]:
    """`bookable_id` changed the event to [start, end) in their calendar, in `shape`. In the caller's transaction.

    `rescheduled`: the appointment follows (the owner may leave opening hours and notice), the customer and the
    other people are told once, other people's calendars follow. `conflict`: it would overlap another appointment, or
    is so odd that it may be an accident; the appointment stays, `appointment.conflict` says so in a sentence and an
    alert is raised. `unchanged`: already there, or no longer confirmed. Nothing is written back to this person's
    calendar."""
    people = await people_of(db, appointment_id)
    await lock_bookables(db, people, now)
    appointment = await lock_appointment(db, appointment_id)
    if appointment is None or appointment.state != AppointmentState.CONFIRMED:
        return "unchanged"
    before = appointment.start, appointment.end
    doubt = doubtful(shape, before, (start, end), now)
    if doubt is not None:
        kind, what = doubt
        await ask(db, kind, what, appointment_id=appointment_id, bookable_id=bookable_id, span=(start, end), now=now)
        return "conflict"
    if before == (start, end):
        if appointment.conflict_kind is not None and ConflictKind(appointment.conflict_kind).about_event:
            await settled(db, appointment_id, now)
            await wake_parked_writes(db, appointment_id, from_instant(now))
        return "unchanged"
    followed = await follow(db, appointment, people, bookable_id=bookable_id, span=(start, end), now=now)
    return "rescheduled" if followed else "conflict"


async def follow(
    db: AsyncSession, appointment: Row[Any], people: list[int], *, bookable_id: int, span: Span, now: int
) -> bool:
    """Move a locked appointment to where `bookable_id` has its event, and tell everybody else. False, with a question
    raised, if the time is not free.

    Nobody looks into the calendars of the others before: what they show by the next read is compared then."""
    clash = await _clash(db, appointment.id, bookable_id, people, span)
    if clash is not None:
        await ask(
            db,
            ConflictKind.MOVED,
            clash,
            appointment_id=appointment.id,
            bookable_id=bookable_id,
            span=span,
            now=now,
        )
        return False
    others = [each for each in people if each != bookable_id]
    sequence = await move_appointment(db, appointment.id, span, unlooked=others, now=now)
    await enqueue_change(
        db,
        "changed",
        appointment_id=appointment.id,
        bookings=await confirmed_bookings(db, appointment.id),
        bookables=people,
        sequence=sequence,
        previous_start=appointment.start,
        due=from_instant(now),
        shown_by=bookable_id,
    )
    await settled(db, appointment.id, now)
    await wake_parked_writes(db, appointment.id, from_instant(now))
    return True


async def owner_deleted(
    db: AsyncSession, *, appointment_id: int, bookable_id: int, now: int
) -> Literal["cancelled", "unchanged"]:
    """`bookable_id` deleted the event (confirmed gone) from their calendar. In the caller's transaction.

    The appointment is cancelled, the customer is told once, other people's calendars follow."""
    people = await people_of(db, appointment_id)
    await lock_bookables(db, people, now)
    appointment = await lock_appointment(db, appointment_id)
    if appointment is None or appointment.state != AppointmentState.CONFIRMED:
        return "unchanged"
    bookings = await confirmed_bookings(db, appointment_id)
    sequence = await cancel_appointment(db, appointment_id, by="owner", now=now)
    await enqueue_change(
        db,
        "cancelled",
        appointment_id=appointment_id,
        bookings=bookings,
        bookables=people,
        sequence=sequence,
        previous_start=appointment.start,
        due=from_instant(now),
        shown_by=bookable_id,
    )
    await close_alerts(db, [conflict_alert(appointment_id)], from_instant(now))
    return "cancelled"


async def owner_took_away(db: AsyncSession, *, appointment_id: int, bookable_id: int, now: int) -> bool:
    """`bookable_id` put the event into a calendar of theirs that is not read (or which nobody can look into). Whether
    the appointment stands and is asked about; nobody else is told. In the caller's transaction."""
    await lock_bookables(db, await people_of(db, appointment_id), now)
    appointment = await lock_appointment(db, appointment_id)
    if appointment is None or appointment.state != AppointmentState.CONFIRMED:
        return False
    await ask(
        db,
        ConflictKind.AWAY,
        "was put into a calendar that is not read here",
        appointment_id=appointment_id,
        bookable_id=bookable_id,
        span=None,
        now=now,
    )
    return True


async def _clash(db: AsyncSession, appointment_id: int, bookable_id: int, people: list[int], span: Span) -> str | None:
    """Why the appointment cannot be at `span`, as the rest of a sentence about it.

    None when it can, with holds in the way removed."""
    if span[1] <= span[0]:
        return "was moved in the calendar to a time that ends before it starts"
    before, after = await buffers_of(db, appointment_id)
    near = [
        each
        for each in await neighbours(db, appointment_id, people, span)
        if too_close(each.occupied, span, before, after)
    ]
    if not all(each.hold for each in near):
        return "was moved in the calendar to a time that is not free: it is too close to another appointment"
    others = [each for each in people if each != bookable_id]
    if others and await anybody_busy(db, others, (span[0] - before, span[1] + after)):
        return "was moved in the calendar to a time at which not everybody who takes part is free"
    for each in near:
        # Somebody is still filling in a form: the owner's decision goes first.
        await remove_hold(db, each.appointment_id)
    return None
