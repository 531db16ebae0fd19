"""Graph over HTTP: every call held against its token, the mailbox's limits, its permissions and its parameters."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from tests.simulators.microsoft import delta, events, listing, schedule, subscriptions, views
from tests.simulators.microsoft.call import Call
from tests.simulators.microsoft.errors import GraphError, Json, bad_query, bad_token, no_mailbox
from tests.simulators.microsoft.schema import check
from tests.simulators.microsoft.tokens import new_guid
from tests.simulators.microsoft.world import MicrosoftWorld

PREFIX = "/v1.0/"
_CROWDED = "microsoft.crowded"
_ME = ("id", "displayName", "mail", "userPrincipalName", "givenName", "surname", "preferredLanguage")


@contextlib.asynccontextmanager
async def counted(world: MicrosoftWorld, scope: Scope) -> AsyncIterator[None]:
    """From a request's arrival to its answer it is one of those that its mailbox serves at the same time."""
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    access = world.consents.check(headers.get("authorization", "").removeprefix("Bearer "))
    path = str(scope.get("path", ""))
    if access is None or not path.startswith(PREFIX) or path.startswith(PREFIX + "subscriptions"):
        yield
        return
    email = access.grant.email
    world.in_flight[email] += 1
    scope[_CROWDED] = world.in_flight[email] > world.at_once
    world.most_at_once = max(world.most_at_once, world.in_flight[email])
    try:
        yield
    finally:
        world.in_flight[email] -= 1


async def answer(world: MicrosoftWorld, request: Request) -> Response:
    """The whole exchange; errors in Graph's shape."""
    await asyncio.sleep(world.latency)
    request_id = new_guid()
    headers = {"request-id": request_id, "client-request-id": request.headers.get("client-request-id", request_id)}
    try:
        call = await _call(world, request)
        if call.path == ("subscriptions",) and call.method == "POST":
            found: tuple[int, Json | None] = (201, await subscriptions.create(call))
        else:
            with world.lock:
                found = run(call)
        if call.prefs.applied:
            headers["Preference-Applied"] = ", ".join(call.prefs.applied)
        status, content = found
        if content is None:
            return Response(status_code=status, headers=headers)
        return Response(json.dumps(content), status, headers, "application/json; odata.metadata=minimal")
    except GraphError as error:
        inner = {"date": f"{world.now():%Y-%m-%dT%H:%M:%S}", **headers}
        shown = dict(error.body["error"])  # type: ignore[call-overload]
        shown["innerError"] = {**shown.get("innerError", {}), **inner}
        content = {"error": shown}
        return Response(json.dumps(content), error.status, {**headers, **error.headers}, "application/json")


async def _call(world: MicrosoftWorld, request: Request) -> Call:
    header = request.headers.get("authorization", "")
    kind, _, token = header.partition(" ")
    if not header:
        raise bad_token("Access token is empty.")
    access = world.consents.check(token) if kind.lower() == "bearer" else None
    if access is None:
        raise bad_token()
    raw = request.scope["raw_path"].decode().partition("?")[0].removeprefix(PREFIX)
    user = world.users[access.grant.email]
    if not raw.startswith("subscriptions"):
        world.spend(user.email, access.grant.app.client_id, crowded=bool(request.scope.get(_CROWDED)))
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise bad_query("Query option was specified more than once, but it must be specified at most once.")
    return Call(
        world=world,
        access=access,
        user=user,
        method=request.method,
        path=tuple(unquote(part) for part in raw.split("/")),
        raw=raw,
        query=dict(pairs),
        headers={name.lower(): value for name, value in request.headers.items()},
        content=await request.body(),
        prefs=views.prefs(", ".join(request.headers.getlist("prefer"))),
    )


def run(call: Call) -> tuple[int, Json | None]:
    """Status and body. Raises GraphError."""
    match call.method, call.path:
        case "GET", ("me",):
            return 200, _me(call)
        case method, ("subscriptions", *rest):
            return _subscription(call, method, rest)
        case method, ("me", *rest):
            if not call.user.has_mailbox:
                raise no_mailbox()
            return _mailbox(call, method, rest)
    raise _nothing(call)


def _nothing(call: Call) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{call.path[-1]}'.")


def _me(call: Call) -> Json:
    call.need("User.Read")
    call.only("$select")
    user = call.user
    whole = {"id": user.oid, "displayName": user.name, "mail": user.email, "userPrincipalName": user.email}
    names = tuple(call.query["$select"].split(",")) if "$select" in call.query else _ME
    for name in names:
        if name not in _ME:
            raise bad_query(f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
    return {name: whole.get(name) for name in names}


def _subscription(call: Call, method: str, rest: list[str]) -> tuple[int, Json | None]:
    match method, rest:
        case "GET", []:
            return 200, subscriptions.listed(call)
        case "GET", [name]:
            return 200, subscriptions.get(call, name)
        case "PATCH", [name]:
            return 200, subscriptions.renew(call, name)
        case "POST", [name, "reauthorize"]:
            subscriptions.reauthorize(call, name)
            return 200, None
        case "DELETE", [name]:
            subscriptions.delete(call, name)
            return 204, None
    raise _nothing(call)


def _mailbox(call: Call, method: str, rest: list[str]) -> tuple[int, Json | None]:
    """The default calendar goes by `calendar` and by no name at all."""
    match method, rest:
        case "GET", ["calendars"]:
            return 200, listing.calendars(call)
        case "POST", ["calendars"]:
            return 201, _new_calendar(call)
        case "GET", ["calendars", name]:
            return 200, listing.calendar(call, name)
        case "GET", ["calendar"]:
            return 200, listing.calendar(call, None)
        case "POST", ["calendar", "getSchedule"]:
            return 200, schedule.get(call)
        case _, ["calendars", name, *more]:
            return _calendar(call, method, name, more)
        case _, ["calendar", *more]:
            return _calendar(call, method, None, more)
    return _calendar(call, method, None, rest)


def _calendar(call: Call, method: str, calendar: str | None, rest: list[str]) -> tuple[int, Json | None]:
    match method, rest:
        case "GET", ["calendarView"]:
            return 200, listing.view(call, calendar)
        case "GET", ["calendarView", "delta" | "microsoft.graph.delta()" | "delta()"]:
            call.may_look()
            return 200, delta.answer(call, call.calendar(calendar), call.raw)
        case "GET", ["events"]:
            return 200, listing.events(call, calendar)
        case "POST", ["events"]:
            return 201, events.create(call, calendar)
        case _, ["events", name, *more]:
            call.may_look()
            within = call.calendar(calendar) if calendar is not None else None
            instance = call.user.mailbox.find(name, within)
            match method, more:
                case "GET", []:
                    return 200, listing.one(call, instance)
                case "GET", ["instances"]:
                    return 200, listing.instances(call, instance)
                case "PATCH", []:
                    return 200, events.patch(call, instance)
                case "DELETE", []:
                    events.delete(call, instance)
                    return 204, None
    raise _nothing(call)


def _new_calendar(call: Call) -> Json:
    call.may_write()
    call.only()
    body = call.body()
    check("calendar", body)
    if not body.get("name") or set(body) - {"name", "color", "hexColor"}:
        raise GraphError(400, "ErrorInvalidPropertySet", "A calendar is made with a name and a colour.")
    made = call.user.mailbox.add_calendar(str(body["name"]), hex_color=str(body.get("hexColor") or ""))
    return views.calendar(made, call.world.users)
