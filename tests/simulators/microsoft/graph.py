"""Graph v1.0 for calendars: what is asked, whether it may be, and the answer.

Unknown options and properties are refused, as the real service refuses them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.simulators.microsoft import names, subscriptions, views
from tests.simulators.microsoft.call import READ, WHOLE, WRITE, Call
from tests.simulators.microsoft.errors import GraphError, Json, bad, conflict, denied, missing, signed_out, throttled
from tests.simulators.microsoft.recurrence import wall
from tests.simulators.microsoft.world import Calendar, Event, MicrosoftWorld

PREFIX = "/v1.0/"
Handler = Callable[..., tuple[int, Json | None]]


def me(call: Call) -> tuple[int, Json]:
    call.need({"User.Read"})
    return 200, {"id": call.user.sub, "userPrincipalName": call.user.email, "mail": call.user.email}


def calendars(call: Call) -> tuple[int, Json]:
    call.need(READ)
    call.only("$select", "$top", "$skip")
    chosen = views.select(call.query.get("$select"), names.CALENDAR)
    items = [views.calendar(each) for each in call.user.calendars.values()]
    shown = [{name: value for name, value in item.items() if not chosen or name in {*chosen, "id"}} for item in items]
    return 200, views.paged(call, "me/calendars", shown, default=10, most=999)


def one_calendar(call: Call, calendar: str) -> tuple[int, Json]:
    call.need(READ)
    call.only("$select")
    return 200, views.calendar(call.calendar(calendar))


def calendar_view(call: Call, calendar: str) -> tuple[int, Json]:
    call.need(READ)
    call.only("startDateTime", "endDateTime", "$select", "$expand", "$top", "$skip", "$orderby")
    low, high = views.bounds(call.query)
    project = views.projection(call, in_a_view=True)
    items = [views.occurrence(call, each) for each in call.calendar(calendar).view(low, high)]
    path = f"me/calendars/{calendar}/calendarView"
    return 200, views.paged(call, path, [project(*each) for each in items], default=10, most=1000)


def delta(call: Call, calendar: str) -> tuple[int, Json]:
    call.need(READ)
    if refused := sorted(set(call.query) & {"$select", "$expand", "$filter", "$orderby", "$search"}):
        raise bad(f"{refused[0]} is not supported with change tracking on calendarView.", "ErrorInvalidUrlQuery")
    call.only("startDateTime", "endDateTime", "$deltatoken", "$skiptoken")
    return 200, views.delta(call, call.calendar(calendar))


def list_events(call: Call, calendar: str) -> tuple[int, Json]:
    call.need(READ)
    call.only("$select", "$expand", "$filter", "$top", "$skip")
    found = list(call.calendar(calendar).events.values())
    if wanted := call.query.get("$filter"):
        if match := re.fullmatch(r"iCalUId eq '((?:[^']|'')*)'", wanted):
            uid = match[1].replace("''", "'")
            found = [each for each in found if views.top_level(call, each)[0]["iCalUId"] == uid]
        elif match := re.fullmatch(
            r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']+)' and ep/value eq '([^']*)'\)", wanted
        ):
            call.need(WHOLE)
            found = [each for each in found if each.properties.get(match[1]) == match[2]]
        else:
            raise bad("The $filter is not understood.", "ErrorInvalidUrlQueryFilter")
    project = views.projection(call)
    items = [project(*views.top_level(call, each)) for each in found]
    return 200, views.paged(call, f"me/calendars/{calendar}/events", items, default=10, most=1000)


def get_event(call: Call, event: str, calendar: str | None = None) -> tuple[int, Json]:
    call.need(READ)
    call.only("$select", "$expand")
    return 200, views.projection(call)(*views.top_level(call, _find(call, event, calendar)[1]))


def instances(call: Call, calendar: str, event: str) -> tuple[int, Json]:
    call.need(READ)
    call.only("startDateTime", "endDateTime", "$select", "$top", "$skip")
    low, high = views.bounds(call.query)
    project = views.projection(call, in_a_view=True)
    place, found = _find(call, event, calendar)
    items = [views.occurrence(call, each) for each in place.view(low, high) if each.event is found]
    path = f"me/calendars/{calendar}/events/{event}/instances"
    return 200, views.paged(call, path, [project(*each) for each in items], default=10, most=1000)


def create(call: Call, calendar: str) -> tuple[int, Json]:
    call.need(WRITE)
    place = call.calendar(calendar)
    if not place.can_edit:
        raise denied()
    _check(call.body, new=True)
    transaction = str(call.body.get("transactionId") or "")
    if transaction:
        for each in (*place.events.values(), *place.deleted.values()):
            if each.transaction == transaction:
                raise GraphError(
                    409,
                    "ErrorDuplicateTransactionId",
                    "The transactionId has already been used to create a different event.",
                )
    made = call.world.store(place, call.body)
    return 201, views.projection(call)(*views.top_level(call, made))


def change(call: Call, event: str, calendar: str | None = None) -> tuple[int, Json]:
    call.need(WRITE)
    place, found = _find(call, event, calendar)
    _condition(call, found)
    if "transactionId" in call.body:
        raise bad("transactionId cannot be changed", "ErrorInvalidRequest")
    _check(call.body, new=False)
    body = dict(call.body)
    for each in body.pop("singleValueExtendedProperties", []) or []:  # type: ignore[attr-defined]
        found.properties[each["id"]] = each["value"]
    found.data = found.data | body
    if found.data.get("attendees"):
        call.world.mails.append({"to": found.data["attendees"], "event": found.id, "what": "update"})
    call.world.touch(place, found)
    return 200, views.projection(call)(*views.top_level(call, found))


def remove(call: Call, event: str, calendar: str | None = None) -> tuple[int, None]:
    call.need(WRITE)
    place, found = _find(call, event, calendar)
    _condition(call, found)
    if found.data.get("attendees"):
        call.world.mails.append({"to": found.data["attendees"], "event": found.id, "what": "cancellation"})
    call.world.remove(place, found)
    return 204, None


def schedule(call: Call) -> tuple[int, Json]:
    call.need(READ)
    if call.user.personal:
        raise GraphError(403, "ErrorAccessDenied", "getSchedule is not available for personal accounts.")
    raise GraphError(501, "NotImplemented", "Not simulated.")


def subscribe(call: Call) -> tuple[int, Json]:
    call.need(WHOLE)
    made = subscriptions.create(
        call.world, call.user.email, call.access.grant.app.client_id, call.body, immutable=call.immutable
    )
    return 201, made


def list_subscriptions(call: Call) -> tuple[int, Json]:
    call.need(WHOLE)
    call.only()
    mine = [each for each in call.world.subscriptions.values() if each.email == call.user.email]
    return 200, {"value": [each.shown() for each in mine if each.client_id == call.access.grant.app.client_id]}


def resubscribe(call: Call, name: str) -> tuple[int, Json]:
    call.need(WHOLE)
    return 200, subscriptions.renew(call.world, call.user.email, name, call.body)


def unsubscribe(call: Call, name: str) -> tuple[int, None]:
    call.need(WHOLE)
    del call.world.subscriptions[subscriptions.find(call.world, call.user.email, name).id]
    return 204, None


_ID = r"([^/]+)"
ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
    (method, re.compile(path), handler)
    for method, path, handler in (
        ("GET", "me", me),
        ("GET", "me/calendars", calendars),
        ("GET", f"me/calendars/{_ID}", one_calendar),
        ("GET", f"me/calendars/{_ID}/calendarView", calendar_view),
        ("GET", f"me/calendars/{_ID}/calendarView/delta", delta),
        ("GET", f"me/calendars/{_ID}/events", list_events),
        ("POST", f"me/calendars/{_ID}/events", create),
        ("GET", f"me/calendars/{_ID}/events/{_ID}", lambda call, place, name: get_event(call, name, place)),
        ("GET", f"me/calendars/{_ID}/events/{_ID}/instances", instances),
        ("PATCH", f"me/calendars/{_ID}/events/{_ID}", lambda call, place, name: change(call, name, place)),
        ("DELETE", f"me/calendars/{_ID}/events/{_ID}", lambda call, place, name: remove(call, name, place)),
        ("GET", f"me/events/{_ID}", get_event),
        ("PATCH", f"me/events/{_ID}", change),
        ("DELETE", f"me/events/{_ID}", remove),
        ("POST", "me/calendar/getSchedule", schedule),
        ("GET", "subscriptions", list_subscriptions),
        ("POST", "subscriptions", subscribe),
        ("PATCH", f"subscriptions/{_ID}", resubscribe),
        ("DELETE", f"subscriptions/{_ID}", unsubscribe),
    )
)


def answer(world: MicrosoftWorld, request: Request, raw: bytes) -> Response:
    """The answer to one request, under the limits of its mailbox."""
    try:
        call, path = _authorized(world, request, raw)
    except GraphError as error:
        return JSONResponse(error.body, error.status, headers=error.headers)
    with world.lock:
        running = world.busy[call.user.email] = world.busy.get(call.user.email, 0) + 1
        world.most_at_once = max(world.most_at_once, running)
    try:
        if running > world.at_once:
            raise throttled(1, "ApplicationThrottled")
        status, body = _routed(world, call, path)
    except GraphError as error:
        return JSONResponse(error.body, error.status, headers=error.headers)
    finally:
        with world.lock:
            world.busy[call.user.email] -= 1
    return Response(status_code=status) if body is None else JSONResponse(body, status)


def _routed(world: MicrosoftWorld, call: Call, path: str) -> tuple[int, Json | None]:
    for method, pattern, handler in ROUTES:
        match = pattern.fullmatch(path)
        if match and method == call.method:
            parts = [unquote(each) for each in match.groups()]
            if handler is subscribe:  # the handshake comes back while this call is open
                return handler(call, *parts)
            with world.lock:
                return handler(call, *parts)
    raise bad(f"Resource not found for the segment {path!r}.", "BadRequest")


def _authorized(world: MicrosoftWorld, request: Request, raw: bytes) -> tuple[Call, str]:
    header = request.headers.get("authorization", "")
    with world.lock:
        access = world.consents.check(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else None
    if access is None:
        raise signed_out()
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise bad("Query options must be specified once.")
    body: Any = {}
    if raw:
        try:
            body = json.loads(raw)
        except ValueError:
            raise bad("Unable to read JSON request payload.", "BadRequest") from None
        if not isinstance(body, dict):
            raise bad("An object is expected.", "BadRequest")
    prefer = {}
    for each in request.headers.get("prefer", "").split(","):
        name, _, value = each.strip().partition("=")
        prefer[name.lower()] = value
    call = Call(
        world=world,
        access=access,
        user=world.users[access.grant.email],
        method=request.method,
        query=dict(pairs),
        prefer=prefer,
        if_match=request.headers.get("if-match"),
        body=body,
    )
    path = request.scope["raw_path"].decode().partition("?")[0]
    return call, path.removeprefix(PREFIX)


def _find(call: Call, event: str, calendar: str | None) -> tuple[Calendar, Event]:
    places = [call.calendar(calendar)] if calendar is not None else list(call.user.calendars.values())
    for place in places:
        for each in place.events.values():
            if event in (each.id, each.rest_id):
                return place, each
    raise missing()


def _condition(call: Call, found: Event) -> None:
    if call.if_match is not None and call.if_match != found.etag:
        raise conflict()


def _check(body: Json, *, new: bool) -> None:
    """Refuse what Graph does not know, or does not let anybody set."""
    for name in body:
        if name not in names.EVENT:
            raise bad(f"The property '{name}' does not exist on type 'microsoft.graph.event'.", "RequestBodyRead")
        if name not in names.EVENT_WRITABLE:
            raise bad(f"The property '{name}' is read-only.", "ErrorInvalidRequest")
    if new and not {"start", "end"} <= set(body):
        raise bad("start and end are required", "ErrorInvalidRequest")
    for name in {"start", "end"} & set(body):
        wall(body[name], name)
    if body.get("showAs", "busy") not in names.SHOW_AS or body.get("sensitivity", "normal") not in names.SENSITIVITY:
        raise bad("Requested value was not found.", "RequestBodyRead")
    for each in body.get("singleValueExtendedProperties") or []:  # type: ignore[attr-defined]
        if set(each) != {"id", "value"} or not re.fullmatch(r"String \{[0-9a-fA-F-]{36}\} Name \S+", each["id"]):
            raise bad("The extended property id is not valid.", "ErrorInvalidProperty")
