"""The methods of `events`, and `channels.stop`."""

from __future__ import annotations

from typing import cast

from tests.simulators.google import channels, edits, listing, views
from tests.simulators.google.calendar import Calendar, Stored, new_id
from tests.simulators.google.call import Call
from tests.simulators.google.errors import ApiError, Json, deleted, invalid, not_found, required


def list_(call: Call) -> Json:
    calendar, availability = call.calendar()
    return listing.list_events(call.world, call.email, calendar, call.query, availability=availability)


def instances(call: Call) -> Json:
    calendar, availability = call.calendar()
    name = call.path["eventId"]
    return listing.list_instances(call.world, call.email, calendar, name, call.query, availability=availability)


def _show(call: Call, calendar: Calendar, stored: Stored, availability: bool = False) -> Json:
    most, zone = call.query.text("maxAttendees"), call.query.text("timeZone")
    most_shown = int(most) if most else None
    return views.show(stored, calendar, call.email, availability=availability, zone=zone, max_attendees=most_shown)


def get(call: Call) -> Json:
    calendar, availability = call.calendar()
    stored = calendar.find(call.path["eventId"])
    if availability and stored.data.get("recurrence"):
        raise not_found()
    if call.headers.get("if-none-match") == calendar.etag(stored):
        raise ApiError(304, "notModified", "Not Modified")
    return _show(call, calendar, stored, availability)


def _send_updates(call: Call) -> str:
    """What the caller said about mails; silence and the old parameter are not safe."""
    return call.query.text("sendUpdates") or ("all" if call.query.flag("sendNotifications") else "unsaid")


def insert(call: Call) -> Json:
    calendar, _ = call.calendar(write=True)
    data = edits.writable(call.body)
    if call.body.get("id") is not None:
        edits.check_id(str(call.body["id"]))
        if call.body.get("iCalUID") is not None:
            raise invalid("Only one of id and iCalUID may be given.")
        if str(call.body["id"]) in calendar.events:
            raise ApiError(409, "duplicate", "The requested identifier already exists.")
    return _make(call, calendar, data)


def import_(call: Call) -> Json:
    calendar, _ = call.calendar(write=True)
    if not call.body.get("iCalUID"):
        raise required("Missing iCalUID.")
    if call.body.get("eventType", "default") != "default":
        raise invalid("Only default events can be imported.")
    data = edits.writable(call.body) | {"organizer": call.body.get("organizer") or {"email": calendar.owner}}
    for stored in calendar.events.values():
        if stored.data.get("iCalUID") == data["iCalUID"] and stored.master is None:
            return _show(call, calendar, calendar.store(stored.data | data | {"id": stored.data["id"]}))
    return _make(call, calendar, data)


def _make(call: Call, calendar: Calendar, data: Json) -> Json:
    data = {name: value for name, value in data.items() if value is not None}
    if data.get("eventType") == "fromGmail":
        raise invalid("Events of type fromGmail cannot be created.")
    if data.get("status") == "cancelled":
        raise invalid("A new event cannot be cancelled.")
    data.setdefault("id", new_id())
    data.setdefault("iCalUID", f"{data['id']}@google.com")
    data.setdefault("organizer", {"email": calendar.owner})
    data |= {"status": data.get("status") or "confirmed", "creator": {"email": call.email}}
    edits.check_event(data, calendar)
    stored = calendar.store(data)
    if call.method.name != "events.import":
        call.world.mail(calendar, stored, _send_updates(call), "invitation")
    return _show(call, calendar, stored)


def _expected(call: Call, calendar: Calendar, stored: Stored) -> None:
    wanted = call.headers.get("if-match")
    if wanted not in (None, "*", calendar.etag(stored)):
        raise ApiError(412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header")


def update(call: Call) -> Json:
    calendar, _ = call.calendar(write=True)
    stored = calendar.find(call.path["eventId"])
    _expected(call, calendar, stored)
    kept = {name: stored.data[name] for name in (*edits.READ_ONLY, "id", "iCalUID") if name in stored.data}
    data = {name: value for name, value in edits.writable(call.body).items() if value is not None}
    return _rewrite(call, calendar, stored, {"status": "confirmed"} | data | kept)


def patch(call: Call) -> Json:
    calendar, _ = call.calendar(write=True)
    stored = calendar.find(call.path["eventId"])
    _expected(call, calendar, stored)
    return _rewrite(call, calendar, stored, edits.merge(stored.data, edits.writable(call.body)))


def _rewrite(call: Call, calendar: Calendar, stored: Stored, data: Json) -> Json:
    before = stored.data
    for name in ("id", "iCalUID"):
        if call.body.get(name) not in (None, before.get(name)):
            raise invalid(f"{name} cannot be changed.")
    if data.get("eventType", "default") != before.get("eventType", "default"):
        raise ApiError(400, "eventTypeRestriction", "Event type cannot be changed.")
    if stored.master is not None and data.get("recurrence"):
        raise invalid("An instance has no recurrence.")
    old, new = int(cast("int", before.get("sequence") or 0)), int(cast("int", data.get("sequence") or 0))
    if call.body.get("sequence") is not None and new < old:
        raise invalid(
            "Invalid sequence value. The specified sequence number is below the current sequence number of the "
            "resource. Re-fetch the resource and use its sequence number on the following request."
        )
    organizer = cast("Json", before.get("organizer") or {}).get("email", calendar.owner)
    if organizer != calendar.owner and (data.get("start"), data.get("end")) != (before.get("start"), before.get("end")):
        raise ApiError(
            403,
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
            domain="calendar",
        )
    edits.check_event(data, calendar)
    moved = any(data.get(name) != before.get(name) for name in ("start", "end", "recurrence"))
    data["sequence"] = max(new, old + 1 if moved else old)
    kept = calendar.store(data)
    call.world.mail(calendar, kept, _send_updates(call), "update")
    return _show(call, calendar, kept)


def delete(call: Call) -> None:
    calendar, _ = call.calendar(write=True)
    stored = calendar.find(call.path["eventId"])
    series = calendar.events.get(stored.master) if stored.master else None
    if stored.cancelled or (series is not None and series.cancelled):
        raise deleted()
    _expected(call, calendar, stored)
    call.world.mail(calendar, stored, _send_updates(call), "cancellation")
    calendar.cancel(stored)


def watch(call: Call) -> Json:
    calendar, _ = call.calendar()
    return channels.open_events(call.world, call.access, calendar, call.body)


def stop(call: Call) -> None:
    channels.stop(call.world, call.access, call.body)
