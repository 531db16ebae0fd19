"""States and words of appointments, bookings and calendar connections."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from booking_app.domain.errors import Reason


class AppointmentState(StrEnum):
    """`HELD` occupies until its `hold_expires_at`; `CANCELLED` occupies nothing."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class BookableKind(StrEnum):
    PERSON = "person"
    RESOURCE = "resource"


class AssignmentMode(StrEnum):
    """Who takes an appointment of a service: its one person, any free one, or all of them together."""

    ONE = "one"
    ANY = "any"
    ALL = "all"


class Role(StrEnum):
    ADMIN = "admin"
    STAFF = "staff"


class StoppedBy(StrEnum):
    """Why a calendar is not followed, which decides what helps. `VANISHED`: much disappeared, unconfirmed. `GONE`: it
    does not exist any more. `REFUSED`: its server answers what makes no sense."""

    VANISHED = "vanished"
    GONE = "gone"
    REFUSED = "refused"


class ConnectionState(StrEnum):
    """`OK` reads; `SLOWED` has passing errors; `NEEDS_SIGN_IN` was refused; `STOPPED` by the deletion breaker
    or an unreadable reply; `DISCONNECTED` by its owner."""

    OK = "ok"
    SLOWED = "slowed"
    NEEDS_SIGN_IN = "needs_sign_in"
    STOPPED = "stopped"
    DISCONNECTED = "disconnected"


class Effect(StrEnum):
    """What an outbox row makes true. `LEFT`: an event is gone from a calendar in which it had to be left."""

    CALENDAR = "calendar"
    LEFT = "left"
    MAIL = "mail"
    REVOKE = "revoke"


def change_refusal(state: AppointmentState, start: int, cut_off: int, now: int) -> Reason | None:
    """Why a customer may not cancel or move an appointment that starts at `start`; None if they may.

    `cut_off` is in minutes; the last moment allowed is exactly that long before the start.
    """
    if state is AppointmentState.CANCELLED:
        return Reason.ALREADY_CANCELLED
    return Reason.CUT_OFF if now > start - cut_off * 60 else None


def invitation_uid(uid: UUID) -> str:
    """The iCalendar UID of the customer's invitation: the same for every change of the appointment."""
    return f"{uid}@booking-app"


def event_uid(uid: UUID, bookable_id: int) -> str:
    """The iCalendar UID of the appointment's event in one person's calendar."""
    return f"{uid}-{bookable_id}@booking-app"
