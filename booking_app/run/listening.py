"""The socket that the server listens on."""

from __future__ import annotations

import socket

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def listener(host: str, port: int) -> socket.socket:
    """A socket bound to `port` of `host`, an address or a name; `::` takes IPv4 too. Raises `OSError`."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def reachable(host: str) -> str:
    """How this machine itself reaches what listens on `host`, as it stands in a URL."""
    name = _ANY.get(host, host)
    return f"[{name}]" if ":" in name else name
