"""An open alert as a banner, with the way out where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reflex as rx

from booking_app.components.elements import banner, button, link_button
from booking_app.components.status_badge import age
from booking_app.state.views_admin import Notice


def notices(alerts: Any, put_back: Callable[[Any], Any]) -> rx.Component:
    """`put_back` is the handler that writes a moved event at its appointment's time again."""
    return rx.cond(
        alerts,
        rx.el.div(
            rx.foreach(alerts, lambda each: _notice(each, put_back)),
            class_name="alerts",
            role="region",
            aria_label="Open alerts",
        ),
    )


def _notice(notice: Notice, put_back: Callable[[Any], Any]) -> rx.Component:
    opened = rx.el.p("Opened ", age(notice.since), class_name="tiny")
    drawn = rx.cond(
        notice.provider != "",
        banner(
            opened,
            rx.el.div(link_button("See what is wrong", href="/admin/providers", extra="compact"), class_name="actions"),
            tone="bad",
            title=notice.message,
        ),
        banner(
            opened,
            rx.cond(
                notice.moved > 0,
                rx.el.div(
                    button("Put it back", extra="compact", on_click=put_back(notice.moved)), class_name="actions"
                ),
            ),
            tone="warn",
            title=notice.message,
        ),
    )
    return rx.fragment(drawn, key=f"n{notice.id}")
