"""The simulated Microsoft as one ASGI app, and running."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.simulators.microsoft import api, consent, oauth
from tests.simulators.microsoft.errors import broken
from tests.simulators.microsoft.world import MicrosoftWorld
from tests.simulators.serving import serving


def microsoft_app(world: MicrosoftWorld) -> ASGIApp:
    """The app that answers for sign-in and for Graph, under the world's panel."""

    async def authorize(request: Request) -> Response:
        if request.method == "POST":
            return consent.decide(world, request, await request.body())
        return consent.authorize(world, request)

    async def token(request: Request) -> Response:
        return oauth.token(world, request, await request.body())

    async def graph(request: Request) -> Response:
        return await api.answer(world, request)

    routes = [
        Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"]),
        Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        Route(api.PREFIX + "{path:path}", graph, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    _add_commands(world)
    controlled = world.panel.wrap(Starlette(routes=routes))

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        """Outside of the panel, so that what it delays is still being served."""
        async with api.counted(world, scope):
            await controlled(scope, receive, send)

    return counted


def _add_commands(world: MicrosoftWorld) -> None:
    """What a person may do on the panel's page."""

    def command(name: str, title: str, fields: tuple[str, ...], run: Callable[[Mapping[str, str]], object]) -> None:
        world.panel.command(name, title, fields, lambda given: str(run(given) or "Done"))

    def add(given: Mapping[str, str]) -> str:
        app = world.user(given["email"]).calendar(given.get("calendar") or None)
        zone = app.user.mailbox.zone
        times = {
            name: {"dateTime": given[name].removesuffix("Z"), "timeZone": "UTC" if given[name].endswith("Z") else zone}
            for name in ("start", "end")
        }
        return app.put({"subject": given.get("summary", "Added on the panel"), **times})

    def remove(given: Mapping[str, str]) -> None:
        world.user(given["email"]).calendar(given.get("calendar") or None).delete(given["event"])

    def secret(given: Mapping[str, str]) -> None:
        world.apps[given["client_id"]].secret = given["secret"]

    def times(given: Mapping[str, str]) -> int:
        return int(given.get("times") or 1)

    command("expire-tokens", "End all access tokens", (), lambda _: world.consents.expire_access())
    command("revoke", "Revoke a person's consent", ("email",), lambda it: world.consents.revoke(it["email"]))
    command("demand", "Ask a person to sign in again", ("email",), lambda it: world.consents.demand(it["email"]))
    command("expire-delta", "Answer 410 to all delta links", (), lambda _: world.expire_delta())
    command("secret", "Change a client secret", ("client_id", "secret"), secret)
    command("quota", "429 with Retry-After", ("times",), lambda it: world.burst_429(times(it)) and None)
    command("fail", "500", ("times",), lambda it: world.refuse(broken(), times=times(it)) and None)
    command("lifecycle", "Send a lifecycle notification", ("event",), lambda it: world.lifecycle(it["event"]))
    command("add-event", "Add an event as its owner", ("email", "calendar", "summary", "start", "end"), add)
    command(
        "events",
        "List a person's events",
        ("email",),
        lambda it: json.dumps(
            [{"id": each.id, "text": str(each.data)} for each in world.user(it["email"]).calendar().events()]
        ),
    )
    command("delete-event", "Delete an event as its owner", ("email", "calendar", "event"), remove)


@contextmanager
def microsoft_simulator(world: MicrosoftWorld | None = None, *, port: int = 0) -> Iterator[MicrosoftWorld]:
    """A running simulator; `world.url` is its address, without a slash."""
    world = world or MicrosoftWorld()
    with serving(microsoft_app(world), port) as url:
        world.url = url
        try:
            yield world
        finally:
            world.notices.flush()
            world.panel.deliveries.stop()
