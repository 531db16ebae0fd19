"""The two questions about a connected account: a new password, and whether it is to be disconnected."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import banner, button, field, text_input
from booking_app.components.modal import close_button, modal
from booking_app.state.disconnecting import DisconnectingState
from booking_app.state.replacing import ReplacingState

REPLACING: Any = ReplacingState
DISCONNECTING: Any = DisconnectingState


def password_dialog() -> rx.Component:
    state = ReplacingState
    return rx.cond(
        state.account != "",
        modal(
            rx.el.p("For ", rx.el.b(state.account), ". All your choices stay as they are.", class_name="small"),
            rx.el.form(
                field(
                    "New password",
                    text_input("secret", error=state.message, type="password", auto_complete="off", auto_focus=True),
                    name="secret",
                    error=state.message,
                ),
                rx.el.div(
                    close_button("Cancel", REPLACING.dismiss),
                    button(
                        rx.cond(state.busy, "Testing the connection…", "Test and replace"),
                        kind="primary",
                        type="submit",
                        disabled=state.busy,
                    ),
                    class_name="actions end",
                ),
                on_submit=REPLACING.replace,
                class_name="form",
                no_validate=True,
            ),
            title="Replace the password",
        ),
    )


def disconnect_dialog() -> rx.Component:
    """Says what follows for this account, and asks about appointments only where some stand in it."""
    asked = DisconnectingState.question
    return rx.cond(
        asked.account != "",
        modal(
            rx.cond(asked.receiving != "", banner(rx.el.p(asked.receiving), tone="warn")),
            rx.el.p(
                rx.el.b(asked.account),
                " " + asked.consequence,
                rx.cond(asked.revocation != "", " " + asked.revocation, ""),
                class_name="small",
            ),
            rx.cond(asked.stuck != "", rx.el.p(asked.stuck, class_name="small")),
            rx.el.form(
                rx.cond(asked.standing != "", _standing()),
                rx.el.div(
                    close_button("Cancel", DISCONNECTING.dismiss),
                    button("Disconnect", kind="danger", type="submit"),
                    class_name="actions end",
                ),
                on_submit=DISCONNECTING.confirm,
                class_name="form",
            ),
            title="Disconnect this account?",
        ),
    )


def _standing() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(DisconnectingState.question.standing, class_name="label"),
        _choice("keep", "Leave them there", "They no longer follow when an appointment moves.", True),
        _choice("remove", "Remove them", "The appointments themselves stand; only their events go.", False),
        class_name="stack-8",
    )


def _choice(value: str, label: str, consequence: str, chosen: bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name="future_events", value=value, default_checked=chosen, class_name="radio"),
        rx.el.span(rx.el.b(label), rx.el.span(consequence, class_name="tiny")),
        class_name="pick",
    )
