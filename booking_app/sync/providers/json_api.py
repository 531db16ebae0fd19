"""JSON over HTTP with the token of an account: what the APIs of Google and Microsoft have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from booking_app.sync.errors import Transient
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.http import Http
from booking_app.sync.providers.reply import Reply

MAX_PAGES = 2_000
"""A list that is longer has no end."""
_OFF_LOOP_BYTES = 65_536

Item = Mapping[str, Any]
"""A JSON object as the provider sent it."""


class JsonApi:
    """Sends requests for one account. `before` is called ahead of each attempt: it raises `Transient` if the provider
    has to be left alone, and gives the headers of this attempt."""

    def __init__(self, tokens: TokenSource, http: Http, before: Callable[[], dict[str, str]]) -> None:
        self._tokens = tokens
        self._http = http
        self._before = before

    async def send(
        self, method: str, address: str, *, headers: Mapping[str, str], body: Item | None, etag: str | None
    ) -> Reply:
        """The reply, with another token if the first was refused. `etag` makes the request conditional."""
        asked = {"Accept": "application/json", **headers}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            asked["Content-Type"] = "application/json"
        if etag is not None:
            asked["If-Match"] = etag
        reply = await self._once(method, address, content, asked)
        return await self._once(method, address, content, asked) if reply.status == 401 else reply

    async def _once(self, method: str, address: str, content: bytes | None, headers: dict[str, str]) -> Reply:
        of_attempt = self._before()
        token = await self._tokens.token()
        asked = {**headers, **of_attempt, "Authorization": f"Bearer {token}"}
        reply = await self._http.send(method, address, content=content, headers=asked)
        if reply.status == 401:
            await self._tokens.refused(token)
        return reply

    async def close(self) -> None:
        """Release network resources."""
        await self._http.close()


def segment(identifier: str) -> str:
    """An id as one part of a path: it may hold what means something there, such as `@`, `#` and `/`."""
    return quote(identifier, safe="")


async def object_of(reply: Reply, whose: str, doing: str) -> Item:
    """The object a reply holds, empty where it has no body. Raises `Transient` for anything else: `whose` answer it
    was, and while `doing` what, stands in its sentence."""
    if not reply.body.strip():
        return {}
    try:
        found = await decoded(reply)
    except ValueError as error:
        raise Transient(f"{whose}'s answer cannot be read while {doing}.") from error
    if not isinstance(found, dict):
        raise Transient(f"{whose}'s answer is not what was asked for while {doing}.")
    return found


async def decoded(reply: Reply) -> Any:
    """The JSON of a reply, a long one read off the loop. Raises `ValueError`."""
    if len(reply.body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(json.loads, reply.body)
    return json.loads(reply.body)


def are_objects(found: object) -> bool:
    """Whether this is a list of JSON objects."""
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)
