"""Where calendar providers tell that something changed. Verified and noted, answered within 50 ms; nobody is asked.

Everything is answered alike, whether it was genuine or not: 204 to Google, 202 to Microsoft. Only a database that is
too busy answers 503, which asks the provider to send it again. Sources: Google, "Push notifications" of the Calendar
API guide; Microsoft Graph, "Receive change notifications through webhooks".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from booking_app import runtime
from booking_app.api.answers import Route, answer
from booking_app.api.limits import client_address
from booking_app.metrics import answering
from booking_app.services.notices import Notice
from booking_app.sync.channel_plan import Lifecycle, named_in

router = APIRouter(prefix="/api/webhooks", include_in_schema=False, route_class=Route)

LONGEST_TOKEN = 2048
"""Bytes of a validation token, still encoded; the real ones are a few hundred."""
MOST_ITEMS = 1000
_TOKEN = b"validationToken="
_HIGHEST = 2**63 - 1
_EVENTS = frozenset(each.value for each in Lifecycle)


@router.post("/google")
async def google(request: Request) -> Response:
    """A message of a channel: all of it is in the headers."""
    with answering.labels(provider="google").time():
        await _receive(request, "google", [google_notice(request)])
    return Response(status_code=204)


@router.post("/microsoft")
async def microsoft(request: Request) -> Response:
    """The handshake when a subscription is created, or a batch of notifications and lifecycle events."""
    with answering.labels(provider="microsoft").time():
        raw: bytes = request.scope["query_string"]
        for part in raw.split(b"&"):
            if part.startswith(_TOKEN):
                return _handshake(part.removeprefix(_TOKEN))
        await _receive(request, "microsoft", microsoft_notices(await request.body()))
    return Response(status_code=202)


async def _receive(request: Request, provider: str, notices: Sequence[Notice]) -> None:
    running = runtime.current()
    client = client_address(request, running.settings.trusted_proxy_hops)
    await running.notices.receive(provider, notices, client=client)


def _handshake(encoded: bytes) -> Response:
    """The token as it is, byte by byte, and as nothing but plain text: it is opaque, and anybody can send one."""
    if len(encoded) > LONGEST_TOKEN:
        return answer({"code": "invalid", "field": "validationToken", "message": "The token is too long."}, 422)
    headers = {"Content-Type": "text/plain", "Cache-Control": "no-store"}
    return Response(unquote_to_bytes(encoded.replace(b"+", b" ")), headers=headers)


def google_notice(request: Request) -> Notice:
    """What the headers say."""
    headers = request.headers
    name, number = headers.get("x-goog-channel-id", ""), headers.get("x-goog-message-number", "")
    counted = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else 0
    try:
        # Without a number it could be anything, again and again.
        channel = UUID(name) if 0 < counted <= _HIGHEST else None
    except ValueError:
        channel = None
    return Notice(
        channel=channel,
        secret=headers.get("x-goog-channel-token", ""),
        number=counted,
        changed=headers.get("x-goog-resource-state", "") != "sync",
        remote="" if channel is None else str(channel),
        resource=headers.get("x-goog-resource-id", "")[:256],
    )


def microsoft_notices(body: bytes) -> list[Notice]:
    """What the items of a batch say; nothing, if it is not one."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return []
    items = given.get("value") if isinstance(given, dict) else None
    return [_item(each) for each in items[:MOST_ITEMS]] if isinstance(items, list) else []


def _item(given: object) -> Notice:
    item = given if isinstance(given, dict) else {}
    secret, remote, event = (item.get(each) for each in ("clientState", "subscriptionId", "lifecycleEvent"))
    return Notice(
        channel=named_in(secret) if isinstance(secret, str) else None,
        secret=secret if isinstance(secret, str) else "",
        changed=event is None,
        lifecycle=Lifecycle(event) if isinstance(event, str) and event in _EVENTS else None,
        remote=remote[:256] if isinstance(remote, str) and remote.isprintable() else "",
    )
