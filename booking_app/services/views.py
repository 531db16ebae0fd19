"""The values that booking use-cases take and give. Instants are epoch seconds UTC, spans half-open.

Nothing here is a table row: everything may be shown to the one who asked for it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import date

from booking_app.domain.errors import Reason
from booking_app.domain.local import local_days
from booking_app.domain.rules import Span
from booking_app.domain.zones import day_span


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonView:
    """Who offers a service, as customers may see them. `zone` is the person's own IANA zone."""

    slug: str
    name: str
    zone: str
    colour: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceView:
    """What can be booked. `duration`, `cut_off` and `notice` in minutes; `assignment` is `one`, `any` or `all`."""

    slug: str
    name: str
    description: str
    location: str
    preparation: str
    duration: int
    assignment: str
    cut_off: int
    notice: int
    horizon_days: int
    staff: tuple[PersonView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotQuery:
    """Which slots: starts within the half-open `span` of instants, with one person (`staff`, a slug) or with
    whoever the service's assignment allows (None)."""

    service: str
    span: Span
    staff: str | None = None

    @classmethod
    def of_days(cls, service: str, first: date, days: int, zone: str, staff: str | None = None) -> SlotQuery:
        """The slots of `days` local dates of the reader's `zone`, from `first` on. Raises `Invalid`."""
        return cls(service=service, span=day_span(zone, first, days), staff=staff)


@dataclass(frozen=True, kw_only=True, slots=True)
class Withheld:
    """A person whose slots are not shown because their calendar cannot be trusted; `message` is for visitors."""

    staff: str
    name: str
    reason: Reason
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotsAnswer:
    """The open slots of a query. `starts` ascend; `staff[i]` are the slugs of who is free at `starts[i]`
    (for assignment `all`: everybody). `duration` in seconds.

    `verified_at`: the instant as of which the oldest calendar used is known to be right; None if no calendar
    was needed. `withheld` is never to be shown as "fully booked". `stands_until`: the last instant at which nobody more
    is withheld if no calendar is read until then; None if that does not come by itself.
    """

    service: str
    span: Span
    duration: int
    starts: tuple[int, ...]
    staff: tuple[tuple[str, ...], ...]
    verified_at: int | None
    withheld: tuple[Withheld, ...]
    stands_until: int | None = None

    def at(self, start: int) -> tuple[str, ...]:
        """Who is free at `start`; empty if it is not open."""
        found = bisect_left(self.starts, start)
        return self.staff[found] if found < len(self.starts) and self.starts[found] == start else ()

    def within(self, span: Span) -> SlotsAnswer:
        """The same answer for a part of its span."""
        low, high = bisect_left(self.starts, span[0]), bisect_left(self.starts, span[1])
        return replace(self, span=span, starts=self.starts[low:high], staff=self.staff[low:high])

    def days(self, zone: str) -> dict[str, list[int]]:
        """The starts grouped by the ISO date of the reader's zone; dates without a slot are absent."""
        return local_days(self.starts, zone)


@dataclass(frozen=True, kw_only=True, slots=True)
class Customer:
    """Who books, as typed."""

    name: str
    email: str
    phone: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BookingRequest:
    """`start` is an instant, `zone` the customer's IANA zone (mails use it), `staff` a slug or None for
    whoever is assigned, `hold` the token of a hold that this booking uses up."""

    service: str
    start: int
    zone: str
    customer: Customer
    staff: str | None = None
    hold: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BookingReceipt:
    """A booking that stands. `token` opens the manage page and is never shown again; `staff` are slugs.
    `repeated` says that an earlier request with the same idempotency key made it."""

    id: str
    token: str
    manage_url: str
    service: str
    start: int
    end: int
    staff: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A slot kept while the form is filled in. `token` extends, releases or books it."""

    token: str
    start: int
    end: int
    staff: tuple[str, ...]
    expires_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BookingView:
    """A booking as its customer sees it. `state` is `confirmed` or `cancelled`, `cancelled_by` then `customer`,
    `owner` or `admin`. `can_change` is false after the cut-off, with `change_refusal` as a sentence;
    `changeable_until` is the last instant at which the customer may cancel or move it. `uid` is the UID of the
    iCalendar invitation and `sequence` its SEQUENCE. Changes of `bookables` may be changes of the booking."""

    id: str
    token: str
    manage_url: str
    service: str
    service_name: str
    location: str
    preparation: str
    start: int
    end: int
    zone: str
    staff: tuple[PersonView, ...]
    customer: Customer
    state: str
    cancelled_by: str | None
    uid: str
    sequence: int
    bookables: tuple[int, ...]
    can_change: bool
    change_refusal: str
    changeable_until: int
