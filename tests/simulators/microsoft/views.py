"""Events and calendars as Graph shows them: what was preferred, selected and expanded, and what the caller may see."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from tests.simulators.microsoft import zones
from tests.simulators.microsoft.edits import change_key
from tests.simulators.microsoft.errors import Json, invalid
from tests.simulators.microsoft.mailbox import Calendar, Instance
from tests.simulators.microsoft.schema import date_time, structural

if TYPE_CHECKING:
    from tests.simulators.microsoft.world import User

_PREFERENCE = re.compile(r'\s*([\w.-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;"]+)))?\s*')
_HIDDEN = frozenset({"cancelledOccurrences"})
"""Shown only when selected."""
_CONTENT = frozenset({"body", "bodyPreview"})
"""Not shown to those who may see only the basics."""
_NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Prefs:
    """The Prefer header. `page` None: nothing said."""

    zone: str = "UTC"
    immutable: bool = False
    page: int | None = None
    text: bool = False
    applied: tuple[str, ...] = ()


def prefs(header: str) -> Prefs:
    """Raises GraphError 400 for values that Graph does not take; preferences that it does not know it passes over."""
    given: dict[str, str] = {}
    place = 0
    while place < len(header):
        match = _PREFERENCE.match(header, place)
        if match is None or (match.end() < len(header) and header[match.end()] not in ",;"):
            raise invalid("The Prefer header is malformed.", "BadRequest")
        given[match[1].lower()] = match[2] if match[2] is not None else match[3] or ""
        place = match.end() + 1
    applied = []
    zone = given.get("outlook.timezone", "UTC")
    if zones.zone(zone) is None:
        message = f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{zone}'."
        raise invalid(message, "TimeZoneNotSupportedException")
    if "outlook.timezone" in given:
        applied.append(f'outlook.timezone="{zone}"')
    immutable = given.get("idtype", "RestId")
    if immutable.lower() not in ("immutableid", "restid"):
        raise invalid(f"The IdType '{immutable}' is not supported.", "BadRequest")
    if "idtype" in given:
        applied.append(f'IdType="{immutable}"')
    kind = given.get("outlook.body-content-type", "html")
    if kind not in ("text", "html"):
        raise invalid(f"The body content type '{kind}' is not supported.", "BadRequest")
    size = given.get("odata.maxpagesize")
    if size is not None and (not size.isdigit() or int(size) < 1):
        raise invalid("The value of odata.maxpagesize is invalid.", "BadRequest")
    return Prefs(
        zone=zone,
        immutable=immutable.lower() == "immutableid",
        page=int(size) if size else None,
        text=kind == "text",
        applied=tuple(applied),
    )


def etag(instance: Instance) -> str:
    return f'W/"{change_key(instance.item.key, instance.version)}"'


def identifier(instance: Instance, how: Prefs) -> str:
    return instance.item.calendar.mailbox.name(instance.ref, immutable=how.immutable)


def stub(instance: Instance, how: Prefs) -> Json:
    """An occurrence in a delta."""
    return {
        "@odata.type": "#microsoft.graph.event",
        "@odata.etag": etag(instance),
        "seriesMasterId": _master(instance, how),
        "type": instance.kind,
        "id": identifier(instance, how),
        "start": _moment(instance, "start", how),
        "end": _moment(instance, "end", how),
    }


def event(
    user: User,
    instance: Instance,
    how: Prefs,
    *,
    select: tuple[str, ...] = (),
    expand: tuple[str, ...] = (),
    basic: bool = False,
) -> Json:
    """`expand` are the ids of the extended properties to show; `basic`: no content."""
    complete = _complete(user, instance, how)
    names = select or tuple(name for name in structural("event") if name not in _HIDDEN)
    hidden = _CONTENT if basic else frozenset()
    shown: Json = {"@odata.etag": etag(instance), "id": complete["id"]}
    shown |= {name: complete.get(name) for name in names if name not in hidden}
    if not select and "transactionId" not in instance.data:
        del shown["transactionId"]
    if expand:
        held = {name.lower(): (name, value) for name, value in instance.marks.items()}
        found = [held[name.lower()] for name in expand if name.lower() in held]
        if found:
            shown["singleValueExtendedProperties"] = [{"id": name, "value": value} for name, value in found]
    return shown


def _complete(user: User, instance: Instance, how: Prefs) -> Json:
    data, item = instance.data, instance.item
    own = cast("Json", data.get("organizer") or _person(user.name, item.calendar.owner))
    mine = cast("dict[str, dict[str, str]]", own)["emailAddress"]["address"].lower() == user.email
    uid = str(data.get("iCalUId") or "")
    if instance.day:  # each occurrence has its own
        uid = f"{uid}-{instance.day.replace('-', '')}"
    answer = data.get("responseStatus") or {"response": "organizer" if mine else "none", "time": _NEVER}
    identity = identifier(instance, how)
    series = instance.kind == "seriesMaster"
    days = [f"OID.{identity}.{day}" for day in sorted(item.cancelled)] if series else []
    location = data.get("location") or {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"}
    found: Json = {
        "allowNewTimeProposals": True,
        "attendees": [],
        "categories": [],
        "hasAttachments": False,
        "hideAttendees": False,
        "importance": "normal",
        "isAllDay": False,
        "isCancelled": False,
        "isDraft": False,
        "isOnlineMeeting": False,
        "isReminderOn": True,
        "locations": [],
        "onlineMeeting": None,
        "onlineMeetingProvider": "unknown",
        "onlineMeetingUrl": None,
        "reminderMinutesBeforeStart": 15,
        "responseRequested": True,
        "sensitivity": "normal",
        "showAs": "busy",
        **data,
        "id": identity,
        "changeKey": change_key(item.key, instance.version),
        "createdDateTime": zones.stamp(item.made),
        "lastModifiedDateTime": zones.stamp(item.changed),
        "iCalUId": uid,
        "type": instance.kind,
        "seriesMasterId": _master(instance, how),
        "originalStart": zones.stamp(instance.original).replace(".0000000Z", "Z") if instance.day else None,
        "isOrganizer": mine,
        "organizer": own,
        "responseStatus": answer,
        "body": _body(data, how),
        "bodyPreview": _text(data)[:255],
        "location": location,
        "recurrence": data.get("recurrence") if series else None,
        "cancelledOccurrences": days,
        "webLink": f"https://outlook.office365.com/owa/?itemid={identity}&exvsurl=1&path=/calendar/item",
        "start": _moment(instance, "start", how),
        "end": _moment(instance, "end", how),
    }
    return found


def _person(name: str, address: str) -> Json:
    return {"emailAddress": {"name": name, "address": address}}


def _master(instance: Instance, how: Prefs) -> str | None:
    return identifier(instance.item.instance(), how) if instance.day else None


def _moment(instance: Instance, name: str, how: Prefs) -> Json:
    value = cast("Json", instance.data[name])
    if instance.data.get("isAllDay"):  # a day floats: its midnight is said to be in whatever zone was asked for
        return zones.shown(datetime.fromisoformat(str(value["dateTime"])), how.zone)
    return zones.shown(zones.instant(value).astimezone(zones.known(how.zone)).replace(tzinfo=None), how.zone)


def _text(data: Json) -> str:
    body = cast("dict[str, str]", data.get("body") or {"contentType": "text", "content": ""})
    text = body["content"]
    if body["contentType"].lower() == "html":
        text = html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
    return re.sub(r"\r?\n", "\r\n", text)


def _body(data: Json, how: Prefs) -> Json:
    """Text becomes a page unless text is preferred; its lines end as in Windows."""
    body = cast("dict[str, str]", data.get("body") or {"contentType": "text", "content": ""})
    if how.text:
        return {"contentType": "text", "content": _text(data)}
    if body["contentType"].lower() == "html" or not body["content"]:
        return {"contentType": "html", "content": body["content"]}
    lines = "<br>\r\n".join(html.escape(line) for line in _text(data).split("\r\n"))
    page = f'<html><head>\r\n</head>\r\n<body>\r\n<div class="PlainText">{lines}</div>\r\n</body></html>\r\n'
    return {"contentType": "html", "content": page}


def calendar(found: Calendar, users: Mapping[str, User], *, select: tuple[str, ...] = ()) -> Json:
    user, owner = users[found.mailbox.owner], users.get(found.owner)
    online = "unknown" if user.personal else "teamsForBusiness"
    mine = found.owner == found.mailbox.owner
    complete: Json = {
        "id": found.id,
        "name": found.name,
        "color": found.color,
        "hexColor": found.hex_color,
        "isDefaultCalendar": found.default,
        "changeKey": change_key(found.id, 1),
        "canShare": mine and found.can_edit,
        "canViewPrivateItems": mine,
        "canEdit": found.can_edit,
        "allowedOnlineMeetingProviders": [] if user.personal else [online],
        "defaultOnlineMeetingProvider": online,
        "isTallyingResponses": found.default,
        "isRemovable": not found.default,
        "owner": {"name": owner.name if owner else found.owner, "address": found.owner},
    }
    return {"id": found.id} | {name: complete[name] for name in select or tuple(complete)}


def date_of(text: str, name: str) -> datetime:
    """A bound of a view; without an offset it is UTC. Raises GraphError 400."""
    try:
        moment = date_time(text)
    except ValueError:
        raise invalid(f"The value '{text}' of '{name}' is invalid.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
