"""An open alert as a banner, with the way out where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reflex as rx

from booking_app.components.elements import banner, button, link_button
from booking_app.components.status_badge import age
from booking_app.state.views_admin import Choosable, Notice


def notices(alerts: Any, sure: Any, decide: Callable[..., Any], not_yet: Any) -> rx.Component:
    """`decide(appointment, answer)` is the handler that answers what is asked about an appointment; `sure` is what it
    asks once more, and `not_yet` takes that back."""
    return rx.cond(
        alerts,
        rx.el.div(
            rx.foreach(alerts, lambda each: _notice(each, sure, decide, not_yet)),
            class_name="alerts",
            role="region",
            aria_label="Open alerts",
        ),
    )


def _notice(notice: Notice, sure: Any, decide: Callable[..., Any], not_yet: Any) -> rx.Component:
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
            answers(notice.choices, sure, decide, not_yet),
            tone="warn",
            title=notice.message,
        ),
    )
    return rx.fragment(drawn, key=f"n{notice.id}")


def answers(choices: Any, sure: Any, decide: Callable[..., Any], not_yet: Any) -> rx.Component:
    """What can be decided about one appointment, as in `notices`."""
    return rx.cond(
        choices,
        rx.el.div(rx.foreach(choices, lambda each: _choice(each, sure, decide, not_yet)), class_name="actions"),
    )


def _choice(choice: Choosable, sure: Any, decide: Callable[..., Any], not_yet: Any) -> rx.Component:
    answer = decide(choice.appointment, choice.answer)
    return rx.cond(
        sure == choice.asked,
        rx.el.div(
            rx.el.p("The customer is told by mail. ", choice.words, "?", class_name="tiny", role="status"),
            button("Yes, do it", kind="danger", extra="compact", on_click=answer),
            # What was pressed is gone now: the focus goes on where nothing is lost.
            button("Not yet", kind="quiet", extra="compact", on_click=not_yet, auto_focus=True),
            class_name="actions",
        ),
        button(choice.words, extra="compact", on_click=answer),
    )
