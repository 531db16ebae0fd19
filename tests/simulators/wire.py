"""Whole requests and answers over ASGI, and the one thing ASGI cannot say: hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def body(receive: Receive) -> bytes:
    """The whole body of the request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


async def ask(app: ASGIApp, scope: Scope, content: bytes) -> tuple[int, dict[str, str], bytes]:
    """The whole answer of `app`."""
    head: Message = {"type": "http.response.start", "status": 500, "headers": []}
    parts: list[bytes] = []
    pending: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    pairs = cast("list[tuple[bytes, bytes]]", head["headers"])
    return head["status"], {name.decode().title(): value.decode("latin-1") for name, value in pairs}, b"".join(parts)


async def respond(
    send: Send, status: int, headers: Mapping[str, str], content: bytes, *, cut: float | None = None
) -> None:
    """Send the answer; `cut` announces all of `content` and sends that share."""
    named = {**headers} if status in (204, 304) else {**headers, "Content-Length": str(len(content))}
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    part = content if cut is None else content[: int(len(content) * cut)]
    await send({"type": "http.response.body", "body": part, "more_body": cut is not None})


async def hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without another word, through uvicorn's transport."""
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise RuntimeError("a connection is dropped only under uvicorn")
    await asyncio.sleep(0.02)  # what was written leaves first
    cycle.transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
