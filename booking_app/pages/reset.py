"""`/reset/<token>`: somebody who had a link mailed chooses a new password."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.auth_form import form_skeleton, invalid_link, known_address, new_password, token_input
from booking_app.components.elements import banner, button, link_button
from booking_app.components.post_form import post_form
from booking_app.state.reset import ResetState


def page() -> rx.Component:
    return auth_card(
        rx.cond(ResetState.invalid, _invalid(), rx.cond(ResetState.ready, _form(), form_skeleton())),
        team=ResetState.team,
        foot="A link works once, within an hour.",
    )


def _form() -> rx.Component:
    state = ResetState
    return rx.fragment(
        rx.el.div(
            rx.el.h1("Choose a new password"),
            rx.el.p("You are signed out on all other browsers.", class_name="small"),
            class_name="col",
        ),
        rx.cond(state.message != "", banner(tone="bad", title=state.message, role="alert")),
        post_form(
            token_input(state.token),
            known_address(state.email),
            new_password("New password", error=state.wrong),
            button("Set the password and sign in", kind="primary", extra="block", type="submit"),
            action="/auth/reset",
            class_name="form",
        ),
    )


def _invalid() -> rx.Component:
    return invalid_link(
        "It was used already, or it is older than an hour.",
        link_button("Ask for a new one", href="/forgot", kind="primary", extra="block"),
    )
