"""`/sign-in`: an address, a password, one button."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.elements import banner, button, field, link, text_input
from booking_app.components.post_form import post_form
from booking_app.state.sign_in import SignInState


def page() -> rx.Component:
    return auth_card(
        rx.el.div(
            rx.el.h1("Sign in"),
            rx.el.p("For the people who take the appointments.", class_name="small"),
            class_name="col",
        ),
        rx.cond(SignInState.message != "", banner(tone="bad", title=SignInState.message, role="alert")),
        post_form(
            rx.el.input(type="hidden", name="next", value=SignInState.next, read_only=True),
            field(
                "E-mail address",
                text_input("email", type="email", auto_complete="username", required=True, auto_focus=True),
                name="email",
            ),
            field(
                "Password",
                text_input(
                    "password",
                    error=SignInState.wrong,
                    type="password",
                    auto_complete="current-password",
                    required=True,
                ),
                name="password",
                error=SignInState.wrong,
            ),
            button("Sign in", kind="primary", extra="block", type="submit"),
            action="/auth/login",
            class_name="form",
        ),
        rx.el.p(link("Forgot your password?", href="/forgot"), class_name="small"),
        team=SignInState.team,
        foot="No account yet? An admin of your team can invite you.",
    )
