"""`/confirm/<token>`: whoever reads the mail books what was asked for."""

from __future__ import annotations

import reflex as rx

from booking_app.components import layout
from booking_app.components.elements import banner, button, link
from booking_app.components.not_found import not_found
from booking_app.components.service_facts import appointment_facts, facts_skeleton
from booking_app.state.confirm import ConfirmState as State


def page() -> rx.Component:
    return layout.public_page(
        rx.cond(
            State.known == "missing",
            not_found(
                "There is nothing to confirm here",
                "It was confirmed already, or its time has run out and went to others. If it was confirmed, you have "
                "a mail about it.",
            ),
            rx.el.div(
                rx.el.div(
                    link(rx.cond(State.team != "", State.team, " "), href="/", class_name="logo"),
                    rx.el.h1("Confirm your appointment"),
                    rx.cond(State.known == "found", _found(), facts_skeleton()),
                    class_name="step-side stack",
                ),
                class_name="booking card",
            ),
        ),
        team=State.team,
    )


def _found() -> rx.Component:
    return rx.el.div(
        appointment_facts(State.when),
        rx.cond(
            State.refused != "",
            rx.el.div(banner(rx.el.p(State.refused), tone="bad"), role="alert"),
        ),
        rx.el.div(
            button(
                rx.cond(State.busy, "Booking…", "Confirm the appointment"),
                kind="primary",
                id="confirm",
                on_click=State.confirm,
                aria_busy=State.busy,
            ),
            class_name="row",
        ),
        rx.el.p(
            "The time is kept for you until ",
            State.until,
            ". If you did not ask for it, close this page.",
            class_name="small",
        ),
        class_name="stack",
    )
