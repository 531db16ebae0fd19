"""The shell: pages, the mounted API, and what starts and stops with the process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import reflex as rx

from booking_app import config, logs, pauses, runtime
from booking_app.api.app import create_api
from booking_app.components import layout, theme
from booking_app.pages.routes import PAGES
from booking_app.state.owner import DropWhatNobodyWaitsFor, ForgetOnChangeOfSession
from booking_app.state.sockets import LONGEST_MESSAGE, Sockets


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """The program runs for as long as the server does."""
    settings = config.load()
    logs.configure(settings.log_level)
    async with runtime.running(settings):
        pauses.settle()
        yield


def create_app() -> rx.App:
    """The app with all its pages."""
    shell = rx.App(
        api_transformer=create_api(https=config.surface().public_url.startswith("https:")),
        html_lang="en",
        stylesheets=theme.STYLESHEETS,
        head_components=theme.head(),
        app_wraps=layout.wraps(),
        backend_exception_handler=layout.tell_trouble,
    )
    for route, page, title, on_load in PAGES:
        shell.add_page(page, route=route, title=title, on_load=on_load)
    shell.add_middleware(DropWhatNobodyWaitsFor())
    shell.add_middleware(ForgetOnChangeOfSession())
    _bound(shell)
    shell.register_lifespan_task(lifespan)
    return shell


def _bound(shell: rx.App) -> None:
    """Put `Sockets` in the place of Reflex's own namespace, before anything is served."""
    server = shell.sio
    if server is None or shell.event_namespace is None:
        raise RuntimeError("the app has no states")
    sockets = Sockets(shell.event_namespace.namespace, shell)
    shell._event_namespace = sockets
    server.register_namespace(sockets)
    sockets.guard(server)
    server.eio.max_http_buffer_size = LONGEST_MESSAGE
    server.eio.transports = ["websocket", "polling"]


app = create_app()
