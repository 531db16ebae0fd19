"""The frame of the pages of staff and admins: where one can go, what needs somebody, and the account menu."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_style import ADMIN_SCRIPT, ADMIN_STYLE
from booking_app.components.elements import avatar, classes, link, pill
from booking_app.components.layout import connection_notice, content
from booking_app.components.post_form import post_form
from booking_app.state.session import SessionState

_ADMIN = (
    # On a phone only the first word is seen: all of them fit into one row then.
    (("Team", " calendar"), "/admin/team"),
    ("Bookings", "/admin/bookings"),
    ("Sync", "/admin/sync"),
    ("People", "/admin/people"),
    ("Providers", "/admin/providers"),
)
_OWN = ("Calendars", "/settings/calendars")


def admin_frame(*children: Any, current: str, width: str = "") -> rx.Component:
    """`current` is the address of this page; `width` is "", "wide" or "narrow". One h1 among the children."""
    who = SessionState.who
    return rx.el.div(
        ADMIN_STYLE,
        ADMIN_SCRIPT,
        rx.el.a("Skip to the content", href="#main", class_name="skip"),
        rx.el.header(
            link(SessionState.team, rx.el.span(" home page", class_name="sr-only"), href="/", class_name="logo"),
            rx.el.nav(
                rx.cond(who.admin, rx.fragment(*(_link(label, href, current) for label, href in _ADMIN))),
                rx.cond(who.person, _link(*_OWN, current)),
                aria_label="Main",
            ),
            rx.el.div(
                rx.cond(
                    SessionState.attention != "",
                    link(
                        pill(SessionState.attention, tone="warn"),
                        href=rx.cond(who.admin, "/admin/sync", "/settings/calendars"),
                        class_name="pill-link",
                    ),
                ),
                rx.cond(who.name != "", _account_menu()),
                class_name="end",
            ),
            class_name="topbar",
        ),
        content(*children, class_name=classes("content", width)),
        connection_notice(),
    )


def _link(label: str | tuple[str, str], href: str, current: str) -> rx.Component:
    shown = [label] if isinstance(label, str) else [label[0], rx.el.span(label[1], class_name="nav-more")]
    return link(*shown, href=href, custom_attrs={"aria-current": "page"} if href == current else {})


def _account_menu() -> rx.Component:
    who = SessionState.who
    return rx.el.details(
        rx.el.summary(
            avatar(who.initials, who.colour),
            rx.el.span("Account of ", who.name, class_name="sr-only"),
        ),
        rx.el.div(
            rx.el.div(
                rx.el.p(who.name, class_name="strong"),
                rx.el.p(who.email, class_name="tiny"),
                class_name="who",
            ),
            _post("/auth/logout", "Sign out"),
            _post("/auth/logout-everywhere", "Sign out everywhere"),
            class_name="menu-pop",
        ),
        class_name="menu",
    )


def _post(action: str, label: str) -> rx.Component:
    return post_form(rx.el.button(label, type="submit", class_name="item"), action=action)
