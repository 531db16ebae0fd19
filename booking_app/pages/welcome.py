"""`/welcome/<token>`: the first admin, or somebody who was invited, chooses a name and a password."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.auth_form import form_skeleton, invalid_link, known_address, new_password, token_input
from booking_app.components.elements import banner, button, field, text_input
from booking_app.components.post_form import post_form
from booking_app.state.sign_in import WelcomeState


def page() -> rx.Component:
    return auth_card(
        rx.cond(
            WelcomeState.invalid,
            invalid_link("It was used already, or it is older than seven days. Ask an admin for a new one."),
            rx.cond(WelcomeState.ready, _form(), form_skeleton()),
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
            token_input(state.token),
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
                known_address(state.email),
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
            new_password("Password", error=_about("password")),
            button("Create my account", kind="primary", extra="block", type="submit"),
            action="/auth/accept",
            class_name="form",
        ),
    )


def _about(field: str) -> rx.Var[str]:
    """What is wrong with a field; empty if another one was refused."""
    return rx.cond(WelcomeState.wrong == field, WelcomeState.message, "")
