"""What admins do about many bookings by strangers: from when on a mail has to confirm one, and removing a burst."""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.crowd_queries import (
    bursts,
    load_policy,
    people_of_burst,
    remove_burst,
    remove_holds_of,
    store_policy,
)
from booking_app.db.engine import reads
from booking_app.domain.appointment import Role
from booking_app.domain.clock import to_instant
from booking_app.domain.crowding import Policy
from booking_app.domain.errors import Forbidden, Invalid
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context

KINDS = ("address", "mailbox", "all")
SPANS = {"hour": 3600, "day": 86400, "week": 7 * 86400}
_LONGEST_LIST = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """Bookings made in (since, until] (instants) that still lie ahead: from one network address, with one mail
    address, or all of them. `value` is the address's keyed hash in hex, or the mailbox; `others` how many mail
    addresses (of a mailbox: network addresses) are among them; `first` and `last` when they were made."""

    kind: str
    value: str
    since: int
    until: int
    bookings: int
    others: int
    first: int
    last: int


async def policy(ctx: Context, by: SignedIn) -> Policy:
    """From when on a booking is confirmed by mail. `Forbidden` for staff."""
    _admin_only(by)
    async with reads(ctx.sessions).connect() as db:
        return await load_policy(db)


async def set_policy(ctx: Context, by: SignedIn, wanted: Policy) -> None:
    """Raises `Forbidden` for staff, `Invalid("confirm_after" | "most_upcoming")`."""
    _admin_only(by)
    if wanted.confirm_after is not None and not 0 <= wanted.confirm_after <= 1000:
        raise Invalid("confirm_after", "Write a number from 0 to 1000, or leave it empty for never.")
    if not 1 <= wanted.most_upcoming <= 1000:
        raise Invalid("most_upcoming", "Write a number from 1 to 1000.")
    async with ctx.sessions.begin() as db:
        await store_policy(db, wanted)


async def list_bursts(ctx: Context, by: SignedIn, span: str) -> tuple[Burst, ...]:
    """What was booked in the last hour, day or week by where it came from, the largest first. `Forbidden` for staff."""
    _admin_only(by)
    until = to_instant(ctx.now())
    since = until - SPANS.get(span, SPANS["day"])
    async with reads(ctx.sessions).connect() as db:
        rows = await bursts(db, since, until, _LONGEST_LIST)
    return tuple(Burst(since=since, until=until, **row._mapping) for row in rows)


async def remove(ctx: Context, by: SignedIn, burst: Burst) -> int:
    """Cancel all of it at once, without a mail to anybody; how many bookings. Their events leave the calendars, and
    what the same network address keeps is let go. What was booked after the list was made stays.

    Raises `Forbidden` for staff."""
    _admin_only(by)
    if burst.kind not in KINDS:
        raise Invalid("kind", "This is not on the page any more. Load it again.")
    asked = (burst.kind, burst.value, burst.since, burst.until)
    now = to_instant(ctx.now())
    async with ctx.sessions.begin() as db:
        people = set(await people_of_burst(db, *asked))
        await lock_bookables(db, people, now)
        removed = await remove_burst(db, *asked, now)
        await announce(db, "availability", people)
        await announce(db, "outbox")
    if burst.kind == "address":
        async with ctx.sessions.begin() as db:
            freed = await remove_holds_of(db, burst.kind, burst.value)
            await announce(db, "availability", freed)
    return removed


def _admin_only(by: SignedIn) -> None:
    if by.role is not Role.ADMIN:
        raise Forbidden("Only an admin can do this.")
