"""The one module that speaks HTTP: time and size limits, guarded addresses, no redirects.

Nothing here sleeps or repeats writes: repeating work is the outbox's business. Only an idempotent read is sent a second
time, at once, when a kept-alive connection turned out to be dead.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from booking_app import metrics
from booking_app.certificates import certificate_fault, certificate_words, tls_error
from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.providers.addresses import AddressPolicy, AddressRefused, may_have_credentials
from booking_app.sync.providers.body import BOUNDS, CODINGS, Bounds, Turns, unpacked
from booking_app.sync.providers.budget import Meter
from booking_app.sync.providers.guard import GuardedBackend
from booking_app.sync.providers.reply import Reading, Reply
from booking_app.sync.providers.wrong_port import wrong_port

_ERROR_BYTES = 65_536
"""What is read of a reply that is no success: its status says nearly all."""
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_TIMEOUT = httpx.Timeout(90, connect=10, pool=30)
"""For each step: connecting, and every piece that is sent or received. A small server that lists a calendar of ten
thousand events for the first time is silent for more than half a minute before it begins to answer."""
_BEGIN = 90.0
"""Seconds until the answer begins: its header may come in pieces, too."""
_DEADLINE = 240.0
"""Seconds for a whole exchange, however many pieces the answer comes in."""
_LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=30)
_SHARED = httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=30)
_AGENT = "booking-app/1 (calendar sync)"


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, coding: str, bounds: Bounds, turns: Turns) -> None:
        self._inner = inner
        self._pieces = unpacked(inner, coding, bounds, turns)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        await self._pieces.aclose()
        await self._inner.aclose()


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """Whoever reads what it answers, the library's own steps of signing in included, gets no more than is allowed."""

    def __init__(self, policy: AddressPolicy, context: ssl.SSLContext, limits: httpx.Limits, turns: Turns) -> None:
        super().__init__(verify=context, http1=True, http2=False, limits=limits, trust_env=False)
        # httpx has no public way to hand its pool a network backend; a test asserts that the guard is in place.
        self._pool._network_backend = GuardedBackend(policy)
        self._turns = turns

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        bounds = request.extensions.get(BOUNDS, Bounds())
        response.stream = _Bounded(response.stream, response.headers.pop("content-encoding", ""), bounds, self._turns)
        return response


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
        turns: Turns | None = None,
    ) -> None:
        self.policy = policy
        self.provider = provider
        self.meter = Meter()
        self.client = httpx.AsyncClient(
            transport=_GuardedTransport(policy, context or ssl.create_default_context(), limits, turns or Turns()),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": _AGENT, "Accept-Encoding": CODINGS},
        )

    async def close(self) -> None:
        await self.client.aclose()


class Http:
    """Requests on behalf of one account, through connections of its own or those of a `pool`. `base` is the address
    that the credentials were given for: they go to no other party. Without `username` nothing is added to a request:
    who speaks OAuth sends the header. What has no pool counts as requests to `provider`, unless that is empty, and has
    its `turns` among others. Every method raises only `ProviderError`s."""

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
        bounds: Bounds | None = None,
        deadline: float = _DEADLINE,
        timeout: httpx.Timeout = _TIMEOUT,
        turns: Turns | None = None,
    ) -> None:
        policy.check_url(base)
        self.base = base
        self._policy = policy
        self._bounds = bounds or Bounds()
        self._deadline = deadline
        self._digest = httpx.DigestAuth(username.encode(), secret.encode())
        self._auth: httpx.Auth | None = httpx.BasicAuth(username.encode(), secret.encode()) if username else None
        used = pool or Pool(policy, provider=provider, context=context, limits=_LIMITS, timeout=timeout, turns=turns)
        self._own = None if pool else used
        self._used = used

    def trusts(self, url: str) -> bool:
        """Whether `url` may be asked with the account's credentials."""
        return may_have_credentials(self.base, url)

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        into: Callable[[], Reading] | None = None,
    ) -> Reply:
        """One exchange; any status is a reply. A multistatus (207) goes into what `into` makes for it. Raises
        `Transient` when there is no complete answer, `Rejected` for one that is too much, and `AddressRefused` for an
        address that is not allowed."""
        self._policy.check_url(url)
        if not self.trusts(url):
            host = httpx.URL(url).host
            raise AddressRefused(f"The calendar server refers to {host}. If you trust it, enter that address instead.")
        for attempt in (1, 2):
            try:
                reply = await self._exchange(method, url, content, headers or {}, into)
                if reply.status == 401 and self._auth not in (None, self._digest) and _wants_digest(reply):
                    self._auth = self._digest
                    reply = await self._exchange(method, url, content, headers or {}, into)
                # As servers tell whoever speaks without TLS to a port that is for it.
                if reply.status == 400 and url.startswith("http:") and (why := await self._wrong_port(url)):
                    raise Transient(why)
                return reply
            except (httpx.TimeoutException, TimeoutError) as error:
                raise Transient("The calendar server did not answer in time.") from error
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                tls = tls_error(error)
                if tls and (fault := certificate_fault(tls)):
                    raise Transient(f"The calendar server's certificate {certificate_words(fault)}.") from error
                if attempt == 2 or method not in _IDEMPOTENT:
                    why = await self._wrong_port(url)
                    raise Transient(why or "The calendar server cannot be reached or broke off.") from error
            except httpx.InvalidURL as error:
                raise Rejected("The calendar address cannot be read.") from error
            except httpx.HTTPError as error:
                raise Transient("The calendar server's answer cannot be read.") from error
        raise AssertionError("unreachable")

    async def _wrong_port(self, url: str) -> str | None:
        """As `wrong_port.wrong_port`; the ports of those who share connections are no matter of choice."""
        return await wrong_port(url, self._policy) if self._own else None

    async def _exchange(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str],
        into: Callable[[], Reading] | None,
    ) -> Reply:
        status = 0
        extensions = {BOUNDS: self._bounds}
        request = self._used.client.build_request(
            method, url, content=content, headers=dict(headers), extensions=extensions
        )
        try:
            async with asyncio.timeout(self._deadline):
                reply = await self._complete(request, url, into)
            status = reply.status
        finally:
            if self._used.provider:
                self._used.meter.count(time.monotonic())
                metrics.requests.labels(provider=self._used.provider, outcome=_outcome(status)).inc()
        return reply

    async def _complete(self, request: httpx.Request, url: str, into: Callable[[], Reading] | None) -> Reply:
        async with asyncio.timeout(_BEGIN):
            response = await self._used.client.send(request, auth=self._auth, stream=True)
        try:
            lowered = {name.lower(): value for name, value in response.headers.items()}
            reply = Reply(status=response.status_code, headers=lowered, body=b"", url=url)
            if into is not None and reply.status == 207 and reply.media_type != "text/html":
                reading = into()
                async for piece in response.aiter_raw():
                    reading.feed(piece)
                return replace(reply, reading=reading)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if not response.is_success and len(body) > _ERROR_BYTES:
                    break
            return replace(reply, body=bytes(body))
        finally:
            await response.aclose()

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
