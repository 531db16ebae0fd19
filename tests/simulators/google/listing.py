"""events.list and events.instances: full and incremental reads, pages and cursors.

Source: the reference of both methods and "Synchronize resources efficiently". With `timeMin` an exception counts by
its own times, not by those it was moved from (an assumption, and the harder one for clients).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import cast

from tests.simulators.google import views
from tests.simulators.google.calendar import Calendar, Stored
from tests.simulators.google.discovery import Query
from tests.simulators.google.errors import ApiError, Json, full_sync_required, invalid, not_found
from tests.simulators.google.recurrence import rfc3339, zone_of
from tests.simulators.google.world import GoogleWorld, Listing

_FORBIDDEN = (
    *("iCalUID", "orderBy", "privateExtendedProperty", "sharedExtendedProperty"),
    *("q", "timeMin", "timeMax", "updatedMin"),
)
_COSMETIC = ("fields", "prettyPrint", "quotaUser", "alt", "key", "userIp", "oauth_token")
_UNBOUND = (*_COSMETIC, "pageToken", "syncToken", "maxResults", "showDeleted", *_FORBIDDEN)
"""Parameters that may differ between the reads of one cursor."""
_KEPT_LISTINGS = 500


def list_events(world: GoogleWorld, email: str, calendar: Calendar, query: Query, *, availability: bool) -> Json:
    whose = f"{calendar.id} {email} {availability}"
    return page(world, query, lambda: _begin(world, email, calendar, query, availability), whose=whose)


def list_instances(
    world: GoogleWorld, email: str, calendar: Calendar, event_id: str, query: Query, *, availability: bool
) -> Json:
    def begin() -> Listing:
        series = world.live(calendar.find(event_id))
        if not series.data.get("recurrence"):
            raise not_found()
        low, high = _bounds(query)
        found = [
            item
            for item in calendar.instances(series, high)
            if (query.flag("showDeleted") or not item.cancelled) and _inside(calendar, item, low, high)
        ]
        if original := query.text("originalStart"):
            wanted = rfc3339(original, "originalStart") if "T" in original else original
            found = [item for item in found if _original(item) == wanted]
        items = [_show(item, calendar, email, query, availability) for item in found]
        return Listing(shape="", items=items, head=_head(calendar, email), token=None)

    return page(world, query, begin, whose=f"{calendar.id} {email} {availability} {event_id}")


def _original(item: Stored) -> object:
    value = cast("dict[str, str]", item.data["originalStartTime"])
    return datetime.fromisoformat(value["dateTime"]) if "dateTime" in value else value["date"]


def page(
    world: GoogleWorld,
    query: Query,
    begin: Callable[[], Listing],
    *,
    whose: str,
    default: int = 250,
    most: int = 2500,
) -> Json:
    """One page of a listing; a page token leads back to it as long as `whose` and all other parameters are the same."""
    shape = f"{whose} {query.shape(*_COSMETIC, 'pageToken')}"
    if token := query.text("pageToken"):
        name, _, rest = token.partition(".")
        listing = world.listings.get(name)
        if listing is None or listing.shape != shape or not rest.replace(".", "").isdigit():
            raise invalid("Invalid page token value.", "pageToken")
        offset, number = (int(part) for part in rest.split("."))
    else:
        name, offset, number = secrets.token_hex(12), 0, 0
        listing = begin()
        listing.shape = shape
        world.listings[name] = listing
        while len(world.listings) > _KEPT_LISTINGS:
            del world.listings[next(iter(world.listings))]
    size = min(query.number("maxResults", default), most, world.page_cap or most)
    if world.empty_every and (number + 1) % world.empty_every == 0:
        size = 0
    items = listing.items[offset : offset + size]
    found: Json = {**listing.head, "items": items}
    if offset + size < len(listing.items):
        found["nextPageToken"] = f"{name}.{offset + size}.{number + 1}"
    elif listing.token:
        found["nextSyncToken"] = listing.token
    return found


def _begin(world: GoogleWorld, email: str, calendar: Calendar, query: Query, availability: bool) -> Listing:
    low, high = _bounds(query)
    if query.text("orderBy") == "startTime" and not (query.flag("singleEvents") or availability):
        raise invalid("The requested ordering is not available for the particular query.", "orderBy")
    if zone := query.text("timeZone"):
        zone_of(zone)
    since = _since(world, email, calendar, query, availability)
    single = query.flag("singleEvents") or availability
    if since is None:
        found = list(_all(calendar, single, query.flag("showDeleted"), low, high))
    else:
        found = list(_changed(calendar, single, since))
    found = [item for item in found if _matches(item, query, world.now())]
    if query.text("orderBy") == "startTime":
        found.sort(key=lambda item: calendar.span(item.data)[0])
    elif query.text("orderBy") == "updated":
        found.sort(key=lambda item: str(item.data["updated"]))
    items = [_show(item, calendar, email, query, availability) for item in found]
    if availability and since is None:
        items = [item for item in items if item["status"] != "cancelled"]
    whole = not any(query.text(name) or query.many(name) for name in _FORBIDDEN if name not in ("timeMin", "timeMax"))
    token = sync_token(world, email, calendar, _bound(query, availability)) if whole else None
    return Listing(shape="", items=items, head=_head(calendar, email), token=token)


def _show(item: Stored, calendar: Calendar, email: str, query: Query, availability: bool) -> Json:
    most = query.text("maxAttendees")
    return views.show(
        item,
        calendar,
        email,
        availability=availability,
        zone=query.text("timeZone"),
        max_attendees=int(most) if most else None,
        bare=not query.flag("showDeleted"),
    )


def _head(calendar: Calendar, email: str) -> Json:
    return {
        "kind": "calendar#events",
        "etag": f'"p{calendar.seq:x}"',
        "summary": calendar.summary,
        "updated": views.stamp(calendar.now()),
        "timeZone": calendar.zone,
        "accessRole": calendar.roles[email],
        "defaultReminders": [],
    }


# Cursors


def _bound(query: Query, availability: bool) -> str:
    return query.shape(*_UNBOUND) + str(availability)


def sync_token(world: GoogleWorld, email: str, calendar: Calendar, shape: str) -> str:
    content = [world.generation, calendar.id, email, calendar.epochs.get(email, 0), calendar.seq, shape]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _since(world: GoogleWorld, email: str, calendar: Calendar, query: Query, availability: bool) -> int | None:
    """The change after which an incremental read goes on; None for a full read."""
    if not (token := query.text("syncToken")):
        return None
    for name in _FORBIDDEN:
        if query.text(name) or query.many(name):
            raise invalid(f"The parameter {name} cannot be used together with syncToken.", name)
    if query.text("showDeleted") == "false":
        raise invalid("showDeleted cannot be false together with syncToken.", "showDeleted")
    try:
        generation, calendar_id, whose, epoch, seq, shape = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        raise invalid("Invalid sync token value.", "syncToken") from None
    if [generation, calendar_id, whose] != [world.generation, calendar.id, email]:
        raise full_sync_required()
    if epoch != calendar.epochs.get(email, 0):
        raise full_sync_required()
    if shape != _bound(query, availability):
        raise ApiError(
            400,
            "invalid",
            "Sync token was issued for other parameters (the real service leaves this undefined).",
            location="syncToken",
        )
    return int(seq)


# What is listed


def _bounds(query: Query) -> tuple[datetime | None, datetime | None]:
    low, high = (rfc3339(text, name) if (text := query.text(name)) else None for name in ("timeMin", "timeMax"))
    if low is not None and high is not None and low >= high:
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    return low, high


def _inside(calendar: Calendar, item: Stored, low: datetime | None, high: datetime | None) -> bool:
    if low is None and high is None:
        return True
    if not (item.data.get("start") or item.data.get("originalStartTime")):
        return False
    start, end = calendar.span(item.data)
    return (low is None or end > low or start == end >= low) and (high is None or start < high)


def _all(
    calendar: Calendar, single: bool, with_deleted: bool, low: datetime | None, high: datetime | None
) -> Iterator[Stored]:
    for stored in list(calendar.events.values()):
        if stored.data.get("recurrence") and not stored.cancelled:
            yield from _series(calendar, stored, single, with_deleted, low, high)
        elif _inside(calendar, stored, low, high) and _counts(calendar, stored, single, with_deleted):
            yield stored


def _series(
    calendar: Calendar, series: Stored, single: bool, with_deleted: bool, low: datetime | None, high: datetime | None
) -> Iterator[Stored]:
    if not single and low is None and high is None:
        yield series
        return
    until = min(high, calendar.horizon()) if high is not None else None
    inside = (item for item in calendar.instances(series, until) if _inside(calendar, item, low, high))
    if single:
        yield from (item for item in inside if with_deleted or not item.cancelled)
    elif next(inside, None) is not None:
        yield series


def _counts(calendar: Calendar, stored: Stored, single: bool, with_deleted: bool) -> bool:
    """Whether a single event or an exception is listed; exceptions live with their series, cancelled
    ones too. An instance whose series is not here (its owner was invited to that one alone) is like a single event."""
    series = calendar.events.get(stored.master) if stored.master else None
    if series is not None:
        return not single and (with_deleted or not series.cancelled)
    if stored.cancelled:
        return with_deleted and not (single and bool(stored.data.get("recurrence")))
    return True


def _changed(calendar: Calendar, single: bool, since: int) -> Iterator[Stored]:
    changed = [stored for stored in calendar.events.values() if stored.seq > since]
    changed.sort(key=lambda stored: stored.seq)
    if not single:
        yield from changed
        return
    for stored in changed:
        if stored.data.get("recurrence") and not stored.cancelled:
            yield from calendar.instances(stored)
        elif stored.master is None and not stored.data.get("recurrence"):
            yield stored
        elif stored.master is not None:
            series = calendar.events.get(stored.master)
            if series is None or series.seq <= since:  # else it came with its series
                yield stored
        for name, seq in stored.dropped.items():
            if seq > since:
                data: Json = {"id": name, "status": "cancelled", "recurringEventId": stored.data["id"]}
                yield Stored(data=data, seq=seq)


def _matches(item: Stored, query: Query, now: datetime) -> bool:
    data = item.data
    if (kinds := query.many("eventTypes")) and data.get("eventType", "default") not in kinds:
        return False
    if (uid := query.text("iCalUID")) and data.get("iCalUID") != uid:
        return False
    for kind in ("private", "shared"):
        for pair in query.many(f"{kind}ExtendedProperty"):
            name, equals, value = pair.partition("=")
            if not equals:
                raise invalid("Invalid extended property constraint.", f"{kind}ExtendedProperty")
            held = cast("dict[str, dict[str, str]]", data.get("extendedProperties") or {})
            if held.get(kind, {}).get(name) != value:
                return False
    if words := query.text("q"):
        text = " ".join(str(data.get(name, "")) for name in ("summary", "description", "location")).lower()
        if words.lower() not in text:
            return False
    if updated := query.text("updatedMin"):
        since = rfc3339(updated, "updatedMin")
        if (now - since).days > 28:
            raise ApiError(
                410,
                "updatedMinTooLongAgo",
                "The requested minimum modification time lies too far in the past.",
                domain="calendar",
                location="updatedMin",
            )
        return datetime.fromisoformat(str(data["updated"])) >= since
    return True
