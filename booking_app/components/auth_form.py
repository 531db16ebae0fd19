"""What the cards around signing in and its mailed links have in common: their fields, and what an old link shows."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import Text, field, link_button, skeleton, text_input
from booking_app.services.passwords import SHORTEST


def known_address(email: Text) -> rx.Component:
    """The address an account has already; it stands in the form so that password managers keep the right one."""
    return field(
        "E-mail address",
        rx.el.input(
            id="email", type="email", class_name="input", value=email, read_only=True, auto_complete="username"
        ),
        name="email",
    )


def new_password(label: str, *, error: Text) -> rx.Component:
    return field(
        label,
        text_input(
            "password",
            error=error,
            type="password",
            auto_complete="new-password",
            required=True,
            min_length=SHORTEST,
        ),
        name="password",
        error=error,
        hint=f"At least {SHORTEST} characters. A few unrelated words are good.",
    )


def token_input(token: Text) -> rx.Component:
    """What a mailed link has behind its last slash goes with the form."""
    return rx.el.input(type="hidden", name="token", value=token, read_only=True)


def invalid_link(why: str, *ways_out: Any) -> rx.Component:
    """What a link shows that opens nothing any more; the last way out is always to sign in."""
    return rx.fragment(
        rx.el.h1("This link is not valid any more"),
        rx.el.p(why, class_name="small"),
        *ways_out,
        link_button("Sign in", href="/sign-in", extra="block"),
    )


def form_skeleton() -> rx.Component:
    return rx.el.div(
        skeleton("60%", "26px"), skeleton(height="40px"), skeleton(height="40px"), class_name="stack", aria_busy="true"
    )
