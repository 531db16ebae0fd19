"""JSON over HTTP with the token of an account: what the APIs of Google and Microsoft have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.http import Http
from booking_app.sync.providers.json_text import TooMuch, loads
from booking_app.sync.providers.reply import Reply

MAX_PAGES = 2_000
"""A list that is longer has no end."""
MAX_ITEMS = 200_000
"""Entries of a list on all of its pages: events as a provider lists them, in some lists each occurrence."""
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
    """The object a reply holds, empty where it has no body. Raises `Rejected` for one that is too much and `Transient`
    for anything else: `whose` answer it was, and while `doing` what, stands in its sentence."""
    if not reply.body.strip():
        return {}
    try:
        found = await decoded(reply)
    except TooMuch as error:
        raise Rejected(f"{whose}'s answer is bigger than a calendar can be, while {doing}.") from error
    except ValueError as error:
        raise Transient(f"{whose}'s answer cannot be read while {doing}.") from error
    if not isinstance(found, dict):
        raise Transient(f"{whose}'s answer is not what was asked for while {doing}.")
    return found


async def decoded(reply: Reply) -> Any:
    """The JSON of a reply, a long one read off the loop. Raises `ValueError`."""
    if len(reply.body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(loads, reply.body)
    return loads(reply.body)


class Paged:
    """Counts the pages and entries of a list: `whose` it is, and while `doing` what, stands in its sentences."""

    def __init__(self, whose: str, doing: str) -> None:
        self._whose = whose
        self._doing = doing
        self._pages = self._items = 0

    def add(self, found: object) -> None:
        """The entries of the next page, JSON objects all. Raises `Transient` where it is no list or one without an
        end, `Rejected` where it has more than `MAX_ITEMS`."""
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Transient(f"{self._whose}'s answer is not a list while {self._doing}.")
        self._pages += 1
        self._items += len(found)
        if self._pages > MAX_PAGES:
            raise Transient(f"{self._whose}'s list does not end while {self._doing}.")
        if self._items > MAX_ITEMS:
            raise Rejected(
                f"{self._whose}'s list has more than {MAX_ITEMS:,} entries, which is more than can be read, while "
                f"{self._doing}."
            )
