"""`/forgot`: an address, to which a link to a new password goes."""

from __future__ import annotations

import reflex as rx

from booking_app.components.auth_card import auth_card
from booking_app.components.elements import banner, button, field, link_button, text_input
from booking_app.components.post_form import post_form
from booking_app.state.reset import ForgotState


def page() -> rx.Component:
    return auth_card(
        rx.cond(ForgotState.sent, _sent(), _form()),
        team=ForgotState.team,
        foot="An admin of your team can help too.",
    )


def _form() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.h1("Forgot your password?"),
            rx.el.p("We mail you a link with which you choose a new one.", class_name="small"),
            class_name="col",
        ),
        rx.cond(ForgotState.message != "", banner(tone="bad", title=ForgotState.message, role="alert")),
        post_form(
            field(
                "E-mail address",
                text_input("email", type="email", auto_complete="username", required=True, auto_focus=True),
                name="email",
                hint="The one with which you sign in.",
            ),
            button("Mail me a link", kind="primary", extra="block", type="submit"),
            action="/auth/forgot",
            class_name="form",
        ),
        link_button("Back to sign-in", href="/sign-in", extra="block"),
    )


def _sent() -> rx.Component:
    return rx.fragment(
        rx.el.h1("Look into your mail", tab_index=-1, id="sent"),
        rx.el.p(
            "If there is an account with this address, a link is on its way to it. It works once, within an hour.",
            class_name="small",
        ),
        rx.el.p(
            rx.cond(
                ForgotState.mails,
                "Nothing there after some minutes? Look among unwanted mail, and check that it was the address with "
                "which you sign in.",
                "No mail server is set up here: whoever runs this program finds the mail in its data folder.",
            ),
            class_name="small",
        ),
        link_button("Back to sign-in", href="/sign-in", extra="block"),
    )
