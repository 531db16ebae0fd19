"""What was just saved, with a way back, at the foot of the page. Spoken by screen readers, never in the way.

It closes itself after a while (assets/admin.js), not while it is pointed at or has the focus."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import Text, button, icon


def snack(said: Text, *actions: rx.Component, on_close: Any) -> rx.Component:
    """Shown while `said` is not empty."""
    return rx.el.div(
        rx.cond(
            said != "",
            rx.el.div(
                rx.el.span(said, class_name="grow"),
                *actions,
                button(
                    icon("x"),
                    kind="quiet",
                    extra="icon",
                    aria_label="Close this message",
                    on_click=on_close,
                    custom_attrs={"data-away": "1"},
                ),
                class_name="snack",
                key=said,
            ),
        ),
        role="status",
        class_name="snack-place",
    )
