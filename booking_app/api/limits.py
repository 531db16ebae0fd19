"""Whose address a request comes from, for the buckets of `booking_app.limiter`."""

from __future__ import annotations

from starlette.requests import Request

from booking_app.addresses import client_of
from booking_app.limiter import Limiter as Limiter


def client_address(request: Request, trusted_hops: int) -> str:
    """Where a request comes from, as `limiter.client_key` names it."""
    return client_of(request.headers.raw, request.client.host if request.client else "", trusted_hops)
