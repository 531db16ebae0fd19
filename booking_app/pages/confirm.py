"""`/confirm/<token>`: whoever reads the mail books what was asked for."""

from __future__ import annotations

import reflex as rx

from booking_app.components import layout
from booking_app.components.elements import banner, button, link, pill
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
                _about(),
                rx.el.div(rx.cond(State.known == "found", _found(), facts_skeleton()), class_name="step-side"),
                class_name="booking card",
            ),
        ),
        team=State.team,
    )


def _about() -> rx.Component:
    return rx.el.div(
        link(rx.cond(State.team != "", State.team, " "), href="/", class_name="logo"),
        rx.cond(
            State.known == "found",
            rx.el.div(
                rx.el.h1(State.when.service),
                rx.el.div(pill("Not booked yet", tone="warn"), style={"marginTop": "14px"}),
                class_name="about-text",
            ),
            rx.el.div(rx.el.h1("Confirm your appointment", class_name="sr-only"), custom_attrs={"aria-busy": "true"}),
        ),
        class_name="about",
    )


def _found() -> rx.Component:
    return rx.fragment(
        rx.el.h2("Confirm your appointment"),
        appointment_facts(State.when),
        rx.cond(State.refused != "", rx.el.div(banner(rx.el.p(State.refused), tone="bad"), role="alert")),
        rx.el.div(
            button(
                rx.cond(State.busy, "Booking…", "Confirm the appointment"),
                kind="primary",
                id="confirm",
                on_click=State.confirm,
                aria_busy=State.busy,
            ),
            class_name="manage-actions",
        ),
        rx.el.p(
            "The time is kept for you until ",
            State.until,
            ". If you did not ask for it, close this page: nothing is booked.",
            class_name="tiny",
        ),
    )
