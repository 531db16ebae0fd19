"""The demo's team: who they are and what already stands in their own calendars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from booking_app.domain.rules import DayPeriods

DEMO_DOMAIN = "studio-haarlem.example"
"""A domain that nobody can own (RFC 2606): an account under it belongs to a demo."""

ADMIN_NAME = "Marit Visser"
ADMIN_EMAIL = f"marit@{DEMO_DOMAIN}"

_EARLY: DayPeriods = ((9 * 60, 12 * 60 + 30), (13 * 60, 17 * 60))
_LATE: DayPeriods = ((9 * 60 + 30, 13 * 60), (13 * 60 + 30, 17 * 60 + 30))


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """Somebody of the team. `periods` are the hours from Monday to Friday in the person's zone."""

    slug: str
    name: str
    zone: str = "Europe/Amsterdam"
    colour: str
    periods: DayPeriods = _EARLY

    @property
    def email(self) -> str:
        return f"{self.slug}@{DEMO_DOMAIN}"


TEAM = (
    Member(slug="anna", name="Anna de Bruin", colour="indigo"),
    Member(slug="chris", name="Chris Dekker", colour="jade", periods=_LATE),
    Member(slug="esra", name="Esra Faruk", colour="orange"),
    Member(slug="joost", name="Joost Kramer", colour="blue", periods=_LATE),
    Member(slug="grace", name="Grace Hill", colour="crimson", zone="America/New_York"),
)

WORK, PRIVATE = "work", "private"
"""The two calendars of each person: appointments are written to the first, both block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event of somebody's own. `day` counts from the Monday of the first week; `minutes` None: all day."""

    person: str
    title: str
    calendar: str = WORK
    day: int
    at: time = time(0)
    minutes: int | None = None
    weekly: bool = False
    free: bool = False


ENTRIES = (
    *(Entry(person=each.slug, title="Week start", day=0, at=time(9, 30), minutes=30, weekly=True) for each in TEAM[:4]),
    Entry(person="anna", title="School run", calendar=PRIVATE, day=2, at=time(15, 30), minutes=60, weekly=True),
    Entry(person="anna", title="Supplier visit", day=1, at=time(10), minutes=90),
    Entry(person="anna", title="Dentist", calendar=PRIVATE, day=8, at=time(11), minutes=45),
    Entry(person="chris", title="Site inspection", day=3, at=time(9, 30), minutes=180),
    Entry(person="chris", title="Day off", calendar=PRIVATE, day=11),
    Entry(person="chris", title="Football training", calendar=PRIVATE, day=1, at=time(16, 30), minutes=60, weekly=True),
    Entry(person="esra", title="Drawing hours", day=3, at=time(9), minutes=120, weekly=True),
    Entry(person="esra", title="Call with the builder", day=2, at=time(14), minutes=45),
    Entry(person="joost", title="Course", day=9, at=time(9, 30), minutes=480),
    Entry(person="joost", title="Physiotherapy", calendar=PRIVATE, day=4, at=time(10), minutes=45, weekly=True),
    Entry(person="joost", title="Birthday of Noor", calendar=PRIVATE, day=4, free=True),
    Entry(person="grace", title="Budget round", day=2, at=time(10), minutes=60),
    Entry(person="grace", title="Violin lesson", calendar=PRIVATE, day=3, at=time(16), minutes=60, weekly=True),
)

SERVICES = ("first-consultation", "quick-call", "follow-up", "team-review")
"""The slugs of what can be booked, in their order on the page."""
