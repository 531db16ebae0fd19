"""Small CalDAV servers that mean harm: each has one way of answering that costs its reader more than a reply should.

They listen on loopback, in a thread of their own; a kind is a coroutine that gets the request and writes what it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HEAD = '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
TAIL = "</D:multistatus>"
_ROOT = Path(__file__).resolve().parents[2]
LATE = 80.0
"""Seconds; within what a server may take to begin its answer."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    body: bytes


Kind = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass(kw_only=True)
class Hostile:
    """A running server. `asked` holds what it was asked, as (method, path); `open` is how many speak to it now."""

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    open: int = 0
    most: int = 0
    """How many spoke to it at the same time."""

    @property
    def calendar(self) -> str:
        return f"{self.url}c/"


@contextmanager
def hostile(kind: Kind) -> Iterator[Hostile]:
    """A server that answers everything by `kind`."""
    server = Hostile()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ending = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.open += 1
        server.most = max(server.most, server.open)
        try:
            while asked := await _request(reader):
                server.asked.append((asked.method, asked.path))
                await kind(asked, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            pass  # the client or the server is going
        finally:
            server.open -= 1
            writer.close()

    async def serve() -> None:
        listener = await asyncio.start_server(answer, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        ready.set()
        await ending.wait()
        listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)
        loop.close()


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
        length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), ":0")
        body = await reader.readexactly(int(length.partition(":")[2]))
        return Asked(method=method, path=path, body=body)
    return None


def response(href: str, props: str) -> str:
    status = "<D:status>HTTP/1.1 200 OK</D:status>"
    return f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{props}</D:prop>{status}</D:propstat></D:response>"


CALENDAR = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"
STATE = CALENDAR + "<D:sync-token>{token}</D:sync-token>"


def reply(body: str | bytes, *, status: int = 207, headers: str = "") -> bytes:
    """A whole answer."""
    data = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    return head.encode() + data


def honest(asked: Asked) -> str:
    """What an empty calendar at `/c/` answers."""
    if asked.method == "REPORT":
        return HEAD + "<D:sync-token>1</D:sync-token>" + TAIL
    return HEAD + response(asked.path, STATE.format(token=1)) + TAIL


def sends(answer: bytes) -> Kind:
    """A kind that always answers the same."""

    async def kind(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        for begin in range(0, len(answer), 65_536):
            writer.write(answer[begin : begin + 65_536])
            await writer.drain()

    return kind


def streams(begin: bytes, again: bytes, *, pause: float = 0, headers: str = "") -> Kind:
    """A kind whose answer never ends: `begin`, then `again` and again."""

    async def kind(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 207 X\r\nContent-Type: application/xml\r\nConnection: close\r\n{headers}\r\n"
        writer.write(head.encode() + begin)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return kind


async def silent(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await asyncio.sleep(3600)


def late(seconds: float = LATE) -> Kind:
    """Answers rightly, long after."""

    async def kind(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(reply(honest(asked)))

    return kind


async def header_drip(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A header a piece at a time."""
    writer.write(b"HTTP/1.1 207 X\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def breaks_off(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Closes in the middle of the body."""
    answer = reply(honest(asked))
    writer.write(answer[: len(answer) - 40])
    raise ConnectionError


async def circles(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Redirects for ever, to another address each time."""
    number = int(asked.path.strip("/c") or 0) + 1
    writer.write(reply(b"", status=301, headers=f"Location: /c/{number}\r\n"))


async def endless_pages(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Each page of changes says that there is more, and brings nothing."""
    if asked.method == "PROPFIND":
        writer.write(reply(honest(asked)))
        return
    more = "<D:response><D:href>/c/</D:href><D:status>HTTP/1.1 507 X</D:status></D:response>"
    writer.write(reply(HEAD + more + f"<D:sync-token>{len(asked.body)}{id(object())}</D:sync-token>" + TAIL))


def listing(calendars: int, name: str = "Team") -> Kind:
    """An account with so many calendars at its root; a name is `name` and a number."""
    home = "<D:current-user-principal><D:href>/</D:href></D:current-user-principal>"
    home += (
        "<C:calendar-home-set><D:href>/</D:href></C:calendar-home-set><D:resourcetype><D:collection/></D:resourcetype>"
    )
    each = (
        response(f"/{number}/", f"{CALENDAR}<D:displayname>{name} {number:05}</D:displayname>")
        for number in range(calendars)
    )
    everything = reply(HEAD + response("/", home) + "".join(each) + TAIL)
    account = reply(HEAD + response("/", home) + TAIL)

    async def kind(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "REPORT":
            writer.write(reply(honest(asked)))
        elif asked.path != "/":
            writer.write(reply(HEAD + response(asked.path, STATE.format(token=1)) + TAIL))
        else:
            writer.write(everything if b"displayname" in asked.body else account)

    return kind


def packed(document: bytes, *, headers: str = "Content-Encoding: gzip\r\n", status: int = 207) -> bytes:
    return reply(gzip.compress(document, 9), status=status, headers=headers)


def _nodes(count: int) -> bytes:
    return HEAD.encode() + b"<a/>" * count + TAIL.encode()


ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a>&x;</a>'
_ANSWER = HEAD + response("/c/{}", "<D:getetag>1</D:getetag>")

KINDS: dict[str, Callable[[], Kind]] = {
    "drips one byte a second": lambda: streams(b"", b" ", pause=1),
    "drips its header": lambda: header_drip,
    "never ends, one answer after another": lambda: streams(
        HEAD.encode(), response("/c/1", "<D:getetag>1</D:getetag>").encode() * 50
    ),
    "never ends, one text": lambda: streams(b"<a>", b"x" * 16_384),
    "never ends, one tag": lambda: streams(b"<a ", b"x" * 16_384),
    "never ends, one comment": lambda: streams(b"<a><!--", b"x" * 16_384),
    "58 MB of nodes behind gzip": lambda: sends(packed(_nodes(14_500_000))),
    "58 MB of spaces behind gzip": lambda: sends(packed(b" " * 58_000_000)),
    "a bomb in a refusal": lambda: sends(
        packed(_nodes(14_500_000), status=401, headers="Content-Encoding: gzip\r\nWWW-Authenticate: Digest realm=x\r\n")
    ),
    "packed twice": lambda: sends(packed(gzip.compress(b" " * 58_000_000), headers="Content-Encoding: gzip, gzip\r\n")),
    "a million nodes in one answer": lambda: sends(reply((HEAD + response("/c/", "<a/>" * 1_000_000) + TAIL).encode())),
    "a hundred thousand levels": lambda: sends(reply(HEAD.encode() + b"<a>" * 100_000)),
    "one attribute of 20 MB": lambda: sends(reply(b'<a b="' + b"x" * 20_000_000 + b'"/>')),
    "a hundred thousand attributes": lambda: sends(
        reply(b"<a " + b" ".join(b'b%d=""' % number for number in range(100_000)) + b"/>")
    ),
    "entities": lambda: sends(reply(ENTITY)),
    "an href of 1 MB": lambda: sends(reply(HEAD + response("/c/" + "x" * 1_000_000, "") + TAIL)),
    "an href that fits no index": lambda: sends(reply(HEAD + response("/c/" + "x" * 3_000, "") + TAIL)),
    "an etag that fits no index": lambda: sends(
        reply(HEAD + response("/c/", f"<D:getetag>{'x' * 3_000}</D:getetag>") + TAIL)
    ),
    "a flood of headers": lambda: sends(reply(b"", headers="X-Flood: x\r\n" * 200_000)),
    "one header of 5 MB": lambda: sends(reply(b"", headers="X-Flood: " + "x" * 5_000_000 + "\r\n")),
    "says nothing": lambda: silent,
    "answers after 80 s": late,
    "breaks off": lambda: breaks_off,
    "redirects in circles": lambda: circles,
    "a shorter length than the body": lambda: sends(
        reply(HEAD + TAIL).replace(b"Content-Length: ", b"Content-Length: 1\r\nX-Length: ")
    ),
    "a longer length than the body": lambda: streams(b"", b"", pause=3600, headers="Content-Length: 999999\r\n"),
    "not a length": lambda: sends(b"HTTP/1.1 207 X\r\nContent-Length: -1\r\n\r\n"),
    "pages without end": lambda: endless_pages,
}
"""What each server does -> how to make it; the large answers are made when they are wanted."""

TWELVE = (
    "drips one byte a second",
    "drips its header",
    "never ends, one answer after another",
    "58 MB of nodes behind gzip",
    "a bomb in a refusal",
    "a million nodes in one answer",
    "one attribute of 20 MB",
    "a flood of headers",
    "says nothing",
    "answers after 80 s",
    "breaks off",
    "pages without end",
)


@contextmanager
def twelve() -> Iterator[dict[str, str]]:
    """Twelve of them in a process of their own, as they are elsewhere in life: kind -> address."""
    command = [sys.executable, "-m", "tests.simulators.hostile"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)


def main() -> None:
    """Serve until the input ends; the addresses are the first line of the output."""
    os.nice(10)
    with contextlib.ExitStack() as stack:
        addresses = {kind: stack.enter_context(hostile(KINDS[kind]())).url for kind in TWELVE}
        print(json.dumps(addresses), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
