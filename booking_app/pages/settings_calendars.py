"""`/settings/calendars`: when am I busy, and where do my appointments go."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.account_dialogs import disconnect_dialog, password_dialog
from booking_app.components.add_calendar import add_calendar
from booking_app.components.admin_frame import admin_frame
from booking_app.components.connection_card import connection_card
from booking_app.components.elements import banner, button, empty, link_button, skeleton
from booking_app.components.layout import page_head
from booking_app.components.linking import not_linked
from booking_app.components.notice import notices
from booking_app.components.snack import snack
from booking_app.components.status_badge import server_now
from booking_app.state.calendars import PAGE, CalendarsState
from booking_app.state.views_calendars import Preview

ON: Any = CalendarsState


def page() -> rx.Component:
    state = CalendarsState
    return admin_frame(
        server_now(state.now),
        page_head(
            "Your calendars",
            "Customers only ever see when you are free. We read when you are busy, never what you do.",
        ),
        not_linked(),
        notices(state.notices, state.sure, ON.decide, ON.not_yet),
        rx.cond(
            state.loaded,
            rx.cond(
                state.nobody,
                empty("This account has no calendars", "It belongs to nobody who can be booked."),
                rx.fragment(
                    _unplaced(),
                    rx.cond(
                        state.cards,
                        rx.foreach(state.cards, connection_card),
                        empty(
                            "No calendar is connected yet",
                            "Connect yours below, so that nobody books you while you are busy.",
                        ),
                    ),
                    add_calendar(),
                    rx.cond(state.previews, _seen()),
                ),
            ),
            _coming(),
        ),
        password_dialog(),
        disconnect_dialog(),
        snack(
            state.said,
            rx.cond(state.undoable, button("Undo", extra="compact", on_click=ON.undo)),
            on_close=ON.hush,
        ),
        current=PAGE,
        width="narrow",
    )


def _unplaced() -> rx.Component:
    said = CalendarsState.unplaced
    sentence = rx.el.p(said.sentence)
    return rx.cond(
        said.title != "",
        rx.cond(
            said.warn,
            banner(sentence, tone="warn", title=said.title, role="status"),
            banner(sentence, title=said.title),
        ),
    )


def _seen() -> rx.Component:
    return rx.el.section(
        rx.el.h2("How customers see you next week"),
        rx.foreach(CalendarsState.previews, _preview),
        class_name="card sunk",
        aria_label="How customers see you next week",
    )


def _preview(preview: Preview) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.p(preview.service, class_name="strong"),
            rx.el.p(preview.sentence, class_name="tiny"),
            class_name="grow",
        ),
        link_button("Look", href=preview.href, extra="compact", aria_label="Look at " + preview.service),
        class_name="row seen",
    )


def _coming() -> rx.Component:
    return rx.el.div(
        skeleton(height="72px"),
        skeleton(height="150px"),
        class_name="stack",
        aria_busy="true",
        aria_label="Your calendars are coming",
        role="status",
    )
