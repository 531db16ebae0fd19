"""Whose address a request comes from, for the buckets of `booking_app.limiter`."""

from __future__ import annotations

from starlette.requests import Request

from booking_app.limiter import Limiter as Limiter
from booking_app.limiter import client_key


def client_address(request: Request, trusted_hops: int) -> str:
    """Where a request comes from, as `client_key` of the address.

    Of X-Forwarded-For only the entry that the outermost of `trusted_hops` proxies
    of ours wrote is believed; whatever stands before it, the client wrote."""
    if trusted_hops:
        entries = [entry.strip() for entry in request.headers.get("x-forwarded-for", "").split(",") if entry.strip()]
        if len(entries) >= trusted_hops:
            return client_key(entries[-trusted_hops])
    return client_key(request.client.host) if request.client else ""
