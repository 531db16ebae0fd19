"""One calm card in the middle of the page."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_style import ADMIN_STYLE
from booking_app.components.elements import Text, link
from booking_app.components.layout import connection_notice, content


def auth_card(*children: Any, team: Text, foot: Text) -> rx.Component:
    """`foot` is the sentence under the card."""
    return rx.el.div(
        ADMIN_STYLE,
        content(
            link(team, rx.el.span(" home page", class_name="sr-only"), href="/", class_name="logo"),
            rx.el.div(*children, class_name="card auth-card stack"),
            rx.el.p(foot, class_name="auth-foot"),
            class_name="auth-box",
        ),
        connection_notice(),
        class_name="auth",
    )
