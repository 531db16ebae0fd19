"""How the public API answers: JSON made of plain values, and every use-case error as a status with a named reason.

Invalid -> 422 naming the field, NotFound -> 404, Forbidden -> 403, Refused -> 409 with alternatives, too many requests
-> 429 with Retry-After, a database that does not answer in time -> 503. Nothing is ever an empty 200 in their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from booking_app.domain.errors import BookingError, Forbidden, Invalid, NotFound, Refused
from booking_app.domain.local import iso
from booking_app.domain.zones import checked_zone

JSON = "application/json"
_RETRY = 2
"""Seconds after which a client may try again when the database was too busy."""


_PARTS = ("body", "query", "path", "header")


class TooMany(BookingError):
    """This client asked too often; `seconds` until the next request is allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many requests; please wait a moment.")
        self.seconds = seconds


def answer(content: object, status: int = 200, **headers: str) -> Response:
    """A JSON response that nobody keeps."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, {"Cache-Control": "no-store"} | named, JSON)


def refusal(error: Refused, zone: str) -> Response:
    """409: why, and what is open instead, in the reader's zone."""
    alternatives = [{"start": iso(each.start, zone), "staff": list(each.staff)} for each in error.alternatives]
    return answer({"code": error.reason.value, "message": str(error), "alternatives": alternatives}, 409)


class Route(APIRoute):
    """A route whose use-case errors become answers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except Invalid as error:
                return answer({"code": "invalid", "field": error.field, "message": str(error)}, 422)
            except RequestValidationError as error:
                return _malformed(error)
            except HTTPException:
                # Only the framework raises these, for a body that it cannot take apart.
                message = "The body is not JSON that we can read."
                return answer({"code": "invalid", "field": "body", "message": message}, 422)
            except NotFound as error:
                return answer({"code": "not_found", "message": str(error)}, 404)
            except Forbidden as error:
                return answer({"code": "forbidden", "message": str(error)}, 403)
            except Refused as error:
                return refusal(error, _zone(request))
            except TooMany as error:
                seconds = max(1, -int(-error.seconds // 1))
                content = {"code": "too_many_requests", "message": str(error), "retry_after": seconds}
                return answer(content, 429, Retry_After=str(seconds))
            except (PoolTimeout, DBAPIError, psycopg.Error) as error:
                if not _passing(error):
                    raise
                content = {"code": "temporarily_unavailable", "message": "Please try again in a moment."}
                return answer(content, 503, Retry_After=str(_RETRY))

        return answered


def _passing(error: Exception) -> bool:
    """Whether the database was only too busy or away: no connection free, a lock that timed out, a lost connection."""
    if isinstance(error, PoolTimeout):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return False
    state = cause.sqlstate or ""
    return isinstance(cause, psycopg.OperationalError) or state[:2] in ("08", "40", "53", "55", "57")


def _malformed(error: RequestValidationError) -> Response:
    fault = error.errors()[0]
    unreadable = fault["type"] == "json_invalid"  # Its place is a number of characters.
    place = [] if unreadable else [str(part) for part in fault["loc"] if part not in _PARTS]
    message = str(fault["msg"]).removeprefix("Value error, ")
    content = {"code": "invalid", "field": ".".join(place) or "body", "message": f"{message}."}
    return answer(content, 422)


def _zone(request: Request) -> str:
    """The zone that the handler took from the request; UTC if it had not come that far."""
    zone = getattr(request.state, "zone", "UTC")
    try:
        return checked_zone(zone)
    except Invalid:
        return "UTC"
