"""The one module that speaks HTTP: time and size limits, guarded addresses, no redirects, status -> error.

Nothing here sleeps or repeats writes: repeating work is the outbox's business. Only an idempotent read is sent a second
time, at once, when a kept-alive connection turned out to be dead.
"""

from __future__ import annotations

import asyncio
import email.utils
import socket
import ssl
import time
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urljoin

import httpcore
import httpx

from booking_app import metrics
from booking_app.domain.clock import utc_now
from booking_app.sync.errors import AccessLost, EditConflict, Gone, ProviderError, Rejected, Transient
from booking_app.sync.providers.addresses import AddressPolicy, AddressRefused, may_have_credentials
from booking_app.sync.providers.budget import Meter

MAX_REPLY_BYTES = 64_000_000
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_TIMEOUT = httpx.Timeout(90, connect=10, pool=30)
"""For each step: connecting, and every piece that is sent or received. A small server that lists a calendar of ten
thousand events for the first time is silent for more than half a minute before it begins to answer."""
_DEADLINE = 240.0
"""Seconds for a whole exchange, however many pieces the answer comes in."""
_LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=30)
_SHARED = httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=30)
_AGENT = "booking-app/1 (calendar sync)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A complete answer. `url` is the address that was asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @property
    def media_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """Where a redirect leads, absolute, or None."""
        target = self.header("location")
        return urljoin(self.url, target) if target and self.status in (301, 302, 303, 307, 308) else None


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks every address it has, and connects to one of exactly those."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: typing.Iterable[typing.Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name of the server cannot be resolved") from error
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name of the server was not resolved in time") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._policy.check_ip(address)
        problem: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem


class _GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, policy: AddressPolicy, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=context, http1=True, http2=False, limits=limits, trust_env=False)
        # httpx has no public way to hand its pool a network backend; a test asserts that the guard is in place.
        self._pool._network_backend = _GuardedBackend(policy)


class Pool:
    """Connections that are kept for all who ask the same provider, each with an authorization of its own: a thousand
    accounts that are read once a minute would each open a new one, were they not shared. Nothing of an account stays
    in it: no cookies, no credentials. What it sends counts as requests to `provider`, and in its `meter`."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        provider: str = "",
        context: ssl.SSLContext | None = None,
        limits: httpx.Limits = _SHARED,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self.policy = policy
        self.provider = provider
        self.meter = Meter()
        self.client = httpx.AsyncClient(
            transport=_GuardedTransport(policy, context or ssl.create_default_context(), limits),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": _AGENT},
        )

    async def close(self) -> None:
        await self.client.aclose()


class Http:
    """Requests on behalf of one account, through connections of its own or those of a `pool`. `base` is the address
    that the credentials were given for: they go to no other party. Without `username` nothing is added to a request:
    who speaks OAuth sends the header. What has no pool counts as requests to `provider`, unless that is empty. Every
    method raises only `ProviderError`s."""

    def __init__(
        self,
        base: str,
        *,
        policy: AddressPolicy,
        username: str = "",
        secret: str = "",
        provider: str = "",
        context: ssl.SSLContext | None = None,
        pool: Pool | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        deadline: float = _DEADLINE,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        policy.check_url(base)
        self.base = base
        self._policy = policy
        self._max_reply_bytes = max_reply_bytes
        self._deadline = deadline
        self._digest = httpx.DigestAuth(username.encode(), secret.encode())
        self._auth: httpx.Auth | None = httpx.BasicAuth(username.encode(), secret.encode()) if username else None
        used = pool or Pool(policy, provider=provider, context=context, limits=_LIMITS, timeout=timeout)
        self._own = None if pool else used
        self._used = used

    def trusts(self, url: str) -> bool:
        """Whether `url` may be asked with the account's credentials."""
        return may_have_credentials(self.base, url)

    async def send(
        self, method: str, url: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One exchange; any status is a reply. Raises `Transient` when there is no complete answer, and
        `AddressRefused` for an address that is not allowed."""
        self._policy.check_url(url)
        if not self.trusts(url):
            host = httpx.URL(url).host
            raise AddressRefused(f"The calendar server refers to {host}. If you trust it, enter that address instead.")
        for attempt in (1, 2):
            try:
                reply = await self._exchange(method, url, content, headers or {})
                if reply.status == 401 and self._auth not in (None, self._digest) and _wants_digest(reply):
                    self._auth = self._digest
                    reply = await self._exchange(method, url, content, headers or {})
                return reply
            except (httpx.TimeoutException, TimeoutError) as error:
                raise Transient("The calendar server did not answer in time.") from error
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise Transient("The calendar server's certificate is not valid.") from error
                if attempt == 2 or method not in _IDEMPOTENT:
                    raise Transient("The calendar server cannot be reached or broke off.") from error
            except httpx.InvalidURL as error:
                raise Rejected("The calendar address cannot be read.") from error
            except httpx.HTTPError as error:
                raise Transient("The calendar server's answer cannot be read.") from error
        raise AssertionError("unreachable")

    async def _exchange(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Reply:
        status = 0
        try:
            reply = await self._complete(method, url, content, headers)
            status = reply.status
        finally:
            if self._used.provider:
                self._used.meter.count(time.monotonic())
                metrics.requests.labels(provider=self._used.provider, outcome=_outcome(status)).inc()
        return reply

    async def _complete(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Reply:
        client = self._used.client
        request = client.build_request(method, url, content=content, headers=dict(headers))
        async with asyncio.timeout(self._deadline):
            response = await client.send(request, auth=self._auth, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._max_reply_bytes:
                        raise Rejected("The calendar server's answer is bigger than a calendar can be.")
            finally:
                await response.aclose()
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=lowered, body=bytes(body), url=url)

    async def close(self) -> None:
        """Connections of a pool stay open."""
        if self._own is not None:
            await self._own.close()


def _outcome(status: int) -> str:
    """As in `metrics.requests`; 0: there was no complete answer."""
    if status < 400:
        return "answered" if status else "silent"
    if status == 429:
        return "limited"
    return "refused" if status < 500 else "disturbed"


def _wants_digest(reply: Reply) -> bool:
    offered = (reply.header("www-authenticate") or "").lower()
    return "digest" in offered and "basic" not in offered


def retry_after(reply: Reply) -> float | None:
    """Seconds to wait as the server asks (RFC 9110 section 10.2.3), at most a day; None if it does not say."""
    text = (reply.header("retry-after") or "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(min(int(text), 86_400)) if len(text) < 9 else 86_400.0
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - utc_now()).total_seconds()), 86_400.0)


def failure(reply: Reply, doing: str) -> ProviderError:
    """The error that an unsuccessful reply means. `doing` completes "... while <doing>"."""
    status = reply.status
    if status in (401, 403):
        return AccessLost(f"The calendar server refused access (status {status}) while {doing}.")
    if status in (404, 410):
        return Gone(f"The calendar server says it does not exist (status {status}) while {doing}.")
    if status == 412:
        return EditConflict(f"Somebody else changed the event while {doing}.")
    if status in (408, 423, 425, 429) or (status >= 500 and status not in (501, 505, 507)):
        return Transient(
            f"The calendar server is unable to answer (status {status}) while {doing}.", retry_after(reply)
        )
    if reply.location is not None:
        return Rejected(f"The calendar server has moved the address (status {status}) while {doing}.")
    if status in (405, 501):
        return Rejected("The server takes no calendar requests at this address.")
    if status < 400:
        return Transient(f"The calendar server gave an unexpected answer (status {status}) while {doing}.")
    return Rejected(f"The calendar server refused the request (status {status}) while {doing}.")
