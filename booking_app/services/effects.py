"""The work that follows a change of an appointment, enqueued in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.appointments_queries import reachable
from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.domain.appointment import Effect


async def enqueue_change(
    db: AsyncSession,
    kind: Literal["changed", "cancelled"],
    *,
    appointment_id: int,
    bookings: Sequence[UUID],
    bookables: Sequence[int],
    sequence: int,
    previous_start: int,
    due: datetime,
    shown_by: int | None = None,
) -> None:
    """Tell every customer and person, bring every person's calendar up to date, announce the freed and taken time.

    `shown_by` is the bookable whose own calendar made the change and shows it already: no event is written there
    and that person needs no mail."""
    others = await reachable(db, appointment_id, [each for each in bookables if each != shown_by])
    recipients = ["customer", *(str(each.id) for each in others if each.mail)]
    for booking_id in bookings:
        for recipient in recipients:
            payload: dict[str, Any] = {
                "booking_id": str(booking_id),
                "kind": kind,
                "sequence": sequence,
                "recipient": recipient,
            }
            if kind == "changed":
                payload["previous_start"] = previous_start
            await enqueue(db, Effect.MAIL, f"{kind}:{booking_id}:{sequence}:{recipient}", due=due, payload=payload)
    for each in others:
        if each.calendar:
            await enqueue(db, Effect.CALENDAR, f"{appointment_id}:{each.id}", due=due)
    await announce(db, "availability", bookables)
    await announce(db, "outbox")
