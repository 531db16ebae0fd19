"""Linking a calendar account at Google or Microsoft: the ways there, and what is said when one comes back.

What has the id `arrival` is shown and focused when it appears, and the address forgets it (assets/admin.js).
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import button, classes, icon, link, pill
from booking_app.state.linking import LinkingState
from booking_app.state.session import SessionState
from booking_app.state.views_calendars import ConnectionCard, LinkOffer

ON: Any = LinkingState


def away(*children: Any, href: Any, name: str = "btn", **props: Any) -> rx.Component:
    """A link that the browser itself follows: it leaves the app for a route of the API, which leads elsewhere."""
    return rx.el.a(*children, href=href, class_name=name, reload_document=True, rel="nofollow", **props)


def simulation() -> rx.Component:
    """What stands beside everything that only looks like a provider."""
    return pill("Simulation", tone="warn", dot=False)


def link_tile(offer: LinkOffer) -> rx.Component:
    """A provider among the kinds of account that can be added. While it does not take this installation, its consent
    page would be left with nothing: that is said instead."""
    name = rx.el.span("Connect " + offer.name)
    mark = rx.cond(offer.simulated, simulation())
    drawn = rx.cond(
        offer.refused,
        rx.el.div(
            name,
            rx.el.span(
                rx.cond(
                    SessionState.who.admin,
                    rx.fragment(
                        "The connection to " + offer.company + " has to be mended first: ",
                        link("Providers", href="/admin/providers"),
                    ),
                    "Your admin has to mend the connection to " + offer.company + " first.",
                ),
                class_name="tiny",
            ),
            mark,
            class_name="card pv-link off",
        ),
        away(
            name,
            rx.el.span(offer.words, class_name="tiny"),
            mark,
            href=offer.href,
            name="card pv-link",
        ),
    )
    return rx.fragment(drawn, key=offer.key)


def ways() -> rx.Component:
    """Under the kinds of account: linking for less, and what has to be set up first."""
    state = LinkingState
    return rx.fragment(
        rx.cond(
            state.for_less,
            rx.el.p(
                rx.el.b("Busy times only: "),
                "we ask only to see when you are busy, and never put appointments into that account. ",
                rx.foreach(state.for_less, _busy_only),
                class_name="small pv-note",
            ),
        ),
        rx.cond(
            state.not_set_up != "",
            rx.el.p(
                rx.cond(
                    SessionState.who.admin,
                    rx.fragment(
                        state.not_set_up + " can be connected here once set up. ",
                        link("Set up calendar providers", href="/admin/providers"),
                    ),
                    state.not_set_up + " can be connected here once an administrator has set that up. Ask yours.",
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
                button(icon("x"), kind="quiet", extra="icon", aria_label="Close", on_click=ON.hush),
                class_name="banner ok",
                role="status",
                id="arrival",
                tab_index=-1,
            ),
            class_name="cx-note",
        ),
    )


def about_link(card: ConnectionCard) -> rx.Component:
    """What asks the owner of a linked account to go to its provider once more; the gravest alone."""
    return rx.cond(
        card.provider != "",
        rx.cond(
            card.refused != "",
            _note(
                card.refused,
                rx.cond(
                    SessionState.who.admin,
                    link("Calendar providers", href="/admin/providers", class_name="btn compact"),
                ),
                tone="warn",
            ),
            _to_do(card),
        ),
    )


def _to_do(card: ConnectionCard) -> rx.Component:
    again = away("Connect again", href=card.again, name="btn compact")
    return rx.cond(
        card.needs_link,
        _note(
            "Your slots are withheld until this account is connected again. Every choice is kept.",
            away("Connect again", href=card.again, name="btn primary compact"),
            tone="bad",
        ),
        rx.cond(
            card.ends_soon,
            _note(
                "The access ends by itself on " + card.ends + ". Connect it again before that, and nothing is "
                "interrupted.",
                again,
                tone="warn",
            ),
            rx.cond(
                card.read_only,
                _note(
                    "Appointments cannot be put into this account, because the permission to write was left out. "
                    "Connect it again and leave all boxes ticked.",
                    again,
                    tone="warn",
                ),
                rx.cond(
                    card.upgrade != "",
                    _note(
                        "Connected for busy times only: appointments are never put into this account.",
                        away("Let it receive appointments", href=card.upgrade, name="btn compact"),
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
