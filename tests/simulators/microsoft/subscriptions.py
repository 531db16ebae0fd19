"""Change notifications ("Create subscription", "Receive change notifications through webhooks", "Lifecycle
notifications"). The validation handshake happens while the create call is open."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tests.simulators.microsoft.errors import GraphError, Json, bad
from tests.simulators.microsoft.names import SUBSCRIPTION_WRITABLE

if TYPE_CHECKING:
    from tests.simulators.microsoft.world import Calendar, Event, MicrosoftWorld

_LOCAL = ("127.0.0.1", "localhost")
_LEAST = timedelta(minutes=45)
_STATE = 128


@dataclass(kw_only=True)
class Subscription:
    id: str
    email: str
    client_id: str
    resource: str
    changes: frozenset[str]
    url: str
    lifecycle: str
    state: str
    expires: datetime
    immutable: bool

    def shown(self) -> Json:
        return {
            "id": self.id,
            "resource": self.resource,
            "changeType": ",".join(sorted(self.changes)),
            "clientState": None,
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle or None,
            "expirationDateTime": f"{self.expires.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000Z",
        }


def create(world: MicrosoftWorld, email: str, client_id: str, body: Json, *, immutable: bool) -> Json:
    """Raises GraphError 400 or 409. Called without the world's lock: the handshake calls the client back."""
    if unknown := set(body) - SUBSCRIPTION_WRITABLE:
        raise bad(
            f"The property {sorted(unknown)[0]!r} does not exist on type 'microsoft.graph.subscription'.", "BadRequest"
        )
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not body.get(name):
            raise bad(f"{name} is a required property", "InvalidRequest")
    changes = frozenset(str(body["changeType"]).split(","))
    if changes - {"created", "updated", "deleted"}:
        raise bad("unknown changeType", "InvalidRequest")
    if str(body["resource"]).lstrip("/") != "me/events":
        raise bad("Only me/events is documented for calendars.", "ExtensionError")
    if len(str(body.get("clientState") or "")) > _STATE:
        raise bad("clientState is too long", "InvalidRequest")
    urls = [
        str(body["notificationUrl"]),
        *([str(body["lifecycleNotificationUrl"])] if body.get("lifecycleNotificationUrl") else []),
    ]
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise bad("notificationUrl must be https", "InvalidRequest")
    expires = _expires(world, body["expirationDateTime"])
    wanted = (email, client_id, changes, urls[0])
    for each in world.subscriptions.values():
        if (each.email, each.client_id, each.changes, each.url) == wanted and each.expires > world.now():
            raise GraphError(409, "ExtensionError", "A subscription for this resource exists.")
    for url in urls:
        token = f"Validation: {secrets.token_urlsafe(20)} +&/{uuid.uuid4()}"
        joint = "&" if urlsplit(url).query else "?"
        answer = world.panel.deliveries.call(
            f"{url}{joint}validationToken={quote(token, safe='')}", {"Content-Type": "text/plain; charset=utf-8"}
        )
        media = answer.headers.get("content-type", "").partition(";")[0]
        if answer.status != 200 or media != "text/plain" or answer.body != token.encode():
            raise bad(
                "Subscription validation request failed. Response must exactly match validationToken query parameter.",
                "ValidationError",
            )
    made = Subscription(
        id=str(uuid.uuid4()),
        email=email,
        client_id=client_id,
        resource=str(body["resource"]),
        changes=changes,
        url=urls[0],
        lifecycle=urls[1] if len(urls) > 1 else "",
        state=str(body.get("clientState") or ""),
        expires=expires,
        immutable=immutable,
    )
    with world.lock:
        world.subscriptions[made.id] = made
    return made.shown()


def renew(world: MicrosoftWorld, email: str, name: str, body: Json) -> Json:
    found = find(world, email, name)
    if set(body) - {"expirationDateTime", "notificationUrl"}:
        raise bad("only the expiration can be changed", "InvalidRequest")
    found.expires = _expires(world, body.get("expirationDateTime"))
    return found.shown()


def find(world: MicrosoftWorld, email: str, name: str) -> Subscription:
    found = world.subscriptions.get(name)
    if found is None or found.email != email or found.expires <= world.now():
        raise GraphError(404, "ResourceNotFound", "The object was not found.")
    return found


def _expires(world: MicrosoftWorld, value: object) -> datetime:
    try:
        asked = datetime.fromisoformat(str(value))
    except ValueError:
        raise bad("expirationDateTime cannot be read", "InvalidRequest") from None
    asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    if asked <= world.now():
        raise bad("Subscription expiration can only be in the future.", "InvalidRequest")
    if asked > world.now() + world.max_subscription:
        raise bad("Subscription expiration can only be 10080 minutes in the future.", "InvalidRequest")
    return max(asked, world.now() + _LEAST)


def tell(world: MicrosoftWorld, calendar: Calendar, event: Event, what: str) -> None:
    """A change of an event, to whoever subscribed to its mailbox."""
    for each in list(world.subscriptions.values()):
        if each.expires <= world.now():
            del world.subscriptions[each.id]
        elif each.email == calendar.owner and what in each.changes:
            name = event.id if each.immutable else event.rest_id
            _post(world, each.url, [_item(each) | {"changeType": what, "resourceData": {"id": name}}])


def lifecycle(world: MicrosoftWorld, email: str, what: str) -> None:
    """`reauthorizationRequired`, `missed`, or `subscriptionRemoved`, which also ends it."""
    for each in [each for each in world.subscriptions.values() if each.email == email]:
        if what == "subscriptionRemoved":
            del world.subscriptions[each.id]
        if each.lifecycle:
            _post(world, each.lifecycle, [_item(each) | {"lifecycleEvent": what}])


def _item(each: Subscription) -> Json:
    return {
        "subscriptionId": each.id,
        "subscriptionExpirationDateTime": each.shown()["expirationDateTime"],
        "clientState": each.state,
        "tenantId": "9188040d-6c67-4c5b-b112-36a304b66dad",
        "resource": each.resource,
    }


def _post(world: MicrosoftWorld, url: str, items: list[Json]) -> None:
    world.panel.deliveries.post(url, {"Content-Type": "application/json"}, json.dumps({"value": items}).encode())
