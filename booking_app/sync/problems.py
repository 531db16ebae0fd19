"""What of a calendar could not be understood: a code and an instant, never a word of what stands there."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Which part it is. Whatever it is, an `UNCERTAIN` block covers it."""

    NO_CALENDAR = "no-calendar"
    TOO_BIG = "too-big"
    NESTED = "nested"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_MUCH_WORK = "too-much-work"
    START = "start"
    END = "end"
    LENGTH = "length"
    END_BEFORE_START = "end-before-start"
    ZONE = "zone"
    RULE = "rule"
    UNTIL = "until"
    DATES = "dates"
    EXCEPTION = "exception"
    TRAVEL = "travel"
    BUSY_TIMES = "busy-times"


class Problem(NamedTuple):
    """`at` is the instant at which the event starts (its first occurrence, if it repeats); None if that is unknown."""

    code: Code
    at: int | None = None
