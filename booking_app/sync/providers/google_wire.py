"""Requests to the Google Calendar API for one account: complete answers or an error.

What an error means is decided by its reason, not by its status alone ("Handle API errors"):

    fullSyncRequired, updatedMinTooLongAgo               CursorExpired
    conditionNotMet, 412                                 EditConflict
    notFound, deleted, 404, 410                          Gone
    rateLimitExceeded, userRateLimitExceeded, 429, 5xx   Transient; quotaExceeded for an hour
    accessNotConfigured                                  ProviderRefused
    401 twice, 403                                       AccessLost
    anything else                                        Rejected
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    EditConflict,
    Gone,
    ProviderError,
    ProviderRefused,
    Rejected,
    Transient,
)
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget
from booking_app.sync.providers.http import Http, Pool, Reply, retry_after
from booking_app.sync.vendors import Vendor

_MAX_PAGES = 2_000
_OFF_LOOP_BYTES = 65_536
_SLOWER = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
_LATER = 3_600.0
"""Seconds to leave an account alone whose usage Google calls abuse (`quotaExceeded`)."""
_STALE = frozenset({"fullSyncRequired", "updatedMinTooLongAgo"})
_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})

Item = Mapping[str, Any]
"""A JSON object as Google sent it."""


class Wire:
    """`path` arguments are relative to the API; their parts come from `segment`."""

    def __init__(
        self,
        tokens: TokenSource,
        *,
        vendor: Vendor,
        policy: AddressPolicy,
        budget: Budget,
        pool: Pool | None = None,
    ) -> None:
        self._tokens = tokens
        self._api = vendor.api
        self._budget = budget
        self._http = Http(vendor.api, policy=policy, pool=pool)

    async def get(self, path: str, doing: str, **query: str) -> Item:
        """One object."""
        return await self.send("GET", path, doing, query=query)

    async def pages(self, path: str, doing: str, **query: str) -> AsyncIterator[Item]:
        """Each page of a list, to its end: one with few items, or none, is not the last. Raises `Transient` for a list
        without an end."""
        asked = dict(query)
        for _ in range(_MAX_PAGES):
            page = await self.get(path, doing, **asked)
            items = page.get("items", [])
            if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
                raise Transient(f"Google's answer is not a list while {doing}.")
            yield page
            following = page.get("nextPageToken")
            if not isinstance(following, str) or not following:
                return
            # All other parameters stay the same, or the pages are of different lists.
            asked = {**query, "pageToken": following}
        raise Transient(f"Google's list does not end while {doing}.")

    async def send(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Item | None = None,
        etag: str | None = None,
    ) -> Item:
        """One exchange; the answer's object, empty where there is none. `etag` makes it conditional."""
        address = f"{self._api}{path}?{urlencode({**(query or {}), 'prettyPrint': 'false'})}"
        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if etag is not None:
            headers["If-Match"] = etag
        reply = await self._authorized(method, address, content, headers)
        if 200 <= reply.status < 300:
            return await _object(reply, doing)
        raise failure(reply.status, await _reason(reply), doing, retry_after(reply))

    async def close(self) -> None:
        """Release network resources."""
        await self._http.close()

    async def _authorized(self, method: str, address: str, content: bytes | None, headers: dict[str, str]) -> Reply:
        """The reply, with another token if the first was refused."""
        for attempt in (1, 2):
            wait = self._budget.take(time.monotonic())
            if wait:
                raise Transient("Google is asked a little later, so that its limits are kept.", wait)
            token = await self._tokens.token()
            asked = {**headers, "Authorization": f"Bearer {token}"}
            reply = await self._http.send(method, address, content=content, headers=asked)
            if reply.status != 401:
                break
            await self._tokens.refused(token)
            if attempt == 2:
                break
        return reply


def segment(identifier: str) -> str:
    """An id as one part of a path: calendar ids hold `@` and `#`."""
    return quote(identifier, safe="")


def failure(status: int, reason: str, doing: str, wait: float | None = None) -> ProviderError:
    """What an unsuccessful reply means. `reason` is Google's, `wait` is Retry-After."""
    if reason in _STALE:
        return CursorExpired(f"Google no longer knows what changed since the last read (while {doing}).")
    if reason in _OFF:
        return ProviderRefused("The Calendar API is switched off in this installation's project at Google.")
    if status == 429 or (status == 403 and reason in _SLOWER):
        later = max(wait or 0, _LATER) if reason == "quotaExceeded" else wait
        return Transient(f"Google asks for fewer requests (status {status}) while {doing}.", later)
    if status in (408, 425) or status >= 500:
        return Transient(f"Google is unable to answer (status {status}) while {doing}.", wait)
    if status == 412:
        return EditConflict(f"Somebody else changed the event while {doing}.")
    if status in (404, 410):
        return Gone(f"Google says it does not exist (status {status}) while {doing}.")
    if status in (401, 403):
        return AccessLost(f"Google refused access (status {status}) while {doing}.")
    if status < 400:
        return Transient(f"Google gave an unexpected answer (status {status}) while {doing}.")
    told = f", {reason}" if reason else ""
    return Rejected(f"Google refused the request (status {status}{told}) while {doing}.")


async def _object(reply: Reply, doing: str) -> Item:
    if not reply.body.strip():
        return {}
    try:
        found = await _decoded(reply.body)
    except ValueError as error:
        raise Transient(f"Google's answer cannot be read while {doing}.") from error
    if not isinstance(found, dict):
        raise Transient(f"Google's answer is not what was asked for while {doing}.")
    return found


async def _reason(reply: Reply) -> str:
    """The reason in an error body; empty where it has none."""
    try:
        error = (await _decoded(reply.body))["error"]
        reason = error["errors"][0]["reason"]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
    return reason[:60] if isinstance(reason, str) and reason.isascii() and reason.isidentifier() else ""


async def _decoded(body: bytes) -> Any:
    if len(body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(json.loads, body)
    return json.loads(body)
