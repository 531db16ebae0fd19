"""What the API answers where no route does: to unknown paths and methods, and when a route failed."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_app.api import v1
from booking_app.api.answers import answer

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)
"""To be included after all other routes under its paths."""


async def unknown(request: Request) -> Response:
    """404 for a path that is none, 405 with what is allowed for a method that the path does not have."""
    matching = (each for each in v1.router.routes if each.matches(request.scope)[0] is not Match.NONE)
    allowed = sorted({method for each in matching if isinstance(each, Route) for method in each.methods or ()})
    if not allowed:
        return answer({"code": "not_found", "message": "There is nothing at this address."}, 404)
    message = f"This address answers {', '.join(allowed)} only."
    return answer({"code": "method_not_allowed", "message": message}, 405, Allow=", ".join(allowed))


router.add_route("/api/{rest:path}", unknown, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


class Failures:
    """The outermost loop of a request: whatever a route did not foresee is logged once and answered without details."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            log.exception("request.failed", extra={"method": scope["method"]})
            if begun:
                # The answer is cut off: the server has to end the connection, or it would pass for a whole one.
                raise
            content = {"code": "internal_error", "message": "Something went wrong on our side. Please try again."}
            await JSONResponse(content, status_code=500)(scope, receive, send)
