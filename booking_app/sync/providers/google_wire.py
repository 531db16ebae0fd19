"""Requests to the Google Calendar API for one account: complete answers or an error.

What an error means is decided by its reason, not by its status alone ("Handle API errors"):

    fullSyncRequired, updatedMinTooLongAgo               CursorExpired
    conditionNotMet, 412                                 EditConflict
    notFound, deleted                                    Gone
    rateLimitExceeded, userRateLimitExceeded, 429, 5xx   Transient; quotaExceeded for an hour
    accessNotConfigured                                  ProviderRefused
    401 twice, 403, with a reason                        AccessLost
    401, 403, 404, 410 without one                       Transient: somebody on the way said so, not the calendar
    anything else                                        Rejected
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

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
from booking_app.sync.providers.http import Http, Pool
from booking_app.sync.providers.json_api import Item, JsonApi, Paged, decoded, object_of
from booking_app.sync.providers.reply import Reply, retry_after
from booking_app.sync.vendors import Vendor

_SLOWER = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
_LATER = 3_600.0
"""Seconds to leave an account alone whose usage Google calls abuse (`quotaExceeded`)."""
_RESTS_AT_MOST = 60.0
"""Seconds for which all requests of an account wait because one was told to."""
_STALE = frozenset({"fullSyncRequired", "updatedMinTooLongAgo"})
_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_MISSING = frozenset({"notFound", "deleted", "NOT_FOUND"})


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
        self._address = vendor.api
        self._budget = budget
        self._api = JsonApi(tokens, Http(vendor.api, policy=policy, pool=pool), self._before)

    async def get(self, path: str, doing: str, **query: str) -> Item:
        """One object."""
        return await self.send("GET", path, doing, query=query)

    async def pages(self, path: str, doing: str, **query: str) -> AsyncIterator[Item]:
        """Each page of a list, to its end: one with few items, or none, is not the last. Raises `Transient` for a list
        without an end, `Rejected` for one that is too long."""
        asked, paged = dict(query), Paged("Google", doing)
        while True:
            page = await self.get(path, doing, **asked)
            paged.add(page.get("items", []))
            yield page
            following = page.get("nextPageToken")
            if not isinstance(following, str) or not following:
                return
            # All other parameters stay the same, or the pages are of different lists.
            asked = {**query, "pageToken": following}

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
        address = f"{self._address}{path}?{urlencode({**(query or {}), 'prettyPrint': 'false'})}"
        reply = await self._api.send(method, address, headers={}, body=body, etag=etag)
        if 200 <= reply.status < 300:
            return await object_of(reply, "Google", doing)
        wait = retry_after(reply)
        if wait is not None:
            self._budget.user.rest(time.monotonic() + min(wait, _RESTS_AT_MOST))
        raise failure(reply.status, await _reason(reply), doing, wait)

    async def close(self) -> None:
        """Release network resources."""
        await self._api.close()

    def _before(self) -> dict[str, str]:
        wait = self._budget.take(time.monotonic())
        if wait:
            raise Transient("Google is asked a little later, so that its limits are kept.", wait)
        return {}


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
    if status in (404, 410) and reason in _MISSING:
        return Gone(f"Google says it does not exist (status {status}) while {doing}.")
    if status in (404, 410) or (status in (401, 403) and not reason):
        doing = f"(status {status}) while {doing}"
        return Transient(f"Something on the way to Google does not let us through {doing}.", wait)
    if status in (401, 403):
        return AccessLost(f"Google refused access (status {status}) while {doing}.")
    if status < 400:
        return Transient(f"Google gave an unexpected answer (status {status}) while {doing}.")
    told = f", {reason}" if reason else ""
    return Rejected(f"Google refused the request (status {status}{told}) while {doing}.")


async def _reason(reply: Reply) -> str:
    """The reason in an error body, else its status in words (`NOT_FOUND`); empty where it has neither."""
    try:
        error = (await decoded(reply))["error"]
        reason = error["errors"][0]["reason"] if error.get("errors") else error["status"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ""
    return reason[:60] if isinstance(reason, str) and reason.isascii() and reason.isidentifier() else ""
