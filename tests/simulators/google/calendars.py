"""The list of calendars, a calendar's metadata, and free/busy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from tests.simulators.google import listing, views
from tests.simulators.google.calendar import ROLES, Calendar, new_id
from tests.simulators.google.call import Call
from tests.simulators.google.errors import ApiError, Json, full_sync_required, invalid, not_found, required
from tests.simulators.google.recurrence import rfc3339, zone_of
from tests.simulators.google.world import Listing

FREEBUSY_DAYS = 92
FREEBUSY_CALENDARS = 50


def _entry(call: Call, calendar: Calendar) -> Json:
    role = calendar.roles[call.email]
    entry: Json = {"kind": "calendar#calendarListEntry", "id": calendar.id, "summary": calendar.summary}
    entry |= {"timeZone": calendar.zone, "accessRole": role, "selected": True, "defaultReminders": []}
    entry |= {"colorId": "14", "backgroundColor": "#9fe1e7", "foregroundColor": "#000000"}
    entry["conferenceProperties"] = {"allowedConferenceSolutionTypes": ["hangoutsMeet"]}
    if calendar.primary and calendar.owner == call.email:
        entry["primary"] = True
    elif not calendar.primary:
        entry["dataOwner"] = calendar.owner
    entry |= calendar.entries.get(call.email, {})
    return entry | {"etag": f'"{abs(hash(str(sorted(entry.items(), key=str))))}"'}


def list_entries(call: Call) -> Json:
    query, world = call.query, call.world
    token = f"{world.generation}-{world.list_seq[call.email]}-{query.shape('pageToken', 'syncToken', 'maxResults')}"

    def begin() -> Listing:
        since = query.text("syncToken")
        if since and (query.text("minAccessRole") or query.text("showOwnOrganizationOnly")):
            raise invalid("minAccessRole cannot be used together with syncToken.", "syncToken")
        if since and not since.startswith(world.generation):
            raise full_sync_required()
        least = ROLES.index(query.text("minAccessRole") or ROLES[0])
        found = [
            _entry(call, calendar)
            for calendar in world.calendars.values()
            if call.email in calendar.roles and ROLES.index(calendar.roles[call.email]) >= least
        ]
        if since == token:
            found = []  # whoever is not up to date gets everything
        elif not since:
            found = [item for item in found if query.flag("showHidden") or not item.get("hidden")]
        head: Json = {"kind": "calendar#calendarList", "etag": f'"p{world.list_seq[call.email]:x}"'}
        return Listing(shape="", items=found, head=head, token=None if query.text("minAccessRole") else token)

    return listing.page(world, query, begin, whose=f"calendars {call.email}", default=100, most=250)


def get_entry(call: Call) -> Json:
    return _entry(call, call.world.reach(call.email, call.path["calendarId"])[0])


def get(call: Call) -> Json:
    calendar, role = call.world.reach(call.email, call.path["calendarId"])
    if role == "freeBusyReader":
        raise not_found()
    return {
        "kind": "calendar#calendar",
        "etag": f'"{calendar.id}"',
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
    }


def insert(call: Call) -> Json:
    if not call.body.get("summary"):
        raise required("Missing title.")
    zone = str(call.body.get("timeZone") or call.world.user(call.email).zone)
    zone_of(zone)
    name = f"c_{new_id()}@group.calendar.google.com"
    client = call.access.grant.app.client_id
    made = call.world.make_calendar(name, call.email, str(call.body["summary"]), zone, created_by=client)
    return {"kind": "calendar#calendar", "id": made.id, "summary": made.summary, "timeZone": zone}


def free_busy(call: Call) -> Json:
    for name in ("timeMin", "timeMax", "items"):
        if not call.body.get(name):
            raise required(f"Missing {name}.")
    low, high = (rfc3339(str(call.body[name]), name) for name in ("timeMin", "timeMax"))
    zone = zone_of(call.body.get("timeZone") or "UTC")
    if low >= high:
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    if high - low > timedelta(days=FREEBUSY_DAYS):
        raise ApiError(400, "timeRangeTooLong", "The requested time range is too long.", domain="calendar")
    items = cast("list[dict[str, str]]", call.body["items"])
    most = int(cast("int", call.body.get("calendarExpansionMax") or FREEBUSY_CALENDARS))
    if most > FREEBUSY_CALENDARS:
        raise invalid("Invalid calendarExpansionMax.")
    calendars: Json = {}
    for number, item in enumerate(items):
        name = item.get("id") or ""
        reason = "tooManyCalendarsRequested" if number >= most else call.world.freebusy_errors.get(name)
        found = call.world.calendars.get(call.email if name == "primary" else name)
        if reason is None and (found is None or call.email not in found.roles):
            reason = "notFound"
        if reason is not None:
            calendars[name] = {"errors": [{"domain": "global", "reason": reason}], "busy": []}
        else:
            assert found is not None
            shown = [
                {"start": views.moment(start, zone), "end": views.moment(end, zone)}
                for start, end in busy_times(found, low, high)
            ]
            calendars[name] = {"busy": shown}
    times = {"timeMin": views.stamp(low), "timeMax": views.stamp(high)}
    return {"kind": "calendar#freeBusy", **times, "calendars": calendars}


def busy_times(calendar: Calendar, low: datetime, high: datetime) -> list[tuple[datetime, datetime]]:
    """Merged busy periods, cut to the range."""
    found: list[tuple[datetime, datetime]] = []
    for stored in calendar.events.values():
        if stored.cancelled or stored.master in calendar.events:
            continue
        items = calendar.instances(stored, high) if stored.data.get("recurrence") else [stored]
        for item in items:
            if views.busy(item.data, calendar):
                start, end = calendar.span(item.data)
                if start < high and end > low:
                    found.append((max(start, low.astimezone(UTC)), min(end, high.astimezone(UTC))))
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
