"""Which page is where, what it is called, and what runs when it opens."""

from __future__ import annotations

from booking_app.pages import (
    admin_bookings,
    admin_people,
    admin_providers,
    admin_sync,
    admin_team,
    book,
    confirm,
    forgot,
    index,
    manage,
    not_found,
    reset,
    settings_calendars,
    sign_in,
    welcome,
)
from booking_app.state.book import BookState
from booking_app.state.bursts import BurstsState
from booking_app.state.calendars import CalendarsState
from booking_app.state.confirm import ConfirmState
from booking_app.state.index import IndexState
from booking_app.state.linking import LinkingState
from booking_app.state.manage import ManageState
from booking_app.state.people import PeopleState
from booking_app.state.providers import ProvidersState
from booking_app.state.reset import ForgotState, ResetState
from booking_app.state.session import SessionState
from booking_app.state.sign_in import SignInState, WelcomeState
from booking_app.state.sync import SyncState
from booking_app.state.team import TeamState

PAGES = (
    # route, page, title, what runs when it opens
    ("/", index.page, IndexState.page_title, [IndexState.open, IndexState.follow]),
    ("/book/[service]", book.page, BookState.page_title, [BookState.open, BookState.follow]),
    ("/confirm/[token]", confirm.page, "Confirm your appointment", ConfirmState.open),
    ("/manage/[token]", manage.page, ManageState.page_title, [ManageState.open, ManageState.follow]),
    ("404", not_found.page, "Not found", None),
    ("/sign-in", sign_in.page, "Sign in", SignInState.open),
    ("/forgot", forgot.page, "Forgot your password?", ForgotState.open),
    ("/reset/[token]", reset.page, "Choose a new password", ResetState.open),
    ("/welcome/[token]", welcome.page, "Welcome", WelcomeState.open),
    (
        "/settings/calendars",
        settings_calendars.page,
        "Your calendars",
        [SessionState.load, LinkingState.open, CalendarsState.open, CalendarsState.watch],
    ),
    ("/admin/bookings", admin_bookings.page, "Bookings", [SessionState.load, BurstsState.open]),
    ("/admin/people", admin_people.page, "People", [SessionState.load, PeopleState.open]),
    ("/admin/providers", admin_providers.page, "Calendar providers", [SessionState.load, ProvidersState.open]),
    ("/admin/sync", admin_sync.page, "Sync", [SessionState.load, SyncState.open, SyncState.watch]),
    ("/admin/team", admin_team.page, "Team calendar", [SessionState.load, TeamState.open, TeamState.watch]),
)
