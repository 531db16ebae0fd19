"""Where a request comes from: the same for HTTP, for websockets, and for whatever counts by client."""

from __future__ import annotations

from collections.abc import Iterable

from booking_app.limiter import client_key

_TRACES = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via"})

Headers = Iterable[tuple[bytes, bytes]]
"""As ASGI hands them over: names in lower case, in the order in which they came."""


def client_of(headers: Headers, peer: str, trusted_hops: int) -> str:
    """The `limiter.client_key` of whoever sent a request that came to us from the address `peer`.

    Of X-Forwarded-For only the entry that the outermost of `trusted_hops` proxies of ours wrote is believed; whatever
    stands before it, the client wrote. Several lines are one list, in their order (RFC 9110, section 5.3), and empty
    entries count for nothing (section 5.6.1.2). With fewer entries than proxies, the request did not come through all
    of them: then it is `peer`. `Forwarded` (RFC 7239) is not read: a proxy that writes one of the two hands the other
    on as the client sent it."""
    if trusted_hops:
        lines = (value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for")
        entries = [entry for line in lines for part in line.split(",") if (entry := part.strip())]
        if len(entries) >= trusted_hops:
            return client_key(_without_port(entries[-trusted_hops]))
    return client_key(peer)


def came_through_a_proxy(headers: Headers) -> bool:
    """Whether any proxy says that it handed the request on, ours or not."""
    return any(name in _TRACES for name, _ in headers)


def _without_port(entry: str) -> str:
    """`192.0.2.1:443`, `[2001:db8::1]:443` and `"[2001:db8::1]"` are what some proxies write for an address."""
    entry = entry.strip('"')
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
