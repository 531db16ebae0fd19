"""What every answer carries, and how much a request may bring."""

from __future__ import annotations

import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_app.services.tabs import VISITOR_DAYS, cookie_values, new_visitor, visitor_cookie_name

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body. The largest of good faith is a batch of a thousand of Microsoft's notifications."""

# Reflex runs small inline scripts before the bundle and evaluates what the server asks for (`call_script`), and its
# style library writes style elements: these three allowances are its needs, everything else is ours alone.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Manage links carry a token in the path: no address of ours leaves with a click.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

HSTS = "max-age=31536000"
"""Browsers speak https to this host for a year (RFC 6797, section 6.1); other hosts of its domain are not ours."""

_HASHED = "/assets/"
_YEAR = "public, max-age=31536000, immutable"


class SecurityHeaders:
    """Adds `HEADERS` to every answer; bundle files, whose names carry their content's hash, may be kept for good.
    `https`: visitors come by it, and stay with it."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": HSTS} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if path.startswith(_HASHED) and message["status"] in {200, 304}:
                    headers["Cache-Control"] = _YEAR
                else:
                    headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class CompressedApi(GZipMiddleware):
    """Compresses what the API answers; the bundle's files were compressed when they were built."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Answers 413 to a request body of more than `BODY_LIMIT` bytes, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        answered = False

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_LIMIT:
                raise _TooLarge
            return message

        async def watched_send(message: Message) -> None:
            nonlocal answered
            # Whatever the route makes of a body that was cut off, the answer is ours.
            if received <= BODY_LIMIT:
                answered = True
                await send(message)

        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) <= BODY_LIMIT:
            with contextlib.suppress(_TooLarge):
                await self._app(scope, limited_receive, watched_send)
        else:
            received = BODY_LIMIT + 1
        if received > BODY_LIMIT and not answered:
            body = {"code": "too_large", "message": f"The request is larger than {BODY_LIMIT // 1024} KB."}
            await JSONResponse(body, status_code=413)(scope, receive, send)


class VisitorCookie:
    """Gives a browser that loads a page the cookie that makes its tabs its own (services/tabs.py)."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._name = visitor_cookie_name("https:" if https else "http:")
        self._rest = f"Path=/; Max-Age={VISITOR_DAYS * 86400}; HttpOnly; SameSite=Lax" + ("; Secure" if https else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or len(cookie_values("; ".join(headers.getlist("cookie")), self._name)) == 1:
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                # An unchanged page is answered without a type.
                if message["status"] == 304 or answer.get("content-type", "").startswith("text/html"):
                    answer.append("Set-Cookie", f"{self._name}={new_visitor()}; {self._rest}")
            await send(message)

        await self._app(scope, receive, send_with_cookie)
