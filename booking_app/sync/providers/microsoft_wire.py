"""Requests to Microsoft Graph for one mailbox: complete answers or an error.

Graph v1.0, "Microsoft Graph error responses" and "Microsoft Graph throttling guidance".

What an error means is decided by its code where there is one, the outermost that says something:

    syncStateNotFound, syncStateInvalid, resyncRequired, 410   CursorExpired
    ErrorIrresolvableConflict, resourceModified, 412           EditConflict
    ErrorItemNotFound and its like, with 404                   Gone
    401 twice, 403, with a code                                AccessLost
    408, 429, 5xx, 404 without such a code                     Transient
    401, 403 without any                                       Transient: somebody on the way said so
    ErrorDuplicateTransactionId, any other 409                 Taken
    anything else                                              Rejected
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlencode, urlsplit

from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    EditConflict,
    Gone,
    ProviderError,
    Rejected,
    Transient,
)
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.http import Http, Pool
from booking_app.sync.providers.json_api import Item, JsonApi, Paged, decoded, object_of
from booking_app.sync.providers.reply import Reply, retry_after
from booking_app.sync.vendors import Vendor

AT_ONCE = 4
"""Requests that a mailbox takes at the same time ("Throttling limits", Outlook service)."""
_CLOSED_AT_MOST = 600.0
"""Seconds: the length of the time in which Outlook counts requests."""
_PREFER = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text"'
_STALE = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired", "fullsyncrequired"})
_CHANGED = frozenset({"errorirresolvableconflict", "resourcemodified", "entitytagdoesnotmatch"})
_MISSING = frozenset(
    {
        *("erroritemnotfound", "errorfoldernotfound", "itemnotfound", "notfound", "resourcenotfound"),
        *("requestresourcenotfound", "extensionerror"),
    }
)
"""Graph's own word that something does not exist; the last one is that of subscriptions. A 404 of a proxy, or of a
service that has lost its bearings, confirms nothing."""
_TAKEN = frozenset({"errorduplicatetransactionid"})
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi"})
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]")
_PASSING = frozenset({408, 423, 425, 429, 500, 502, 503, 504, 509})


class Taken(Rejected):
    """There is one already: an event of this transaction, or a subscription like this."""


class Graph:
    """`path` arguments are relative to the API; their parts come from `segment`. Redirects are not followed, and links
    in answers only where they lead to the API itself."""

    def __init__(self, tokens: TokenSource, *, vendor: Vendor, policy: AddressPolicy, pool: Pool | None = None) -> None:
        self._root = vendor.api
        self._api = JsonApi(tokens, Http(vendor.api, policy=policy, pool=pool), self._before)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._closed_until = 0.0

    async def get(self, path: str, doing: str, **query: str) -> Item:
        """One object."""
        return await self.send("GET", path, doing, query=query)

    async def pages(self, path: str, doing: str, *, prefer: str = "", **query: str) -> AsyncIterator[Item]:
        """Each page of a list, to its end; `path` may be a link of an earlier answer. Raises `Transient` for a list
        without an end, `Rejected` for one that is too long."""
        address = self.own_link(path) if "://" in path else self._address(path, query)
        paged = Paged("Microsoft", doing)
        while True:
            page = await self._ask("GET", address, doing, prefer=prefer)
            paged.add(page.get("value"))
            yield page
            following = page.get("@odata.nextLink")
            if following is None:
                return
            address = self.own_link(following)

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
        return await self._ask(method, self._address(path, query or {}), doing, body=body, etag=etag)

    def own_link(self, link: object) -> str:
        """A link that an answer holds, if it leads to the API. Raises `Transient`."""
        if not self.leads_home(link):
            raise Transient("Microsoft's answer leads to an address that is not its own.")
        return str(link)

    def leads_home(self, link: object) -> bool:
        """Whether a link leads to the API that this account was linked at."""
        ours, theirs = urlsplit(self._root), urlsplit(link if isinstance(link, str) else "")
        return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc) and theirs.path.startswith(ours.path)

    async def close(self) -> None:
        """Release network resources."""
        await self._api.close()

    def _address(self, path: str, query: Mapping[str, str]) -> str:
        # Blanks as %20: a plus sign is a plus sign in a filter.
        return f"{self._root}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")

    async def _ask(
        self,
        method: str,
        address: str,
        doing: str,
        *,
        body: Item | None = None,
        etag: str | None = None,
        prefer: str = "",
    ) -> Item:
        headers = {"Prefer": f"{_PREFER}, {prefer}" if prefer else _PREFER}
        async with self._turn:
            reply = await self._api.send(method, address, headers=headers, body=body, etag=etag)
        if 200 <= reply.status < 300:
            return await object_of(reply, "Microsoft", doing)
        wait = retry_after(reply)
        if wait is not None:
            self._closed_until = max(self._closed_until, time.monotonic() + min(wait, _CLOSED_AT_MOST))
        raise failure(reply.status, await _error(reply), doing, wait)

    def _before(self) -> dict[str, str]:
        left = self._closed_until - time.monotonic()
        if left > 0:  # Refused requests count, too: asking earlier makes it longer.
            raise Transient("Microsoft asked to be left alone for a while.", left)
        return {"client-request-id": str(uuid.uuid4())}


def failure(status: int, codes: tuple[str, ...], doing: str, wait: float | None = None) -> ProviderError:
    """What an unsuccessful reply means. `codes` are Graph's, lower case, outermost first; `wait` is Retry-After."""
    named = frozenset(codes)
    if named & _STALE or status == 410:  # which Graph answers to links only, with or without a code
        return CursorExpired(f"Microsoft no longer knows what changed since the last read (while {doing}).")
    if status in _PASSING:
        return Transient(f"Microsoft is unable to answer (status {status}) while {doing}.", wait)
    if named & _NO_MAILBOX:
        return Rejected("This account has no mailbox at Microsoft, so it has no calendar.")
    if status == 412 or named & _CHANGED:
        return EditConflict(f"Somebody else changed the event while {doing}.")
    if status == 404 and named & _MISSING:
        return Gone(f"Microsoft says it does not exist (status {status}) while {doing}.")
    if status == 404:
        return Transient(f"Microsoft found nothing, but does not say that it does not exist, while {doing}.", wait)
    if status in (401, 403) and not codes:
        doing = f"(status {status}) while {doing}"
        return Transient(f"Something on the way to Microsoft does not let us through {doing}.", wait)
    if status in (401, 403):
        return AccessLost(f"Microsoft refused access (status {status}) while {doing}.")
    if status < 400:
        return Transient(f"Microsoft gave an unexpected answer (status {status}) while {doing}.")
    refused = Taken if status == 409 or named & _TAKEN else Rejected
    told = "".join(f", {code}" for code in codes)
    return refused(f"Microsoft refused the request (status {status}{told}) while {doing}.")


async def _error(reply: Reply) -> tuple[str, ...]:
    """The codes of an error body, from the outermost to the innermost, letters and digits only; other bodies have
    none."""
    try:
        level = await decoded(reply)
    except ValueError:
        return ()
    codes: list[str] = []
    level = level.get("error") if isinstance(level, dict) else None
    while isinstance(level, dict) and len(codes) < 10:
        code = level.get("code")
        if isinstance(code, str) and (plain := _NOT_A_WORD.sub("", code).lower()[:60]):
            codes.append(plain)
        level = level.get("innerError") or level.get("innererror")
    return tuple(codes)
