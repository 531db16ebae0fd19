"""The simulated Microsoft as one ASGI app, and running."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.simulators.microsoft import graph, oauth, subscriptions
from tests.simulators.microsoft.errors import throttled, unavailable
from tests.simulators.microsoft.world import MicrosoftWorld
from tests.simulators.panel import Panel
from tests.simulators.serving import serving


def microsoft_app(world: MicrosoftWorld) -> ASGIApp:
    """The app that answers for the identity platform and for Graph, under the world's panel."""

    async def authorize(request: Request) -> Response:
        if request.method == "POST":
            return oauth.decide(world, request, await request.body())
        return oauth.authorize(world, request)

    async def token(request: Request) -> Response:
        return oauth.token(world, request, await request.body())

    async def call(request: Request) -> Response:
        # In a thread: a subscription's handshake comes back while the call is open.
        return await run_in_threadpool(graph.answer, world, request, await request.body())

    routes = [
        Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"]),
        Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        Route(graph.PREFIX + "{path:path}", call, methods=["GET", "POST", "PATCH", "DELETE"]),
    ]
    _add_commands(world)
    world.told.append(partial(subscriptions.tell, world))
    return world.panel.wrap(Starlette(routes=routes))


def _add_commands(world: MicrosoftWorld) -> None:
    """What a person may do on the panel's page."""

    def command(name: str, title: str, fields: tuple[str, ...], run: Callable[[Mapping[str, str]], object]) -> None:
        world.panel.command(name, title, fields, lambda given: str(run(given) or "Done"))

    def add(given: Mapping[str, str]) -> str:
        times = {name: {"dateTime": given[name], "timeZone": "UTC"} for name in ("start", "end")}
        return (
            world.user(given["email"]).calendar().put({"subject": given.get("subject", "Added on the panel"), **times})
        )

    def secret(given: Mapping[str, str]) -> None:
        world.apps[given["client_id"]].secret = given["secret"]

    def expire_delta(_given: Mapping[str, str]) -> None:
        for user in world.users.values():
            user.calendar().expire_delta()

    def times(given: Mapping[str, str]) -> int:
        return int(given.get("times") or 1)

    command("expire-tokens", "End all access tokens", (), lambda _: world.consents.expire_access())
    command("revoke", "Revoke a person's consent", ("email",), lambda it: world.consents.revoke(it["email"]))
    command("expire-delta", "Answer 410 to all delta links", (), expire_delta)
    command("secret", "Change a client secret", ("client_id", "secret"), secret)
    command("throttle", "429 with Retry-After", ("times",), lambda it: world.refuse(throttled(), times=times(it)))
    command("fail", "503", ("times",), lambda it: world.refuse(unavailable(), times=times(it)))
    command("add-event", "Add an event as its owner (UTC)", ("email", "subject", "start", "end"), add)
    command(
        "events",
        "List a person's events",
        ("email",),
        lambda it: json.dumps(
            [{"id": each.id, "text": str(each.data)} for each in world.user(it["email"]).calendar().events()]
        ),
    )
    command(
        "delete-event",
        "Delete an event as its owner",
        ("email", "event"),
        lambda it: world.user(it["email"]).calendar().delete(it["event"]),
    )
    command(
        "lifecycle",
        "reauthorizationRequired, subscriptionRemoved or missed",
        ("email", "event"),
        lambda it: subscriptions.lifecycle(world, it["email"], it["event"]),
    )


@contextmanager
def microsoft_simulator(world: MicrosoftWorld | None = None, *, port: int = 0) -> Iterator[MicrosoftWorld]:
    """A running simulator; `world.url` is its address, without a slash."""
    world = world or MicrosoftWorld(panel=Panel("Microsoft"))
    with serving(microsoft_app(world), port) as url:
        world.url = url
        try:
            yield world
        finally:
            world.panel.deliveries.stop()
