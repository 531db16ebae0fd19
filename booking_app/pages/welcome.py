"""`/welcome/<token>`: the first admin, or somebody who was invited, chooses a name and a password."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.elements import banner, button, field, link_button, skeleton, text_input
from booking_app.components.post_form import post_form
from booking_app.services.passwords import SHORTEST
from booking_app.state.sign_in import WelcomeState


def page() -> rx.Component:
    return auth_card(
        rx.cond(
            WelcomeState.invalid,
            _invalid(),
            rx.cond(WelcomeState.ready, _form(), _coming()),
        ),
        team=WelcomeState.team,
        foot="A link works once, within seven days.",
    )


def _form() -> rx.Component:
    state = WelcomeState
    return rx.fragment(
        rx.el.div(
            rx.el.h1("Welcome"),
            rx.el.p(
                rx.cond(
                    state.first_admin,
                    "You are the first here: this account can do everything.",
                    "Choose how the team sees you, and a password.",
                ),
                class_name="small",
            ),
        ),
        rx.cond(_about("wait") != "", banner(tone="bad", title=_about("wait"), role="alert")),
        post_form(
            rx.el.input(type="hidden", name="token", value=state.token, read_only=True),
            rx.cond(
                state.first_admin,
                field(
                    "E-mail address",
                    text_input(
                        "email",
                        error=_about("email"),
                        type="email",
                        auto_complete="username",
                        required=True,
                        default_value=state.email,
                    ),
                    name="email",
                    error=_about("email"),
                ),
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
            ),
            field(
                "Name",
                text_input(
                    "name",
                    error=_about("name"),
                    default_value=state.name,
                    auto_complete="name",
                    required=True,
                    max_length=100,
                ),
                name="name",
                error=_about("name"),
            ),
            field(
                "Password",
                text_input(
                    "password",
                    error=_about("password"),
                    type="password",
                    auto_complete="new-password",
                    required=True,
                    min_length=SHORTEST,
                ),
                name="password",
                error=_about("password"),
                hint=f"At least {SHORTEST} characters. A few unrelated words are good.",
            ),
            button("Create my account", kind="primary", extra="block", type="submit"),
            action="/auth/accept",
            class_name="form",
        ),
    )


def _about(field: str) -> rx.Var[str]:
    """What is wrong with a field; empty if another one was refused."""
    return rx.cond(WelcomeState.wrong == field, WelcomeState.message, "")


def _invalid() -> rx.Component:
    return rx.fragment(
        rx.el.h1("This link is not valid any more"),
        rx.el.p("It was used already, or it is older than seven days. Ask an admin for a new one.", class_name="small"),
        link_button("Sign in", href="/sign-in", extra="block"),
    )


def _coming() -> rx.Component:
    return rx.el.div(
        skeleton("60%", "26px"), skeleton(height="40px"), skeleton(height="40px"), class_name="stack", aria_busy="true"
    )
