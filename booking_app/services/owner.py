"""What follows when a person moved or deleted our event in their own calendar. Called by the sync engine.

A move that cannot be followed changes nothing but raises an alert, until it is settled in the calendar or put back."""

from __future__ import annotations

from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.alerts import close_alerts, moved_alert, open_alert
from booking_app.db.appointments_queries import (
    cancel_appointment,
    confirmed_bookings,
    lock_appointment,
    lock_bookables,
    move_appointment,
    people_of,
    reachable,
    set_conflict,
)
from booking_app.db.changes import announce
from booking_app.db.hold_queries import remove_hold
from booking_app.db.outbox import enqueue
from booking_app.db.owner_queries import anybody_busy, buffers_of, moved_event, neighbours
from booking_app.db.push_queries import wake_parked_writes
from booking_app.domain.appointment import AppointmentState, Effect
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.errors import NotFound
from booking_app.domain.rules import Occupied, Span
from booking_app.services.context import Context
from booking_app.services.effects import enqueue_change
from booking_app.services.letters.words import clock_words, one_line, span_words


def too_close(other: Occupied, span: Span, before: int, after: int) -> bool:
    """Whether less than the larger of the two buffers that meet lies between `other` and `span` (seconds)."""
    start, end = span
    return other.start < end + max(after, other.before) and start - max(before, other.after) < other.end


async def owner_moved(
    db: AsyncSession, *, appointment_id: int, bookable_id: int, start: int, end: int, now: int
) -> Literal["rescheduled", "conflict", "unchanged"]:
    """`bookable_id` moved the event to [start, end) in their calendar. In the caller's transaction.

    `rescheduled`: the appointment follows (the owner may leave opening hours and notice), the customer and the
    other people are told once, other people's calendars follow. `conflict`: it would overlap another appointment;
    the appointment stays, `appointment.conflict` says so in a sentence and an alert is raised. `unchanged`: already
    there, or no longer confirmed. Nothing is written back to this person's calendar."""
    people = await people_of(db, appointment_id)
    await lock_bookables(db, people, now)
    appointment = await lock_appointment(db, appointment_id)
    if appointment is None or appointment.state != AppointmentState.CONFIRMED:
        return "unchanged"
    if (appointment.start, appointment.end) == (start, end):
        if appointment.conflict is not None:
            await set_conflict(db, appointment_id, None)
            await close_alerts(db, [moved_alert(appointment_id)], from_instant(now))
            await wake_parked_writes(db, appointment_id, from_instant(now))
        return "unchanged"
    clash = await _clash(db, appointment_id, bookable_id, people, (start, end))
    if clash is not None:
        await set_conflict(db, appointment_id, f"The event {clash}.")
        await _alert(db, appointment_id, bookable_id, clash, now)
        return "conflict"
    sequence = await move_appointment(db, appointment_id, (start, end))
    await enqueue_change(
        db,
        "changed",
        appointment_id=appointment_id,
        bookings=await confirmed_bookings(db, appointment_id),
        bookables=people,
        sequence=sequence,
        previous_start=appointment.start,
        due=from_instant(now),
        shown_by=bookable_id,
    )
    await close_alerts(db, [moved_alert(appointment_id)], from_instant(now))
    await wake_parked_writes(db, appointment_id, from_instant(now))
    return "rescheduled"


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
    await close_alerts(db, [moved_alert(appointment_id)], from_instant(now))
    return "cancelled"


async def put_back(ctx: Context, *, appointment_id: int, bookable_id: int | None = None) -> None:
    """Write an event that was moved to a time that is not free at the appointment's time again.

    Asked by one of the people (`bookable_id`) or an admin (None). Raises `NotFound` when nothing is left to settle, or
    for an appointment of others."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        people = await people_of(db, appointment_id)
        await lock_bookables(db, people, to_instant(now))
        appointment = await lock_appointment(db, appointment_id)
        theirs = bookable_id is None or bookable_id in people
        if appointment is None or appointment.conflict is None or not theirs:
            raise NotFound("This is settled already.")
        await set_conflict(db, appointment_id, None)
        for each in await reachable(db, appointment_id, people):
            if each.calendar:
                await enqueue(db, Effect.CALENDAR, f"{appointment_id}:{each.id}", due=now)
        await wake_parked_writes(db, appointment_id, now)
        await close_alerts(db, [moved_alert(appointment_id)], now)
        await announce(db, "outbox")


async def _alert(db: AsyncSession, appointment_id: int, bookable_id: int, clash: str, now: int) -> None:
    """Tell the person and the admins, in words that hold nothing of anybody's calendar."""
    event = await moved_event(db, appointment_id, bookable_id)
    when = span_words(event.start, event.end, event.zone)
    await open_alert(
        db,
        subject=moved_alert(appointment_id),
        message=(
            f"{one_line(event.service)} with {one_line(event.name)} on {when} {clash}. "
            f"The appointment stays at {clock_words(event.start, event.zone)}; the customer was not told. "
            "Move the event back or to a free time in the calendar, and it is followed."
        ),
        bookable_id=bookable_id,
        connection_id=event.connection_id,
        now=from_instant(now),
    )
    if event.connection_id is not None:
        await announce(db, "sync", [event.connection_id])


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
