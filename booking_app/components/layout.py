"""The frame of a page: landmarks, the way past the navigation, and the word about a lost connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex.app import default_error_boundary
from reflex.event import EventSpec
from reflex_components_core.core.banner import has_connection_errors

from booking_app.components.elements import Text, link

log = logging.getLogger(__name__)


def public_page(*children: Any, team: Text = "") -> rx.Component:
    """A page for customers. Exactly one h1 is expected among the children."""
    return rx.el.div(
        _skip(),
        content(*children),
        rx.el.footer(
            rx.cond(team, rx.el.span(team), rx.fragment()),
            link("What can be booked", href="/"),
            rx.el.a("Team sign-in", href="/sign-in"),
            class_name="foot",
        ),
        connection_notice(),
    )


def content(*children: Any, class_name: Text = "") -> rx.Component:
    """The main part of a page. It is busy until the page's opening is done, which presses wait for (assets/page.js)."""
    busy = rx.cond(rx.State.is_hydrated, "false", "true")
    return rx.el.main(*children, id="main", tab_index=-1, aria_busy=busy, class_name=class_name)


def page_head(title: Text, lead: Text = "", *actions: rx.Component) -> rx.Component:
    """The h1 of a page, a sentence under it, and what can be done at the right."""
    return rx.el.div(
        rx.el.div(
            rx.el.h1(title),
            *([rx.el.p(lead, class_name="small")] if not isinstance(lead, str) or lead else []),
            class_name="col",
        ),
        rx.el.div(*actions, class_name="row wrap"),
        class_name="page-head",
    )


def connection_notice() -> rx.Component:
    """Shown while the page cannot reach the server; it goes by itself, and nothing typed is lost."""
    return rx.el.div(
        rx.cond(
            has_connection_errors,
            rx.el.div(
                rx.el.span(class_name="dot", aria_hidden="true"),
                rx.el.span(
                    "No connection. Trying again; what you typed is kept.",
                    rx.el.span(custom_attrs={"data-unreachable": "1"}),
                ),
                class_name="offline appear",
            ),
        ),
        role="status",
    )


def _skip() -> rx.Component:
    return rx.el.a("Skip to the content", href="#main", class_name="skip")


def wraps() -> dict[tuple[int, str], Callable[[bool], rx.Component | None]]:
    """What stands around all pages: Reflex's error boundary, but not its word about a lost connection, which
    `connection_notice` says; and a word for browsers that run no scripts, which see nothing else."""
    return {
        (55, "ErrorBoundary"): lambda _stateful: default_error_boundary(),
        (54, "NoScript"): lambda _stateful: rx.fragment(_without_scripts()),
    }


def _without_scripts() -> rx.Component:
    return rx.el.noscript(
        rx.el.p(
            "This page needs JavaScript. Please turn it on and load the page again, or ",
            rx.el.a("see how else you can reach us", href="/contact"),
            ".",
            class_name="no-script",
        )
    )


def tell_trouble(exception: Exception) -> EventSpec:
    """What a visitor reads when a handler failed for a reason nobody foresaw; the log has the rest."""
    log.error("page.handler", exc_info=exception)
    return rx.toast.error("Something went wrong on our side. Nothing you typed is lost; please try again.")
