"""How events look to who may see how much, lists in pages, and change tracking ("event: delta")."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tests.simulators.microsoft import names
from tests.simulators.microsoft.errors import Json, bad, stale
from tests.simulators.microsoft.world import Calendar, Event, Shown, shown_times

if TYPE_CHECKING:
    from tests.simulators.microsoft.call import Call

Projection = Callable[[Json, Event], Json]
_DEFAULTS: Json = {"subject": "", "showAs": "busy", "isAllDay": False, "isCancelled": False, "sensitivity": "normal"}


def calendar(found: Calendar) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "canEdit": found.can_edit,
        "canShare": found.default,
        "isDefaultCalendar": found.default,
        "hexColor": "",
        "color": "auto",
        "owner": {"name": found.owner, "address": found.owner},
    }


def top_level(call: Call, event: Event) -> tuple[Json, Event]:
    """A single event or a series master."""
    first = next(Calendar(id="", name="", owner="").occurrences(event), None)
    kind = "seriesMaster" if event.series else "singleInstance"
    data = _common(call, event, event.data, event.id if call.immutable else event.rest_id, kind)
    if first is not None:
        data |= shown_times(Shown(event=event, data=event.data, start=first.start, end=first.end))
    return data, event


def occurrence(call: Call, shown: Shown) -> tuple[Json, Event]:
    event = shown.event
    master = event.id if call.immutable else event.rest_id
    name = master if shown.day is None else f"{master[:-1]}.{shown.day:%Y%m%d}="
    data = _common(call, event, shown.data, name, shown.kind) | shown_times(shown)
    if shown.day is not None:
        data["seriesMasterId"] = master
        data["iCalUId"] = f"{data['iCalUId']}{shown.day:%Y%m%d}"
        data["recurrence"] = None
    return data, event


def _common(call: Call, event: Event, data: Json, name: str, kind: str) -> Json:
    return {
        "@odata.etag": event.etag,
        "id": name,
        "changeKey": event.etag[3:-1],
        "type": kind,
        "seriesMasterId": None,
        "iCalUId": data.get("iCalUId") or f"040000008200E0{event.id[:20]}",
        "body": {"contentType": "text", "content": ""},
        "location": {"displayName": ""},
        "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
        "attendees": [],
        **_DEFAULTS,
        **{key: value for key, value in data.items() if key not in ("start", "end", "iCalUId")},
        **({"transactionId": event.transaction} if event.transaction else {}),
    }


def select(text: str | None, known: frozenset[str]) -> frozenset[str]:
    """The chosen properties; empty: all. Raises GraphError 400."""
    chosen = frozenset(each.strip() for each in text.split(",")) if text else frozenset()
    if unknown := sorted(chosen - known):
        raise bad(f"Could not find a property named '{unknown[0]}'.", "BadRequest")
    return chosen


def projection(call: Call, *, in_a_view: bool = False) -> Projection:
    """What the call's `$select`, `$expand` and permission leave of an event."""
    chosen = select(call.query.get("$select"), names.EVENT)
    if in_a_view and chosen & names.NOT_SELECTABLE_IN_A_VIEW:
        raise bad("createdDateTime and lastModifiedDateTime cannot be selected here.", "ErrorInvalidProperty")
    wanted = ""
    if expand := call.query.get("$expand"):
        match = re.fullmatch(r"singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)", expand)
        if match is None:
            raise bad("The $expand is not understood.", "BadRequest")
        if not call.whole:
            raise bad("Extended properties are not open to Calendars.ReadBasic.", "ErrorAccessDenied")
        wanted = match[1]

    def project(item: Json, event: Event) -> Json:
        hidden = frozenset() if call.whole else names.BASIC_HIDES
        found = {
            name: value
            for name, value in item.items()
            if name not in hidden and (not chosen or name in chosen or name in ("@odata.etag", "id"))
        }
        if wanted and wanted in event.properties:
            found["singleValueExtendedProperties"] = [{"id": wanted, "value": event.properties[wanted]}]
        return found

    return project


def bounds(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """startDateTime and endDateTime; without an offset they are UTC. Raises GraphError 400."""
    found = []
    for name in ("startDateTime", "endDateTime"):
        try:
            moment = datetime.fromisoformat(query[name])
        except (KeyError, ValueError):
            raise bad(f"This request requires a time window: {name}.", "ErrorInvalidParameter") from None
        found.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if not found[0] < found[1] or (found[1] - found[0]).days > 1825:
        raise bad("The time window is not valid.", "ErrorCalendarViewRangeTooBig")
    return found[0], found[1]


def paged(call: Call, path: str, items: Sequence[Json], *, default: int, most: int) -> Json:
    """One page, and where the next one is."""
    top, skip = int(call.query.get("$top", default)), int(call.query.get("$skip", 0))
    if not 1 <= top <= most:
        raise bad(f"Invalid value for $top: it must be between 1 and {most}.", "ErrorInvalidParameter")
    size = min(top, call.world.page_cap or top)
    page: Json = {"value": list(items[skip : skip + size])}
    if skip + size < len(items):
        query = urlencode({**call.query, "$skip": skip + size}, quote_via=quote)
        page["@odata.nextLink"] = f"{call.world.url}/v1.0/{quote(path)}?{query}"
    return page


@dataclass(kw_only=True)
class Round:
    """A delta round that is being paged."""

    items: list[Json]
    link: str


def delta(call: Call, place: Calendar) -> Json:
    """A page of a round: the first one over a window, or what changed since a link."""
    world = call.world
    if token := call.query.get("$skiptoken"):
        name, _, at = token.partition(".")
        found = world.rounds.get(name)
        if not isinstance(found, Round):
            raise stale()
        return _delta_page(call, place, name, found, int(at))
    upto = world.seq - world.lag
    if token := call.query.get("$deltatoken"):
        low, high, since, epoch = _token(token)
        if epoch != place.epoch:
            raise stale()
        changed = {name for number, name in place.log if since < number <= upto}
    else:
        low, high = bounds(call.query)
        changed, epoch = None, place.epoch
    items = _items(call, place, low, high, changed)
    if world.replay:
        items = [*items, *items]
    link = f"{int(low.timestamp())}_{int(high.timestamp())}_{upto}_{epoch}"
    name = secrets.token_hex(8)
    world.rounds[name] = found = Round(items=items, link=link)
    return _delta_page(call, place, name, found, 0)


def _delta_page(call: Call, place: Calendar, name: str, found: Round, at: int) -> Json:
    asked = int(call.prefer.get("odata.maxpagesize", "10") or 10)
    size = min(asked, call.world.page_cap or asked)
    base = f"{call.world.url}/v1.0/me/calendars/{quote(place.id, safe='')}/calendarView/delta"
    page: Json = {"value": found.items[at : at + size]}
    if at + size < len(found.items):
        page["@odata.nextLink"] = f"{base}?$skiptoken={name}.{at + size}"
    else:
        page["@odata.deltaLink"] = f"{base}?$deltatoken={found.link}"
    return page


def _items(call: Call, place: Calendar, low: datetime, high: datetime, changed: set[str] | None) -> list[Json]:
    """Singles and exceptions with all their texts, occurrences as stubs, and what is not in the window any more."""
    items: list[Json] = []
    seen: set[str] = set()
    for shown in place.view(low, high):
        if changed is not None and shown.event.id not in changed:
            continue
        item, _ = occurrence(call, shown)
        seen.add(shown.event.id)
        if shown.kind == "occurrence":
            item = {key: item[key] for key in ("id", "seriesMasterId", "type", "start", "end", "@odata.etag")}
        items.append(item)
    for name in sorted((changed or set()) - seen):
        items.append({"id": name, "@removed": {"reason": "deleted"}})
    return items


def _token(text: str) -> tuple[datetime, datetime, int, int]:
    try:
        low, high, since, epoch = (int(each) for each in text.split("_"))
    except ValueError:
        raise stale() from None
    return datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC), since, epoch
