"""Push channels. Source: "Push notifications" of the Calendar API guide."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from tests.simulators.google.calendar import Calendar
from tests.simulators.google.errors import ApiError, Json, invalid, required
from tests.simulators.google.tokens import Access, Grant

if TYPE_CHECKING:
    from tests.simulators.google.world import GoogleWorld

_ID = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
_LOCAL = ("127.0.0.1", "localhost")
_TOKEN = 256


@dataclass(kw_only=True)
class Channel:
    """An open channel; `number` is that of its last message."""

    id: str
    resource: str
    uri: str
    address: str
    token: str
    expires: datetime
    grant: Grant
    calendar: Calendar
    number: int = 0


def open_events(world: GoogleWorld, access: Access, calendar: Calendar, body: Json) -> Json:
    """events.watch. The first message, `sync`, leaves before the answer. Raises ApiError 400."""
    for name in ("id", "type", "address"):
        if not body.get(name):
            raise required(f"Missing {name}.")
    if not _ID.fullmatch(str(body["id"])):
        raise ApiError(400, "channelIdInvalid", "Channel id is invalid.")
    if str(body["id"]) in world.channels:
        raise ApiError(400, "channelIdNotUnique", f"Channel id {body['id']} not unique")
    if body["type"] not in ("web_hook", "webhook"):
        raise ApiError(400, "channelUnknownType", "Unknown channel type")
    address = urlsplit(str(body["address"]))
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOCAL):
        message = f"WebHook callback must be HTTPS: {body['address']}"
        raise ApiError(400, "push.webhookUrlNotHttps", message)
    if len(str(body.get("token") or "")) > _TOKEN:
        raise invalid("The channel token is too long.")
    uri = f"{world.url}/calendar/v3/calendars/{quote(calendar.id, safe='')}/events?alt=json"
    resource = hashlib.sha256(f"{calendar.id} {access.grant.email}".encode()).hexdigest()[:27]
    channel = Channel(
        id=str(body["id"]),
        resource=resource,
        uri=uri,
        address=str(body["address"]),
        token=str(body.get("token") or ""),
        expires=_expires(world, body),
        grant=access.grant,
        calendar=calendar,
    )
    world.channels[channel.id] = channel
    _send(world, channel, "sync")
    shown: Json = {"kind": "api#channel", "id": channel.id, "resourceId": resource, "resourceUri": uri}
    if channel.token:
        shown["token"] = channel.token
    return shown | {"expiration": str(int(channel.expires.timestamp() * 1000))}


def _expires(world: GoogleWorld, body: Json) -> datetime:
    """The earlier of what was asked and what is allowed."""
    now, most = world.now(), timedelta(seconds=world.max_channel_seconds)
    found = now + most
    ttl = cast("dict[str, str]", body.get("params") or {}).get("ttl")
    if ttl is not None:
        if not ttl.isdigit() or ttl == "0":
            raise invalid("Invalid ttl.")
        found = min(found, now + timedelta(seconds=int(ttl)))
    if body.get("expiration") is not None:
        asked = datetime.fromtimestamp(int(str(body["expiration"])) / 1000, UTC)
        if asked <= now:
            raise ApiError(400, "channelExpirationInvalid", "Channel expiration is in the past.")
        found = min(found, asked)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def stop(world: GoogleWorld, access: Access, body: Json) -> None:
    """Raises ApiError 404 for a channel that is not open, or is another user's or client's."""
    channel = world.channels.get(str(body.get("id")))
    if (
        channel is None
        or channel.resource != body.get("resourceId")
        or channel.grant.email != access.grant.email
        or channel.grant.app is not access.grant.app
        or channel.expires <= world.now()
    ):
        raise ApiError(404, "notFound", f"Channel '{body.get('id')}' not found for project")
    del world.channels[channel.id]


def tell(world: GoogleWorld, calendar: Calendar) -> None:
    """Something changed: one message for every open channel of the calendar whose owner still allows it."""
    for channel in list(world.channels.values()):
        if channel.calendar is not calendar or channel.grant.ended or channel.grant.email not in calendar.roles:
            continue
        if channel.expires <= world.now():
            del world.channels[channel.id]
        else:
            _send(world, channel, "exists")


def _send(world: GoogleWorld, channel: Channel, state: str) -> None:
    channel.number += 1 + channel.number % 3  # rising, not consecutive
    headers = {
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Message-Number": str(channel.number),
        "X-Goog-Resource-ID": channel.resource,
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-URI": channel.uri,
        "X-Goog-Channel-Expiration": format_datetime(channel.expires, usegmt=True),
    }
    if channel.token:
        headers["X-Goog-Channel-Token"] = channel.token
    world.panel.deliveries.post(channel.address, headers)
