"""The shell: pages, the mounted API, and what starts and stops with the process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import reflex as rx

from booking_app import config, logs, pauses, runtime
from booking_app.api.app import create_api
from booking_app.components import layout, theme
from booking_app.pages import (
    admin_people,
    admin_providers,
    admin_sync,
    admin_team,
    book,
    index,
    manage,
    not_found,
    settings_calendars,
    sign_in,
    welcome,
)
from booking_app.state.book import BookState
from booking_app.state.calendars import CalendarsState
from booking_app.state.index import IndexState
from booking_app.state.linking import LinkingState
from booking_app.state.manage import ManageState
from booking_app.state.owner import ForgetOnChangeOfSession
from booking_app.state.people import PeopleState
from booking_app.state.providers import ProvidersState
from booking_app.state.session import SessionState
from booking_app.state.sign_in import SignInState, WelcomeState
from booking_app.state.sync import SyncState
from booking_app.state.team import TeamState

PAGES = (
    # route, page, title, what runs when it opens
    ("/", index.page, IndexState.page_title, [IndexState.open, IndexState.follow]),
    ("/book/[service]", book.page, BookState.page_title, [BookState.open, BookState.follow]),
    ("/manage/[token]", manage.page, ManageState.page_title, [ManageState.open, ManageState.follow]),
    ("404", not_found.page, "Not found", None),
    ("/sign-in", sign_in.page, "Sign in", SignInState.open),
    ("/welcome/[token]", welcome.page, "Welcome", WelcomeState.open),
    (
        "/settings/calendars",
        settings_calendars.page,
        "Your calendars",
        [SessionState.load, LinkingState.open, CalendarsState.open, CalendarsState.watch],
    ),
    ("/admin/people", admin_people.page, "People", [SessionState.load, PeopleState.open]),
    ("/admin/providers", admin_providers.page, "Calendar providers", [SessionState.load, ProvidersState.open]),
    ("/admin/sync", admin_sync.page, "Sync", [SessionState.load, SyncState.open, SyncState.watch]),
    ("/admin/team", admin_team.page, "Team calendar", [SessionState.load, TeamState.open, TeamState.watch]),
)


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
        api_transformer=create_api(),
        html_lang="en",
        stylesheets=theme.STYLESHEETS,
        head_components=theme.head(),
        app_wraps=layout.wraps(),
        backend_exception_handler=layout.tell_trouble,
    )
    for route, page, title, on_load in PAGES:
        shell.add_page(page, route=route, title=title, on_load=on_load)
    shell.add_middleware(ForgetOnChangeOfSession())
    shell.register_lifespan_task(lifespan)
    return shell


app = create_app()
