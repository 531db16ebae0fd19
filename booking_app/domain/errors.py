"""What can go wrong in a use-case, named by what the caller does next.

BookingError
├── Invalid        the input is wrong: mend the named field (HTTP 422)
├── NotFound       unknown, or not yours: the same answer (404)
├── Forbidden      sign in, or ask an admin (403)
├── Refused        well-formed but not possible now: take an alternative (409)
└── Busy           nothing is wrong with it: come back in a moment (503)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class BookingError(Exception):
    """Base of every error that a use-case raises on purpose; `str()` is a sentence for the reader."""


class Invalid(BookingError):
    """`field` names the wrong input; the message says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotFound(BookingError):
    """Unknown or not yours; the message never says which."""


class Forbidden(BookingError):
    """The caller may not do this."""


class Busy(BookingError):
    """Too many ask for the same at this moment; `seconds` until it is worth trying again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class ConfirmFirst(BookingError):
    """Nothing was changed: a booking of this mail address is confirmed by mail first."""


class Reason(StrEnum):
    """Why a time was refused or a person's slots are withheld."""

    TAKEN = "slot_taken"
    CLOSED = "outside_hours"
    OFF_GRID = "not_a_start_time"
    TOO_SOON = "too_soon"
    TOO_FAR = "too_far_ahead"
    DAY_FULL = "day_full"
    CALENDAR_BUSY = "calendar_busy"
    CALENDAR_STALE = "calendar_stale"
    CALENDAR_UNREADABLE = "calendar_unreadable"
    NOT_OFFERED = "not_offered"
    CUT_OFF = "cut_off_passed"
    HOLD_EXPIRED = "hold_expired"
    NOT_KEPT = "too_many_holds"
    TOO_MANY = "too_many_bookings"
    MOVED_OFTEN = "moved_too_often"
    ALREADY_CANCELLED = "already_cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """A time that could be booked instead. `start` is an instant; `staff` the slugs of who would be there."""

    start: int
    staff: tuple[str, ...]


class Refused(BookingError):
    """Nothing was changed. `alternatives` were open when the answer was made, nearest first."""

    def __init__(self, reason: Reason, message: str, alternatives: Sequence[Alternative] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.alternatives = tuple(alternatives)
