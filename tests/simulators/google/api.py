"""The Calendar API over HTTP: every call held against the discovery document, then against its scopes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tests.simulators.google import calendars, discovery, events
from tests.simulators.google.call import Call
from tests.simulators.google.errors import ApiError, Json, api_disabled, bad_credentials, scope_missing
from tests.simulators.google.world import GoogleWorld

PREFIX = "/calendar/v3/"


def answer(world: GoogleWorld, request: Request, body: bytes) -> Response:
    """The whole exchange; errors in Google's shape."""
    try:
        with world.lock:
            return _answer(world, request, body)
    except ApiError as error:
        content = b"" if error.status == 304 else json.dumps(error.body).encode()
        return Response(content, error.status, error.headers, "application/json; charset=UTF-8")


def _answer(world: GoogleWorld, request: Request, body: bytes) -> Response:
    raw = request.scope["raw_path"].decode().partition("?")[0]
    method, path = discovery.find(request.method, raw.removeprefix(PREFIX))
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    access = world.consents.check(token) if kind.lower() == "bearer" else None
    if access is None:
        raise bad_credentials()
    if not access.grant.app.api_enabled:
        raise api_disabled()
    world.spend(access.grant.email)
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    query = discovery.check_query(method, pairs)
    fields = discovery.parse_fields(query.values["fields"]) if "fields" in query.values else {}
    if fields and method.response is not None:
        discovery.check_fields(fields, discovery.document()["schemas"][method.response])
    content = discovery.check_body(method, body)
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(world=world, method=method, access=access, path=path, query=query, body=content, headers=headers)
    found = run(call)
    if found is None:
        return Response(status_code=204)
    shown = discovery.select(fields, found)
    tag = {"ETag": str(found["etag"])} if "etag" in found else {}
    return Response(json.dumps(shown), 200, tag, "application/json; charset=UTF-8")


def run(call: Call) -> Json | None:
    """The answer's body; None is 204. Raises ApiError."""
    if not call.scopes:
        raise scope_missing()
    handler = _METHODS.get(call.method.name)
    if handler is None:
        raise ApiError(501, "notImplemented", f"{call.method.name} is not simulated.")
    return handler(call)


_METHODS: Mapping[str, Callable[[Call], Json | None]] = {
    "calendarList.list": calendars.list_entries,
    "calendarList.get": calendars.get_entry,
    "calendars.get": calendars.get,
    "calendars.insert": calendars.insert,
    "freebusy.query": calendars.free_busy,
    "events.list": events.list_,
    "events.instances": events.instances,
    "events.get": events.get,
    "events.insert": events.insert,
    "events.import": events.import_,
    "events.update": events.update,
    "events.patch": events.patch,
    "events.delete": events.delete,
    "events.watch": events.watch,
    "channels.stop": events.stop,
}
