"""Booking a slot: live re-read, then one transaction that locks, runs the one rule again and stores everything."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app import metrics
from booking_app.db.appointments_queries import (
    NewBooking,
    first_answer,
    store_booking,
)
from booking_app.db.availability_queries import (
    Offering,
    appointments_between,
    load_offering,
    make_due,
)
from booking_app.db.changes import announce
from booking_app.db.crowd_queries import load_crowd
from booking_app.db.engine import Reader, reads
from booking_app.db.hold_queries import StandingHold, lock_marks, remove_hold, standing_hold
from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.assignment import week_of
from booking_app.domain.clock import to_instant
from booking_app.domain.crowding import Verdict, judge
from booking_app.domain.errors import ConfirmFirst, Invalid, NotFound, Reason, Refused
from booking_app.domain.mailboxes import mailbox
from booking_app.domain.rules import Span
from booking_app.services.acceptance import (
    Group,
    Live,
    appointment_reach,
    clearest,
    groups,
    in_turn,
    objections,
    under_lock,
)
from booking_app.services.accounts import token_hash
from booking_app.services.alternatives import refused
from booking_app.services.availability import check_staff
from booking_app.services.checks import checked_key, checked_request
from booking_app.services.context import Context
from booking_app.services.offers import SENTENCES
from booking_app.services.views import BookingReceipt, BookingRequest
from booking_app.services.visitors import Visitor


async def book(
    ctx: Context,
    request: BookingRequest,
    *,
    idempotency_key: str | None = None,
    by: Visitor | None = None,
    confirmed: bool = False,
) -> BookingReceipt:
    """Book the slot, with all its effects enqueued, or raise and change nothing.

    Raises `Invalid` naming the field (`service` unknown is `NotFound`), and `Refused` with the nearest
    alternatives. A key that the same visitor repeats with the same request returns the first receipt; with another
    request it is `Invalid("Idempotency-Key")`. Other visitors' keys are not seen. What a visitor asks for (and nobody
    else: `by` None) is bounded by mail and network address: `Refused(TOO_MANY)`, and `ConfirmFirst` unless it is
    `confirmed`."""
    request = checked_request(request)
    key = None if idempotency_key is None else checked_key(idempotency_key)
    if key is not None and by is not None:
        key = by.scoped(key)
    now = to_instant(ctx.now())
    if key is not None and (first := await _repeated(ctx, request, key)):
        return first
    async with reads(ctx.sessions).connect() as db:
        kept = await standing_hold(db, request.hold, now)
        without = (kept.appointment_id,) if kept else ()
        span = (request.start, request.start + 1)
        offering = await load_offering(db, request.service, span, now, staff=request.staff, without=without)
        if offering is None:
            raise NotFound("There is no such service.")
        check_staff(offering, request.staff)
        load = await week_load(db, offering, request.start, now)
    against: list[Reason] = []
    possible: list[Group] = []
    live = Live(follows=True)
    for group in groups(offering):
        reasons = objections(ctx, offering, group, request.start, now, live, kept)
        against += reasons
        if not reasons:
            possible.append(group)
    turns = in_turn(possible, load, kept)
    tried: list[Reason] = []
    several = 1
    while batch := list(islice(turns, several)):
        # Most often the first can; only if not is anybody else's calendar asked.
        several *= 3
        people = [each for group in batch for each in group]
        await live.read(ctx, people, appointment_reach(offering, request.start))
        for group in batch:
            outcome = await _take(ctx, request, key, offering, group, live, kept, by, confirmed)
            if isinstance(outcome, BookingReceipt):
                metrics.bookings.inc(not outcome.repeated)
                return outcome
            tried += outcome
    # Who could have, and why they then could not, is the reason; who was never free says nothing.
    against = tried or against
    if key is not None and (first := await _repeated(ctx, request, key)):
        # The first request with this key took the slot while this one waited for it.
        return first
    metrics.refusals.labels(reason=clearest(against)).inc()
    now = to_instant(ctx.now())
    if Reason.CALENDAR_BUSY in against or Reason.CALENDAR_STALE in against:
        await _hurry(ctx, offering, live, now)
    raise await refused(
        ctx,
        clearest(against),
        service=request.service,
        start=request.start,
        now=now,
        staff=request.staff,
        busy=live.busy,
        distrusted=live.failed,
        without=without,
    )


async def week_load(db: Reader, offering: Offering, start: int, now: int) -> dict[int, int]:
    """How many appointments each has in the week of `start`; nothing where nobody is chosen."""
    if offering.assignment is AssignmentMode.ALL or len(offering.candidates) < 2:
        return {}
    week = week_of(start, offering.candidates[0].schedule.hours.zone)
    return await appointments_between(db, [each.bookable_id for each in offering.candidates], week, now)


async def _take(
    ctx: Context,
    request: BookingRequest,
    key: str | None,
    offering: Offering,
    group: Group,
    live: Live,
    kept: StandingHold | None,
    by: Visitor | None,
    confirmed: bool,
) -> BookingReceipt | list[Reason]:
    """The write: lock, the one rule again, store. A list of reasons means that nothing was changed."""
    reasons = objections(ctx, offering, group, request.start, to_instant(ctx.now()), live, kept)
    if reasons:
        return reasons
    people = [each.bookable_id for each in group]
    async with ctx.sessions() as db:
        if by is not None:
            await _check_crowd(ctx, db, request, by, confirmed)
        without = (kept.appointment_id,) if kept else ()
        locked = await under_lock(
            ctx, db, request.service, people, request.start, live=live, kept=kept, without=without
        )
        if not isinstance(locked, Offering):
            return locked
        if kept:
            await remove_hold(db, kept.appointment_id)
        new, receipt = _new_booking(ctx, request, key, locked, by, live)
        claimed, guarded = await store_booking(db, new, freed=kept.bookables if kept else ())
        if claimed and guarded:
            await db.commit()
            return receipt
    if claimed:
        return [Reason.TAKEN]
    first = await _repeated(ctx, request, new.key or "")
    return first or [Reason.TAKEN]


async def _check_crowd(ctx: Context, db: AsyncSession, request: BookingRequest, by: Visitor, confirmed: bool) -> None:
    """Count what there is of this mail address and visitor, until the transaction ends the truth, and raise if one more
    is not simply booked."""
    box, source = mailbox(request.customer.email), by.source(ctx)
    await lock_marks(db, [ctx.sealer.mark(box, "mailbox"), source])
    verdict = judge(*await load_crowd(db, box, source, to_instant(ctx.now())))
    if verdict is Verdict.REFUSE:
        raise Refused(Reason.TOO_MANY, SENTENCES[Reason.TOO_MANY])
    if verdict is Verdict.CONFIRM and not confirmed:
        raise ConfirmFirst("This booking is confirmed by mail first.")


def _new_booking(
    ctx: Context, request: BookingRequest, key: str | None, offering: Offering, by: Visitor | None, live: Live
) -> tuple[NewBooking, BookingReceipt]:
    booking_id = uuid4()
    token = secrets.token_urlsafe(24)
    span = (request.start, request.start + offering.rules.duration * 60)
    staff = tuple(each.slug for each in offering.candidates)
    customer = request.customer
    new = NewBooking(
        booking_id=booking_id,
        uid=uuid4(),
        service_id=offering.service_id,
        span=span,
        bookables=[each.bookable_id for each in offering.candidates],
        before=offering.rules.buffer_before * 60,
        after=offering.rules.buffer_after * 60,
        token_hash=token_hash(token),
        token_sealed=ctx.sealer.seal(token, f"booking:{booking_id}"),
        name=customer.name,
        email=customer.email,
        mailbox=mailbox(customer.email),
        source=by.source(ctx) if by is not None else None,
        phone=customer.phone,
        notes=customer.notes,
        zone=request.zone,
        now=to_instant(ctx.now()),
        asked_at=ctx.now().timestamp(),
        key=key,
        digest=digest_of(request),
        answer={"id": str(booking_id), "start": span[0], "end": span[1], "staff": staff},
        unlooked=live.unlooked(offering.candidates),
    )
    return new, _receipt(ctx, request.service, str(booking_id), token, span, staff)


def manage_url(ctx: Context, token: str) -> str:
    """The private link of a booking."""
    return f"{ctx.public_url}/manage/{token}"


def _receipt(
    ctx: Context, service: str, booking_id: str, token: str, span: Span, staff: Sequence[str], repeated: bool = False
) -> BookingReceipt:
    return BookingReceipt(
        id=booking_id,
        token=token,
        manage_url=manage_url(ctx, token),
        service=service,
        start=span[0],
        end=span[1],
        staff=tuple(staff),
        repeated=repeated,
    )


def digest_of(request: BookingRequest) -> bytes:
    """What makes two requests the same; the hold is not part of it, as the first request used it up."""
    content = asdict(request) | {"hold": None}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


async def _repeated(ctx: Context, request: BookingRequest, key: str) -> BookingReceipt | None:
    async with reads(ctx.sessions).connect() as db:
        first = await first_answer(db, key)
    if first is None:
        return None
    if first.digest != digest_of(request):
        raise Invalid("Idempotency-Key", "This key was used for another request; use a new one.")
    answer = first.answer
    token = ctx.sealer.open(first.sealed, f"booking:{answer['id']}")
    span = (answer["start"], answer["end"])
    return _receipt(ctx, request.service, answer["id"], token, span, answer["staff"], repeated=True)


async def _hurry(ctx: Context, offering: Offering, live: Live, now: int) -> None:
    """Have the calendars read in which the live read found something new, so that all pages show it, or which it could
    not read, so that no page offers them for long."""
    busy = [
        calendar.calendar_id
        for each in offering.candidates
        if live.busy.get(each.bookable_id) or each.bookable_id in live.failed
        for calendar in each.calendars
    ]
    async with ctx.sessions.begin() as db:
        if busy and (due := await make_due(db, busy, now)):
            await announce(db, "due", due)
