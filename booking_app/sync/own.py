"""How our own events are named, so that they are recognised wherever they turn up."""

from __future__ import annotations

from uuid import UUID

from booking_app.db.tables import Appointment, Mirror
from booking_app.domain.clock import to_instant
from booking_app.sync.ical_write import OWN_UID_SUFFIX


def own_uid(appointment: UUID, bookable_id: int) -> str:
    """The UID of an appointment's event in one person's calendar: always the same, so a repeated creation is found."""
    return f"{appointment}-{bookable_id}{OWN_UID_SUFFIX}"


def named(uid: str) -> tuple[UUID, int] | None:
    """The appointment and bookable that an own UID stands for; None for anything else."""
    if not uid.endswith(OWN_UID_SUFFIX):
        return None
    appointment, _, bookable = uid.removesuffix(OWN_UID_SUFFIX).rpartition("-")
    try:
        return UUID(appointment), int(bookable)
    except ValueError:
        return None


def standing_times(appointment: Appointment, mirror: Mirror | None) -> frozenset[tuple[int, int]]:
    """The (start, end) at which our event may stand by our own doing: the appointment's, the last one written, and one
    whose writing was begun. At any other time its owner put it there."""
    times = {(appointment.during.lower, appointment.during.upper)}
    if mirror is not None:
        times |= {(mirror.starts_at, mirror.ends_at), (mirror.intended_start, mirror.intended_end)}
    return frozenset((to_instant(start), to_instant(end)) for start, end in times if start and end)
