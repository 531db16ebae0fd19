"""Bookings that are confirmed by mail first: the slot is held, and becomes an appointment when the link is pressed."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from booking_app.db.appointments_queries import lock_bookables
from booking_app.db.changes import announce
from booking_app.db.crowd_queries import know_mailbox, store_unconfirmed, unconfirmed_by_key, unconfirmed_by_token
from booking_app.db.engine import reads
from booking_app.db.hold_queries import standing_hold
from booking_app.db.outbox import enqueue
from booking_app.domain.appointment import Effect
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import ConfirmFirst, Invalid, NotFound, Reason, Refused
from booking_app.domain.mailboxes import mailbox
from booking_app.services import holds, rates
from booking_app.services.accounts import token_hash
from booking_app.services.booking import book, digest_of
from booking_app.services.checks import checked_key, checked_request
from booking_app.services.context import Context
from booking_app.services.offers import SENTENCES
from booking_app.services.rates import Rate
from booking_app.services.views import BookingReceipt, BookingRequest, Customer
from booking_app.services.visitors import Visitor

CONFIRM = "confirm"
MINUTES = 30
"""For how long a slot waits: a mail server that meets a sender for the first time may let it wait a quarter of an
hour."""
MAILS = Rate(most=3, period=timedelta(hours=1))
"""Requests to confirm that go to one mailbox."""


_CROWDED = "Too many appointments wait to be confirmed just now. Please try again in half an hour."


@dataclass(frozen=True, kw_only=True, slots=True)
class Awaiting:
    """Nothing is booked yet: the slot is held until the instant `expires_at` for whoever presses the mailed link."""

    start: int
    end: int
    staff: tuple[str, ...]
    expires_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What a mailed link confirms, as its reader sees it. Instants; `zone` is the customer's."""

    service: str
    start: int
    end: int
    zone: str
    people: tuple[str, ...]
    location: str
    preparation: str
    expires_at: int


async def book_or_ask(
    ctx: Context, request: BookingRequest, *, idempotency_key: str | None = None, by: Visitor
) -> BookingReceipt | Awaiting:
    """Book, or have it confirmed by mail first where that is asked for. Raises as `book`; a key that is
    repeated returns the same as the first time."""
    request = checked_request(request)
    key = None if idempotency_key is None else by.scoped(checked_key(idempotency_key))
    try:
        return await book(ctx, request, idempotency_key=idempotency_key, by=by)
    except ConfirmFirst:
        pass
    except Refused:
        if key is None or (asked := await _asked(ctx, request, key)) is None:
            raise
        return asked
    if key is not None and (asked := await _asked(ctx, request, key)):
        return asked
    return await _ask(ctx, request, key, by)


async def _asked(ctx: Context, request: BookingRequest, key: str) -> Awaiting | None:
    async with reads(ctx.sessions).connect() as db:
        row = await unconfirmed_by_key(db, key, to_instant(ctx.now()))
    if row is None:
        return None
    if row.digest != digest_of(request):
        raise Invalid("Idempotency-Key", "This key was used for another request; use a new one.")
    return Awaiting(start=row.start, end=row.end, staff=tuple(row.staff), expires_at=row.expires)


async def _ask(ctx: Context, request: BookingRequest, key: str | None, by: Visitor) -> Awaiting:
    """Hold the slot and mail the link. Raises as `hold`, and `Refused(TOO_MANY)` for a mailbox that was asked often."""
    box = ctx.sealer.mark(mailbox(request.customer.email), "confirm mailbox")
    now = to_instant(ctx.now())
    async with reads(ctx.sessions).connect() as db:
        kept = await standing_hold(db, request.hold, now)
    if kept is None or kept.span[0] != request.start:
        # Not of the tab: what it keeps next does not take the place of this one.
        try:
            held = await holds.hold(ctx, request.service, request.start, request.staff, by=Visitor(address=by.address))
        except Refused as refused:
            raise Refused(Reason.NOT_KEPT, _CROWDED) if refused.reason is Reason.NOT_KEPT else refused from None
        async with reads(ctx.sessions).connect() as db:
            kept = await standing_hold(db, held.token, now)
    if kept is None:
        raise Refused(Reason.HOLD_EXPIRED, SENTENCES[Reason.HOLD_EXPIRED])
    token = secrets.token_urlsafe(32)
    stored, expires = token_hash(token), now + MINUTES * 60
    name = f"{CONFIRM}:{stored.hex()}"
    async with ctx.sessions.begin() as db:
        await lock_bookables(db, kept.bookables, now)
        if not await rates.take(ctx, db, box, MAILS):
            raise Refused(Reason.TOO_MANY, SENTENCES[Reason.TOO_MANY])
        waits = await store_unconfirmed(
            db,
            appointment_id=kept.appointment_id,
            token_hash=stored,
            key=key,
            digest=digest_of(request),
            request=asdict(request) | {"hold": None, "staff": request.staff},
            expires=expires,
            now=now,
        )
        if not waits:
            raise Refused(Reason.HOLD_EXPIRED, SENTENCES[Reason.HOLD_EXPIRED])
        payload = {"kind": CONFIRM, "link": stored.hex(), "sealed": ctx.sealer.seal(token, name).hex()}
        await enqueue(db, Effect.MAIL, name, due=ctx.now(), payload=payload)
        await announce(db, "outbox")
    return Awaiting(start=kept.span[0], end=kept.span[1], staff=kept.staff, expires_at=expires)


async def waiting(ctx: Context, token: str) -> Waiting:
    """What a mailed link confirms. Raises `NotFound`, the same for an unknown, a used and an expired one."""
    row = await _by_token(ctx, token)
    return Waiting(
        service=row.service_name,
        start=row.start,
        end=row.end,
        zone=row.request["zone"],
        people=tuple(row.names),
        location=row.location,
        preparation=row.preparation,
        expires_at=row.expires,
    )


async def confirm(ctx: Context, token: str, *, by: Visitor) -> BookingReceipt:
    """Press the link: the slot is booked for whoever asked. Pressed twice at once, it is booked once. Raises `NotFound`
    as `waiting`, `Refused` as `book`."""
    row = await _by_token(ctx, token)
    asked = row.request
    request = BookingRequest(**asked | {"customer": Customer(**asked["customer"]), "hold": str(row.uid)})
    async with ctx.sessions.begin() as db:
        await know_mailbox(db, reader_mark(ctx, request.customer.email), to_instant(ctx.now()))
    return await book(ctx, request, idempotency_key=f"{CONFIRM}:{row.token_hash.hex()}", by=by, confirmed=True)


def reader_mark(ctx: Context, email: str) -> bytes:
    """What is stored of a mailbox whose mail somebody reads."""
    return ctx.sealer.mark(mailbox(email), "reader")


def confirm_link(ctx: Context, token: str) -> str:
    """The page where a booking is confirmed."""
    return f"{ctx.public_url}/confirm/{token}"


async def _by_token(ctx: Context, token: str) -> Row[Any]:
    async with reads(ctx.sessions).connect() as db:
        row = await unconfirmed_by_token(db, token_hash(token), to_instant(ctx.now()))
    if row is None:
        raise NotFound("This link is not valid any more.")
    return row
