"""Writing events. Source: "Create event", "Update event", "Delete event"."""

from __future__ import annotations

import json

from tests.simulators.microsoft import edits, outlook, views
from tests.simulators.microsoft.call import Call
from tests.simulators.microsoft.errors import GraphError, Json, conflict, denied, invalid
from tests.simulators.microsoft.mailbox import Instance, Item, Ref
from tests.simulators.microsoft.schema import check_event


def create(call: Call, segment: str | None) -> Json:
    call.may_write()
    call.only()
    calendar = call.calendar(segment)
    body = call.body()
    check_event(body)
    if not calendar.can_edit:
        raise denied()
    before = _repeated(call, body)
    if before is not None:
        return views.event(call.user, before.instance(), call.prefs)
    item = outlook.create(calendar, body)
    if body.get("transactionId"):
        call.world.transactions[call.user.email, str(body["transactionId"])] = (item.key, _digest(body))
    call.world.mail(item.instance(), "invitation")
    call.world.tell(calendar, item, "created")
    return views.event(call.user, item.instance(), call.prefs)


def _repeated(call: Call, body: Json) -> Item | None:
    """What an earlier creation under the same transactionId made. Raises GraphError for another one."""
    held = call.world.transactions.get((call.user.email, str(body.get("transactionId") or "")))
    if held is None:
        return None
    standing = [box.items[held[0]] for box in call.user.mailbox.calendars.values() if held[0] in box.items]
    if standing and held[1] == _digest(body) and call.world.repeat_succeeds:
        return standing[0]
    extra: Json = {}
    if standing:
        name = call.user.mailbox.name(Ref(key=held[0]), immutable=call.prefs.immutable)
        extra = {"@event.existingEventId": name}
    raise GraphError(
        call.world.duplicate_status,
        "ErrorDuplicateTransactionId",
        f"Your request can't be completed. The TransactionId '{body['transactionId']}' has already been used to create "
        "a different event.",
        extra=extra,
    )


def _digest(body: Json) -> bytes:
    return json.dumps(body, sort_keys=True).encode()


def patch(call: Call, instance: Instance) -> Json:
    call.may_write()
    call.only()
    body = call.body()
    check_event(body)
    _check_match(call, instance)
    if not instance.item.calendar.can_edit:
        raise denied()
    if "transactionId" in body and body["transactionId"] != instance.data.get("transactionId"):
        raise invalid("The transactionId cannot be changed.", "ErrorInvalidPropertySet")
    edits.write(instance, body)
    after = instance.item.instance(instance.day)
    call.world.mail(after, "update")
    call.world.tell(instance.item.calendar, instance.item, "updated")
    return views.event(call.user, after, call.prefs)


def delete(call: Call, instance: Instance) -> None:
    call.may_write()
    call.only()
    _check_match(call, instance)
    if not instance.item.calendar.can_edit:
        raise denied()
    outlook.remove(call.world, instance)


def _check_match(call: Call, instance: Instance) -> None:
    """Raises GraphError 412."""
    wanted = call.headers.get("if-match")
    if wanted is None or wanted == "*":
        return
    if call.world.spurious_conflicts > 0:
        call.world.spurious_conflicts -= 1
        raise conflict()
    if wanted != views.etag(instance):
        raise conflict()
