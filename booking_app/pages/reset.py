"""`/reset/<token>`: somebody who had a link mailed chooses a new password."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.elements import banner, button, field, link_button, skeleton, text_input
from booking_app.components.post_form import post_form
from booking_app.services.passwords import SHORTEST
from booking_app.state.reset import ResetState


def page() -> rx.Component:
    return auth_card(
        rx.cond(ResetState.invalid, _invalid(), rx.cond(ResetState.ready, _form(), _coming())),
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
            rx.el.input(type="hidden", name="token", value=state.token, read_only=True),
            field(
                "E-mail address",
                rx.el.input(
                    id="email",
                    type="email",
                    class_name="input",
                    value=state.email,
                    read_only=True,
                    auto_complete="username",
                ),
                name="email",
            ),
            field(
                "New password",
                text_input(
                    "password",
                    error=state.wrong,
                    type="password",
                    auto_complete="new-password",
                    required=True,
                    min_length=SHORTEST,
                ),
                name="password",
                error=state.wrong,
                hint=f"At least {SHORTEST} characters. A few unrelated words are good.",
            ),
            button("Set the password and sign in", kind="primary", extra="block", type="submit"),
            action="/auth/reset",
            class_name="form",
        ),
    )


def _invalid() -> rx.Component:
    return rx.fragment(
        rx.el.h1("This link is not valid any more"),
        rx.el.p("It was used already, or it is older than an hour.", class_name="small"),
        link_button("Ask for a new one", href="/forgot", kind="primary", extra="block"),
        link_button("Sign in", href="/sign-in", extra="block"),
    )


def _coming() -> rx.Component:
    return rx.el.div(
        skeleton("60%", "26px"), skeleton(height="40px"), skeleton(height="40px"), class_name="stack", aria_busy="true"
    )
