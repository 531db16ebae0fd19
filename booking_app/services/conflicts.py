"""What about an appointment waits for a person's decision: raised and told. The customer hears nothing before.

An appointment that was accepted while somebody's calendar could not be looked at is marked, and compared with what the
first read that works shows of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.alerts import close_alerts, conflict_alert, open_alert
from booking_app.db.appointments_queries import lock_appointment, lock_bookables, people_of
from booking_app.db.changes import announce
from booking_app.db.conflict_queries import (
    clear_conflict,
    clear_moot,
    collisions,
    looked_since,
    overlaps_over,
    set_conflict,
)
from booking_app.db.owner_queries import moved_event
from booking_app.db.push_work import wake_parked_writes
from booking_app.domain.appointment import AppointmentState
from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import ConflictKind
from booking_app.domain.rules import Span
from booking_app.services.letters.words import clock_words, one_line, span_words

_WAY_OUT = {
    ConflictKind.MOVED: "Move the event back or to a free time in the calendar, and it is followed.",
    ConflictKind.RESHAPED: "Say whether the appointment is to follow, or change the event back in the calendar.",
    ConflictKind.REPEATS: "Say whether the event is to stay so, or change it back in the calendar.",
    ConflictKind.AWAY: "Say whether the appointment is to stay. What is changed in the other calendar is not seen.",
}


async def ask(
    db: AsyncSession,
    kind: ConflictKind,
    what: str,
    *,
    appointment_id: int,
    bookable_id: int,
    span: Span | None,
    now: int,
    connection_id: int | None = None,
) -> None:
    """Have the person and the admins decide, in words that hold nothing of anybody's calendar. `what` completes a
    sentence about the event (of `OVERLAP`, about the appointment); `connection_id` is the account it was seen in, where
    that is not the one that holds the event. Under the lock of the appointment."""
    event = await moved_event(db, appointment_id, bookable_id)
    when = span_words(event.start, event.end, event.zone)
    sentence, way_out = f"The event {what}.", _WAY_OUT.get(kind, "")
    stays = f"The appointment stays at {clock_words(event.start, event.zone)}; the customer was not told. "
    if kind is ConflictKind.OVERLAP:
        sentence = f"It {what}."
        way_out = "Change what stands in the calendar, keep both, or cancel the appointment."
    await set_conflict(db, appointment_id, kind, sentence, bookable_id=bookable_id, span=span)
    await open_alert(
        db,
        subject=conflict_alert(appointment_id),
        message=f"{one_line(event.service)} with {one_line(event.name)} on {when} {what}. {stays}{way_out}",
        bookable_id=bookable_id,
        connection_id=connection_id or event.connection_id,
        now=from_instant(now),
    )
    await announce(db, "sync", [each for each in (connection_id or event.connection_id,) if each is not None])


async def settled(db: AsyncSession, appointment_id: int, now: int) -> None:
    """It is decided, or needs no decision any more."""
    await clear_conflict(db, appointment_id)
    await close_alerts(db, [conflict_alert(appointment_id)], from_instant(now))


async def compare(db: AsyncSession, now: int, *, bookables: Collection[int] | None = None) -> int:
    """Compare what was accepted without a last look with what is known by now, for these bookables (None: for all); how
    many appointments turned out to meet something else.

    In the transaction that stores what a calendar shows, and now and then, for reads that brought nothing new."""
    looked = await looked_since(db, bookables, now)
    found = 0
    for each in await collisions(db, bookables, looked, now):
        await lock_bookables(db, await people_of(db, each.appointment_id), now)
        appointment = await lock_appointment(db, each.appointment_id)
        stands = appointment is not None and appointment.state == AppointmentState.CONFIRMED.value
        if appointment is None or not stands or appointment.conflict_kind is not None:
            continue
        zone = (await moved_event(db, each.appointment_id, each.bookable_id)).zone
        clock = f"{clock_words(each.start, zone)}–{clock_words(each.end, zone)}"
        await ask(
            db,
            ConflictKind.OVERLAP,
            f"was booked while the calendar could not be read, and something else stands there: {clock}",
            appointment_id=each.appointment_id,
            bookable_id=each.bookable_id,
            span=(each.start, each.end),
            now=now,
            connection_id=each.connection_id,
        )
        found += 1
    return found


async def close_overlaps(db: AsyncSession, now: int) -> None:
    """What stood at the time of an appointment is gone from the calendar: nothing is left to decide."""
    for appointment_id in await overlaps_over(db, now):
        await settled(db, appointment_id, now)


async def close_moot(db: AsyncSession, now: int) -> None:
    """Nothing is left to decide about what is over, or whose event stands in a calendar that is followed no more, since
    its owner switched it off or disconnected its account. The appointment stays, and writes that waited go on."""
    for appointment_id in await clear_moot(db, now):
        await close_alerts(db, [conflict_alert(appointment_id)], from_instant(now))
        await wake_parked_writes(db, appointment_id, from_instant(now))
