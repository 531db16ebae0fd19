"""How many appointments strangers may take before somebody shows that the mail address is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MANY_FROM_ONE_PLACE = 5
"""How many times as many bookings an hour may come from one network address as from one mail address: offices and
families share one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """`confirm_after`: with so many coming appointments of a mail address, or so many booked within an hour, each
    further one is confirmed by mail first; 0 asks always, None never. `most_upcoming`: so many may lie ahead."""

    confirm_after: int | None = 3
    most_upcoming: int = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """What there is already: confirmed appointments ahead of the mail address, bookings of the last hour with it
    (also those cancelled since), and bookings of the last hour from the visitor's network address."""

    upcoming: int
    lately: int
    from_address: int


class Verdict(StrEnum):
    """Whether one more is booked at once, after a mailed confirmation, or not."""

    BOOK = "book"
    CONFIRM = "confirm"
    REFUSE = "refuse"


def judge(policy: Policy, crowd: Crowd) -> Verdict:
    """What becomes of one more booking of this mail address."""
    if crowd.upcoming >= policy.most_upcoming:
        return Verdict.REFUSE
    limit = policy.confirm_after
    if limit is None:
        return Verdict.BOOK
    many = max(limit, 1) * MANY_FROM_ONE_PLACE
    if max(crowd.upcoming, crowd.lately) >= limit or crowd.from_address >= many:
        return Verdict.CONFIRM
    return Verdict.BOOK
