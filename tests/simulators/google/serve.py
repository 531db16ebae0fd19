"""The simulated Google as one ASGI app, and running."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.simulators.google import api, consent, oauth
from tests.simulators.google.errors import QUOTAS, backend
from tests.simulators.google.world import GoogleWorld
from tests.simulators.panel import Panel
from tests.simulators.serving import serving


def google_app(world: GoogleWorld) -> ASGIApp:
    """The app that answers for all of Google's hosts, under the world's panel."""

    async def authorize(request: Request) -> Response:
        if request.method == "POST":
            return consent.decide(world, await request.body())
        return consent.authorize(world, request)

    async def token(request: Request) -> Response:
        return oauth.token(world, request, await request.body())

    async def revoke(request: Request) -> Response:
        return oauth.revoke(world, request, await request.body())

    async def user_info(request: Request) -> Response:
        return oauth.user_info(world, request)

    async def calendar(request: Request) -> Response:
        return api.answer(world, request, await request.body())

    routes = [
        Route(consent.AUTHORIZE, authorize, methods=["GET", "POST"]),
        Route("/token", token, methods=["POST"]),
        Route("/revoke", revoke, methods=["POST"]),
        Route("/oauth2/v2/userinfo", user_info),
        Route(api.PREFIX + "{path:path}", calendar, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    _add_commands(world)
    return world.panel.wrap(Starlette(routes=routes))


def _add_commands(world: GoogleWorld) -> None:
    """What a person may do on the panel's page."""

    def command(name: str, title: str, fields: tuple[str, ...], run: Callable[[Mapping[str, str]], object]) -> None:
        world.panel.command(name, title, fields, lambda given: str(run(given) or "Done"))

    def add(given: Mapping[str, str]) -> str:
        app = world.user(given["email"]).calendar(given.get("calendar") or "primary")
        times = {name: {"dateTime": given[name], "timeZone": app.calendar.zone} for name in ("start", "end")}
        return app.put({"summary": given.get("summary", "Added on the panel"), **times})

    def remove(given: Mapping[str, str]) -> None:
        world.user(given["email"]).calendar(given.get("calendar") or "primary").delete(given["event"])

    def secret(given: Mapping[str, str]) -> None:
        world.apps[given["client_id"]].secret = given["secret"]

    command("expire-tokens", "End all access tokens", (), lambda _: world.consents.expire_access())
    command("revoke", "Revoke a person's consent", ("email",), lambda it: world.consents.revoke(None, it["email"]))
    command("expire-sync", "Answer 410 to all sync tokens", (), lambda _: world.expire_sync_tokens())
    command("secret", "Change a client secret", ("client_id", "secret"), secret)
    command(
        "quota",
        f"Quota errors: {', '.join(QUOTAS)}",
        ("shape", "times"),
        lambda it: world.break_quota(it["shape"], times=int(it.get("times") or 1)),
    )
    command("fail", "500 backendError", ("times",), lambda it: world.refuse(backend(), times=int(it.get("times") or 1)))
    command("add-event", "Add an event as its owner", ("email", "calendar", "summary", "start", "end"), add)
    command(
        "events",
        "List a person's events",
        ("email",),
        lambda it: json.dumps(
            [{"id": each["id"], "text": str(each)} for each in world.user(it["email"]).calendar().events()]
        ),
    )
    command("delete-event", "Delete an event as its owner", ("email", "calendar", "event"), remove)


@contextmanager
def google_simulator(world: GoogleWorld | None = None, *, port: int = 0) -> Iterator[GoogleWorld]:
    """A running simulator; `world.url` is its address, without a slash."""
    world = world or GoogleWorld(panel=Panel("Google"))
    with serving(google_app(world), port) as url:
        world.url = url
        try:
            yield world
        finally:
            world.panel.deliveries.stop()
