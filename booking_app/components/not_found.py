"""A page that is not there, told so that one knows where to go."""

from __future__ import annotations

import reflex as rx

from booking_app.components.elements import Text, icon, link_button


def not_found(title: Text, advice: Text) -> rx.Component:
    return rx.el.div(
        icon("compass", 28),
        rx.el.h1(title),
        rx.el.p(advice, class_name="lead"),
        link_button("See what can be booked", href="/", kind="primary"),
        class_name="card not-found",
    )
