"""Linking a calendar account at Google or Microsoft: the ways there, and what is said when one comes back."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import button, classes, icon, link, pill
from booking_app.state.linking import LinkingState
from booking_app.state.session import SessionState
from booking_app.state.views_calendars import ConnectionCard, LinkOffer

ON: Any = LinkingState

# Said once: the page that is loaded anew shows how it is, not what has happened.
_ARRIVED = """
(() => {
  history.replaceState(history.state, "", location.pathname);
  const place = document.getElementById("arrival");
  place?.scrollIntoView({ block: "center" });
  place?.focus({ preventScroll: true });
})()
"""


def away(*children: Any, href: Any, name: str = "btn", **props: Any) -> rx.Component:
    """A link that the browser itself follows: it leaves the app for a route of the API, which leads elsewhere."""
    return rx.el.a(*children, href=href, class_name=name, reload_document=True, rel="nofollow", **props)


def simulation() -> rx.Component:
    """What stands beside everything that only looks like a provider."""
    return pill("Simulation", tone="warn", dot=False)


def link_tile(offer: LinkOffer) -> rx.Component:
    """A provider among the kinds of account that can be added."""
    return away(
        rx.el.span(
            "Connect " + offer.name,
            rx.cond(offer.simulated, simulation()),
            class_name="row wrap",
        ),
        rx.el.span(offer.words, class_name="tiny"),
        href=offer.href,
        name="card pv-link",
        key=offer.key,
    )


def ways() -> rx.Component:
    """Under the kinds of account: linking for less, and what has to be set up first."""
    state = LinkingState
    return rx.fragment(
        rx.cond(
            state.offers,
            rx.el.p(
                rx.el.b("Busy times only: "),
                "we ask only to see when you are busy, and never put appointments into that account. ",
                rx.foreach(state.offers, _busy_only),
                class_name="small pv-note",
            ),
        ),
        rx.cond(
            state.not_set_up != "",
            rx.el.p(
                rx.cond(
                    SessionState.who.admin,
                    rx.fragment(
                        state.not_set_up + " can be linked here once set up. ",
                        link("Set up calendar providers", href="/admin/providers"),
                    ),
                    state.not_set_up + " can be linked here once an administrator has set that up. Ask yours.",
                ),
                class_name="small pv-note",
            ),
        ),
    )


def _busy_only(offer: LinkOffer) -> rx.Component:
    return rx.el.span(
        away("Connect " + offer.name + " for busy times only", href=offer.busy, name="plain-link"),
        class_name="pv-less",
        key=offer.key,
    )


def not_linked() -> rx.Component:
    """Why somebody comes back with nothing, and what to do next."""
    arrival = LinkingState.arrival
    return rx.cond(
        (arrival.sentence != "") & (arrival.uid == ""),
        rx.el.div(
            icon("circle-alert", 18),
            rx.el.p(arrival.sentence, class_name="grow"),
            rx.el.div(
                rx.cond(arrival.again != "", away("Try again", href=arrival.again, name="btn compact")),
                rx.cond(
                    arrival.setup & SessionState.who.admin,
                    link("Calendar providers", href="/admin/providers", class_name="btn compact"),
                ),
                button("Close", kind="quiet", extra="compact", on_click=ON.hush),
                class_name="actions",
            ),
            class_name=classes("banner wrap arrival", arrival.tone),
            role="alert",
            id="arrival",
            tab_index=-1,
            on_mount=rx.call_script(_ARRIVED),
        ),
    )


def linked_now(card: ConnectionCard) -> rx.Component:
    """In the card of an account that was just linked."""
    arrival = LinkingState.arrival
    return rx.cond(
        arrival.uid == card.uid,
        rx.el.div(
            rx.el.div(
                icon("circle-check", 18),
                rx.el.p(arrival.sentence, class_name="grow"),
                class_name="banner ok",
                role="status",
                id="arrival",
                tab_index=-1,
                on_mount=rx.call_script(_ARRIVED),
            ),
            class_name="cx-note",
        ),
    )


def about_link(card: ConnectionCard) -> rx.Component:
    """What asks the owner of a linked account to go to its provider once more; the gravest alone."""
    return rx.cond(
        card.provider != "",
        rx.cond(
            card.needs_link,
            _note(
                "Your slots are withheld until this account is linked again. Every choice is kept.",
                away("Link again", href=card.again, name="btn primary compact"),
                tone="bad",
            ),
            rx.cond(
                card.ends_soon,
                _note(
                    "The link ends by itself on " + card.ends + ". Link it again before that, and nothing is "
                    "interrupted.",
                    away("Link again", href=card.again, name="btn compact"),
                    tone="warn",
                ),
                rx.cond(
                    card.read_only,
                    _note(
                        "Appointments cannot be put into this account, because the permission to write was left out. "
                        "Link it again and leave all boxes ticked.",
                        away("Link again", href=card.again, name="btn compact"),
                        tone="warn",
                    ),
                    rx.cond(
                        card.upgrade != "",
                        _note(
                            "Linked for busy times only: appointments are never put into this account.",
                            away("Let it receive appointments", href=card.upgrade, name="btn compact"),
                        ),
                    ),
                ),
            ),
        ),
    )


_ICONS = {"bad": "circle-alert", "warn": "triangle-alert", "": "info"}


def _note(sentence: Any, action: rx.Component, *, tone: str = "") -> rx.Component:
    return rx.el.div(
        rx.el.div(
            icon(_ICONS[tone], 18),
            rx.el.p(sentence, class_name="grow"),
            action,
            class_name=classes("banner wrap", tone),
        ),
        class_name="cx-note",
    )
