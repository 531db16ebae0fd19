"""The public JSON API: the use-cases of the booking page, by the same rules."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from booking_app import runtime
from booking_app.api import v1_models as shapes
from booking_app.api.answers import JSON, Route, TooMany, answer
from booking_app.api.limits import Limiter, client_address
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid, Reason, Refused
from booking_app.domain.local import by_local_date, iso
from booking_app.domain.zones import DAY, checked_zone, day_start
from booking_app.feed import read_again
from booking_app.services import availability, catalog, confirming, manage
from booking_app.services.confirming import Awaiting
from booking_app.services.views import BookingRequest, BookingView, Customer, SlotQuery, SlotsAnswer
from booking_app.services.visitors import Visitor

MOST_DAYS = 62
"""The longest span of one question for slots."""

_MANY: dict[int | str, dict[str, Any]] = {
    422: {"model": shapes.InvalidOut, "description": "A field is wrong; it is named."},
    429: {"model": shapes.TooManyOut, "description": "Too many requests; `Retry-After` says when to come back."},
    503: {"model": shapes.ErrorOut, "description": "The database is too busy; try again."},
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": shapes.ErrorOut, "description": "Unknown, or not yours: the same answer."}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    409: {"model": shapes.RefusedOut, "description": "Not possible now; alternatives are open."}
}


_AWAITING: dict[int | str, dict[str, Any]] = {
    202: {"model": shapes.AwaitingOut, "description": "Kept until the customer confirms it by the mailed link."}
}
_CONFIRM = "The time is kept. It is booked when the customer presses the link that was mailed."


def visitor(request: Request) -> Visitor:
    """Who sends the request."""
    return Visitor(address=client_address(request, runtime.current().settings.trusted_proxy_hops))


def _take(request: Request, limiter: Limiter) -> None:
    if wait := limiter.take(visitor(request).address, runtime.current().context.elapsed()):
        raise TooMany(wait)


async def may_read(request: Request) -> None:
    """Count a read of this client. Raises `TooMany`."""
    _take(request, runtime.current().reads)


async def may_write(request: Request) -> None:
    """Count a booking or a change of this client. Raises `TooMany`."""
    _take(request, runtime.current().changes)


router = APIRouter(prefix="/api/v1", route_class=Route, tags=["booking"], responses=_MANY)
READ, WRITE = [Depends(may_read)], [Depends(may_write)]


@router.get("/services", dependencies=READ, response_model=shapes.ServicesOut)
async def services() -> Response:
    """What can be booked, and by whom."""
    found = await catalog.services(runtime.current().context)
    return answer(
        {
            "services": [
                {
                    "slug": each.slug,
                    "name": each.name,
                    "description": each.description,
                    "location": each.location,
                    "preparation": each.preparation,
                    "duration": each.duration,
                    "assignment": each.assignment,
                    "cut_off": each.cut_off,
                    "staff": [{"slug": person.slug, "name": person.name} for person in each.staff],
                }
                for each in found
            ]
        }
    )


@router.get("/services/{slug}/slots", dependencies=READ, response_model=shapes.SlotsOut, responses=_UNKNOWN)
async def slots(
    slug: str,
    since: Annotated[
        str | None,
        Query(alias="from", description="First date or instant; now if left out.", examples=["2027-03-15"]),
    ] = None,
    until: Annotated[
        str | None,
        Query(alias="to", description="End, itself not included; a week later if left out.", examples=["2027-03-22"]),
    ] = None,
    tz: Annotated[str, Query(description="The reader's IANA zone: of dates, and of the answer.")] = "UTC",
    staff: Annotated[str | None, Query(description="Only with this person.")] = None,
) -> Response:
    """The open slots that start in the half-open span from..to, at most 62 days. Dates are days of `tz`."""
    running = runtime.current()
    zone = checked_zone(tz, "tz")
    start = to_instant(running.context.now()) if since is None else _instant(since, "from", zone)
    end = start + 7 * DAY if until is None else _instant(until, "to", zone)
    if end <= start:
        raise Invalid("to", "The end must be later than the start; it is not included itself.")
    if end - start > MOST_DAYS * DAY + 3600:
        raise Invalid("to", f"Ask for at most {MOST_DAYS} days at a time.")
    query = SlotQuery(service=slug, span=(start, end), staff=staff)
    found = await availability.fresh_slots(running.context, query, partial(read_again, running.hub))
    return Response(slots_body(found, zone), headers={"Cache-Control": "no-store"}, media_type=JSON)


def slots_body(found: SlotsAnswer, zone: str) -> bytes:
    """The answer as JSON, put together from tables: a month has hundreds of slots."""
    starts = [text for day in by_local_date(found.starts, zone).values() for text in day]
    ends = [each + found.duration for each in found.starts]
    until = [text for day in by_local_date(ends, zone).values() for text in day]
    names = {staff: json.dumps(staff) for staff in set(found.staff)}
    rows = ",".join(
        [
            f'{{"start":"{start}","end":"{end}","staff":{names[staff]}}}'
            for start, end, staff in zip(starts, until, found.staff, strict=True)
        ]
    )
    verified = "null" if found.verified_at is None else f'"{iso(found.verified_at, zone)}"'
    withheld = json.dumps(
        [{"staff": each.staff, "reason": each.reason.value, "message": each.message} for each in found.withheld]
    )
    return f'{{"slots":[{rows}],"verified_at":{verified},"withheld":{withheld}}}'.encode()


@router.post(
    "/bookings",
    status_code=201,
    dependencies=WRITE,
    response_model=shapes.BookedOut,
    responses=_UNKNOWN | _REFUSED | _AWAITING,
)
async def create_booking(
    request: Request,
    wish: shapes.BookingIn,
    idempotency_key: Annotated[
        str | None,
        Header(description="A key of your choice: repeated from the same address, it returns the first result."),
    ] = None,
) -> Response:
    """Book a slot. Repeating a request with the same `Idempotency-Key` never makes a second booking.

    With many bookings of one mail address or client the answer is 202: the time is kept, and booked when the customer
    presses the link that was mailed."""
    zone = request.state.zone = checked_zone(wish.timezone, "timezone")
    receipt = await confirming.book_or_ask(
        runtime.current().context,
        BookingRequest(
            service=wish.service,
            start=_whole(wish.start),
            zone=zone,
            staff=wish.staff,
            customer=Customer(
                name=wish.customer.name,
                email=wish.customer.email,
                phone=wish.customer.phone,
                notes=wish.customer.notes,
            ),
        ),
        idempotency_key=idempotency_key,
        by=visitor(request),
    )
    if isinstance(receipt, Awaiting):
        waits = {"start": iso(receipt.start, zone), "end": iso(receipt.end, zone), "staff": list(receipt.staff)}
        return answer(
            {"code": "confirm_by_mail", "message": _CONFIRM, "expires_at": iso(receipt.expires_at, zone), **waits}, 202
        )
    content = {
        "id": receipt.id,
        "token": receipt.token,
        "manage_url": receipt.manage_url,
        "start": iso(receipt.start, zone),
        "end": iso(receipt.end, zone),
        "staff": list(receipt.staff),
    }
    return answer(content, 201, **({"Idempotency_Replayed": "true"} if receipt.repeated else {}))


@router.get("/bookings/{token}", dependencies=READ, response_model=shapes.BookingOut, responses=_UNKNOWN)
async def read_booking(token: str) -> Response:
    """The booking behind a private token."""
    return _booking(await manage.view(runtime.current().context, token))


@router.patch("/bookings/{token}", dependencies=WRITE, response_model=shapes.BookingOut, responses=_UNKNOWN | _REFUSED)
async def move_booking(request: Request, token: str, wish: shapes.MoveIn) -> Response:
    """Move the booking to another start, with the same people. When refused, the old time stands."""
    context = runtime.current().context
    request.state.zone = (await manage.view(context, token)).zone
    return _booking(await manage.reschedule(context, token, _whole(wish.start)))


@router.delete("/bookings/{token}", dependencies=WRITE, response_model=shapes.BookingOut, responses=_UNKNOWN | _REFUSED)
async def cancel_booking(token: str) -> Response:
    """Cancel the booking. Repeating it is no error."""
    context = runtime.current().context
    try:
        return _booking(await manage.cancel(context, token))
    except Refused as error:
        if error.reason is Reason.ALREADY_CANCELLED:
            return _booking(await manage.view(context, token))
        raise


def _booking(seen: BookingView) -> Response:
    return answer(
        {
            "id": seen.id,
            "service": seen.service,
            "start": iso(seen.start, seen.zone),
            "end": iso(seen.end, seen.zone),
            "timezone": seen.zone,
            "staff": [each.slug for each in seen.staff],
            "location": seen.location,
            "preparation": seen.preparation,
            "state": seen.state,
            "can_change": seen.can_change,
            "changeable_until": iso(seen.changeable_until, seen.zone),
            "manage_url": seen.manage_url,
        }
    )


def _whole(moment: datetime) -> int:
    if moment.microsecond:
        raise Invalid("start", "Leave out the fractions of a second.")
    return to_instant(moment)


def _instant(given: str, field: str, zone: str) -> int:
    """A date (midnight in `zone`) or an instant with offset, whose plus sign the address may have made a space."""
    text = re.sub(r" (?=\d\d:?\d\d$)", "+", given.strip())
    try:
        moment = datetime.fromisoformat(text)
        if 1971 <= moment.year < 2100:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                return day_start(zone, moment.date())
            if moment.tzinfo is not None:
                return to_instant(moment)
    except ValueError:
        pass
    raise Invalid(field, "Give a date like 2027-03-15, or an instant with offset like 2027-03-15T09:00:00+01:00.")
