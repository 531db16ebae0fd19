"""`/`: what can be booked."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components import layout
from booking_app.components.elements import empty, link, pill, skeleton
from booking_app.components.service_facts import avatars, facts, facts_skeleton
from booking_app.state.index import IndexState as State


def page() -> rx.Component:
    return layout.public_page(
        rx.el.div(
            rx.el.div(
                rx.el.span(rx.cond(State.team != "", State.team, " "), class_name="logo"),
                rx.el.h1("Book an appointment"),
                rx.el.p("Choose what you need. The times you see are free right now.", class_name="lead"),
                class_name="catalog-head",
            ),
            rx.cond(State.loaded, _offers(), _skeleton()),
            class_name="catalog",
        ),
        team=State.team,
    )


def _offers() -> rx.Component:
    return rx.cond(
        State.offers.length() > 0,  # type: ignore[attr-defined]
        rx.el.ul(rx.foreach(State.offers, _card), class_name="offers"),
        rx.el.div(
            empty("Nothing can be booked yet", "As soon as the team offers something, it appears here by itself."),
            class_name="card",
        ),
    )


def _card(offer: Any) -> rx.Component:
    return rx.el.li(
        link(
            rx.el.h2(offer.name),
            rx.cond(offer.description, rx.el.p(offer.description, class_name="small about-offer")),
            facts(offer),
            rx.el.div(
                avatars(offer.people),
                rx.el.span(rx.cond(offer.choosable, "", offer.with_words), class_name="small ellipsis grow"),
                rx.cond(
                    offer.next_free != "",
                    pill(offer.next_free, tone=rx.cond(offer.trouble, "", "ok"), dot=False),
                    skeleton("96px", "22px"),
                ),
                class_name="offer-end",
            ),
            href="/book/" + offer.slug,
            class_name="offer card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.el.div(
        *(rx.el.div(facts_skeleton(), class_name="offer card") for _ in range(3)),
        class_name="offers",
        custom_attrs={"aria-busy": "true"},
    )
