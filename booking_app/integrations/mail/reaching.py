"""Reaching a mail server step by step, so that what fails has a name."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from booking_app.certificates import certificate_fault, tls_error
from booking_app.integrations.mail.faults import Fault, Server, ServerUnusable

PROBE = 8.0
"""Seconds for a second look at a port that did not do what was expected of it. Some servers greet late on purpose."""


async def dial(server: Server, patience: float) -> socket.socket:
    """A connection to the first of the server's addresses that takes one within `patience` seconds. Raises
    `ServerUnusable`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError, TimeoutError) as error:
        raise ServerUnusable(Fault.HOST_UNKNOWN, server) from error
    failures = []
    for family, kind, protocol, _, address in found:
        try:
            return await _connected(socket.socket(family, kind, protocol), address, patience)
        except OSError as error:
            failures.append(error)
    raise _undialled(failures, server) from failures[0]


async def misgreeted(error: Exception, server: Server) -> ServerUnusable:
    """What is wrong with a port that takes connections, but on which `error` came before any greeting."""
    refused = tls_fault(error, server)
    if refused and refused.cause is not Fault.TLS_FAILED:
        return refused
    if server.tls and await _greets(server):
        return ServerUnusable(Fault.PLAIN_PORT, server)
    if not server.tls and await _speaks_tls(server):
        return ServerUnusable(Fault.TLS_PORT, server)
    return refused or ServerUnusable(Fault.NO_GREETING, server)


def tls_fault(error: Exception, server: Server) -> ServerUnusable | None:
    """What is wrong with the server's TLS, if `error` comes from that."""
    cause = tls_error(error)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError) and (fault := certificate_fault(cause)):
        return ServerUnusable(fault, server, detail=cause.verify_message)
    return ServerUnusable(Fault.TLS_FAILED, server, detail=(cause.reason or "broken off").lower().replace("_", " "))


async def _connected(sock: socket.socket, address: Any, patience: float) -> socket.socket:
    try:
        sock.setblocking(False)
        async with asyncio.timeout(patience):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _undialled(failures: list[OSError], server: Server) -> ServerUnusable:
    """Of several addresses, the one counts that says most: often one is IPv6 on a machine that has none."""
    if any(isinstance(each, ConnectionRefusedError) for each in failures):
        return ServerUnusable(Fault.CONNECTION_REFUSED, server)
    if any(isinstance(each, TimeoutError) for each in failures):
        return ServerUnusable(Fault.NO_ANSWER, server)
    return ServerUnusable(Fault.UNREACHABLE, server, detail=failures[0].strerror)


async def _greets(server: Server) -> bool:
    """Whether it speaks first, in plain text, as RFC 5321, section 3.1, has it."""
    try:
        async with asyncio.timeout(PROBE):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            try:
                return await reader.readexactly(3) == b"220"
            finally:
                writer.close()
    except (OSError, EOFError):
        return False


async def _speaks_tls(server: Server) -> bool:
    # Nothing is sent or believed, so whose certificate it is does not matter.
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE):
            _, writer = await asyncio.open_connection(server.host, server.port, ssl=anybody)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
