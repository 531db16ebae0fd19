"""Change notifications. Sources: "Create subscription", "Receive change notifications through webhooks", "Reduce
missing change notifications", "Subscription resource type"."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlsplit

from tests.simulators.microsoft import zones
from tests.simulators.microsoft.edits import change_key
from tests.simulators.microsoft.errors import GraphError, Json
from tests.simulators.microsoft.mailbox import Calendar, Item, Ref
from tests.simulators.microsoft.schema import check
from tests.simulators.microsoft.tokens import Grant, new_guid

if TYPE_CHECKING:
    from tests.simulators.microsoft.call import Call
    from tests.simulators.microsoft.world import MicrosoftWorld

_CHANGES = frozenset({"created", "updated", "deleted"})
_LOCAL = ("127.0.0.1", "localhost")
_LEAST = timedelta(minutes=45)
_STATE = 128
_LIFECYCLE = frozenset({"reauthorizationRequired", "subscriptionRemoved", "missed"})
_RESOURCE = re.compile(r"/?(?:me|users/(?P<user>[^/]+))/(?:calendars/(?P<calendar>[^/]+)/)?events/?")


@dataclass(kw_only=True, repr=False)
class Subscription:
    """`calendar` None: all calendars of the mailbox. `paused` until it is authorised again."""

    id: str
    grant: Grant
    resource: str
    calendar: Calendar | None
    changes: frozenset[str]
    address: str
    lifecycle: str | None
    state: str | None
    expires: datetime
    immutable: bool
    paused: bool = False


async def create(call: Call) -> Json:
    """While the caller waits, both addresses have to answer. Raises GraphError 400, 403, 409."""
    with call.world.lock:
        made = _checked(call)
    for address in dict.fromkeys(each for each in (made.address, made.lifecycle) if each):
        await asyncio.to_thread(_validate, call.world, address)
    with call.world.lock:
        call.world.subscriptions[made.id] = made
        return _shown(call, made) | {"clientState": made.state}


def _checked(call: Call) -> Subscription:
    call.need("Calendars.Read")
    call.only()
    body, world = call.body(), call.world
    check("subscription", body)
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not body.get(name):
            raise _refused(f"The property '{name}' is required.")
    taken = ("changeType", "notificationUrl", "resource", "expirationDateTime", "lifecycleNotificationUrl")
    for name in body:
        if name not in (*taken, "clientState", "latestSupportedTlsVersion"):
            raise _refused(f"The property '{name}' is not simulated.")
    changes = frozenset(str(body["changeType"]).split(","))
    if not changes <= _CHANGES:
        raise _refused(f"The changeType '{body['changeType']}' is invalid.")
    for name in ("notificationUrl", "lifecycleNotificationUrl"):
        if body.get(name):
            _check_address(name, str(body[name]))
    if len(str(body.get("clientState") or "")) > _STATE:
        raise _refused("The clientState is longer than 128 characters.")
    resource = str(body["resource"])
    calendar = _calendar(call, resource)
    if world.one_per_resource and any(
        each.grant is call.access.grant
        and each.expires > world.now()
        and (each.resource.strip("/").lower(), each.changes) == (resource.strip("/").lower(), changes)
        for each in world.subscriptions.values()
    ):
        raise GraphError(409, "Conflict", "A subscription for this combination of application and resource exists.")
    return Subscription(
        id=new_guid(),
        grant=call.access.grant,
        resource=resource,
        calendar=calendar,
        changes=changes,
        address=str(body["notificationUrl"]),
        lifecycle=str(body["lifecycleNotificationUrl"]) if body.get("lifecycleNotificationUrl") else None,
        state=str(body["clientState"]) if body.get("clientState") is not None else None,
        expires=_expires(world, str(body["expirationDateTime"])),
        immutable=call.prefs.immutable,
    )


def _refused(message: str) -> GraphError:
    return GraphError(400, "ValidationError", message)


def _check_address(name: str, text: str) -> None:
    address = urlsplit(text)
    if not address.hostname or not (
        address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOCAL)
    ):
        raise GraphError(400, "InvalidRequest", f"The {name} must be an https address.")


def _calendar(call: Call, resource: str) -> Calendar | None:
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise _refused(f"The resource '{resource}' is not supported.")
    if match["user"] and match["user"].lower() not in (call.user.oid, call.user.email):
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    if match["calendar"] is None:
        return None
    if not call.world.calendar_resources:
        raise _refused(f"The resource '{resource}' is not supported.")
    return call.user.mailbox.calendar(match["calendar"])


def _expires(world: MicrosoftWorld, text: str) -> datetime:
    """Raised to 45 minutes. Raises GraphError 400 for a time that is over or too far off."""
    asked, now = datetime.fromisoformat(text).astimezone(UTC), world.now()
    if asked <= now:
        raise _refused("Subscription expiration is in the past.")
    if asked > now + timedelta(minutes=world.max_subscription_minutes):
        raise _refused(f"Subscription expiration can only be {world.max_subscription_minutes} minutes in the future.")
    return max(asked, now + _LEAST)


def _validate(world: MicrosoftWorld, address: str) -> None:
    """Raises GraphError 400 unless the address answers with the token, as text."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {new_guid()}"
    joint = "&" if urlsplit(address).query else "?"
    reply = world.panel.deliveries.call(
        f"{address}{joint}validationToken={quote_plus(token)}", {"Content-Type": "text/plain; charset=utf-8"}
    )
    kind = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    if reply.status != 200:
        raise _refused(
            "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation "
            f"request. It answered {reply.status or 'nothing'}."
        )
    if kind.partition(";")[0].strip().lower() != "text/plain" or reply.body != token.encode():
        raise _refused(
            "Subscription validation request failed. Response must exactly match validationToken query parameter."
        )


def _shown(call: Call, made: Subscription) -> Json:
    return {
        "@odata.context": f"{call.world.url}/v1.0/$metadata#subscriptions/$entity",
        "id": made.id,
        "resource": made.resource,
        "applicationId": made.grant.app.client_id,
        "changeType": ",".join(sorted(made.changes)),
        "clientState": None,
        "notificationUrl": made.address,
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": made.lifecycle,
        "expirationDateTime": zones.stamp(made.expires),
        "creatorId": call.user.oid,
        "includeResourceData": None,
        "latestSupportedTlsVersion": "v1_2",
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }


def _find(call: Call, identifier: str) -> Subscription:
    found = call.world.subscriptions.get(identifier)
    if found is None or found.expires <= call.world.now() or found.grant is not call.access.grant:
        raise GraphError(404, "ResourceNotFound", "The object was not found.")
    return found


def listed(call: Call) -> Json:
    call.only()
    mine = [each for each in call.world.subscriptions.values() if each.grant is call.access.grant]
    return {"value": [_shown(call, each) for each in mine if each.expires > call.world.now()]}


def get(call: Call, identifier: str) -> Json:
    call.only()
    return _shown(call, _find(call, identifier))


def renew(call: Call, identifier: str) -> Json:
    """Raises GraphError 400, 403, 404."""
    call.need("Calendars.Read")
    call.only()
    body, found = call.body(), _find(call, identifier)
    check("subscription", body)
    if set(body) != {"expirationDateTime"} or not body["expirationDateTime"]:
        raise _refused("Only expirationDateTime can be changed.")
    found.expires = _expires(call.world, str(body["expirationDateTime"]))
    found.paused = False
    return _shown(call, found)


def reauthorize(call: Call, identifier: str) -> None:
    call.need("Calendars.Read")
    call.only()
    _find(call, identifier).paused = False


def delete(call: Call, identifier: str) -> None:
    call.only()
    del call.world.subscriptions[_find(call, identifier).id]


class Notices:
    """What is told to subscribers: of messages to one address those of a short while go together."""

    def __init__(self, world: MicrosoftWorld) -> None:
        self._world = world
        self._waiting: dict[str, list[Json]] = defaultdict(list)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def tell(self, calendar: Calendar, item: Item, what: str) -> None:
        """Of a series the series itself is told, whichever occurrence changed."""
        world, mailbox = self._world, calendar.mailbox
        for each in list(world.subscriptions.values()):
            if each.grant.email != mailbox.owner or each.calendar not in (None, calendar) or what not in each.changes:
                continue
            if each.expires <= world.now():
                del world.subscriptions[each.id]
                continue
            if each.grant.ended or each.paused or "Calendars.Read" not in each.grant.scopes:
                continue
            name = mailbox.name(Ref(key=item.key), immutable=each.immutable)
            path = f"Users/{world.users[mailbox.owner].oid}/Events/{name}"
            data: Json = {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "id": name}
            data["@odata.etag"] = f'W/"{change_key(item.key, item.version)}"'
            self._queue(each.address, self._head(each) | {"changeType": what, "resource": path, "resourceData": data})

    def lifecycle(self, subscription: Subscription, event: str) -> None:
        if event not in _LIFECYCLE:
            raise ValueError(event)
        if event == "subscriptionRemoved":
            self._world.subscriptions.pop(subscription.id, None)
        if event == "reauthorizationRequired":
            subscription.paused = True
        if subscription.lifecycle is not None:
            told = self._head(subscription) | {"lifecycleEvent": event, "resource": subscription.resource}
            self._queue(subscription.lifecycle, told)

    def _head(self, subscription: Subscription) -> Json:
        return {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": zones.stamp(subscription.expires),
            "tenantId": self._world.users[subscription.grant.email].tid,
            "clientState": subscription.state,
        }

    def _queue(self, address: str, notice: Json) -> None:
        with self._lock:
            self._waiting[address].append(notice)
            if self._timer is None:
                self._timer = threading.Timer(self._world.batch_seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Send what is waiting, now."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for address, notices in self._waiting.items():
                content = json.dumps({"value": notices}).encode()
                self._world.panel.deliveries.post(address, {"Content-Type": "application/json"}, content)
            self._waiting.clear()
