"""`/settings/calendars`: when am I busy, and where do my appointments go."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.add_calendar import add_calendar
from booking_app.components.admin_frame import admin_frame
from booking_app.components.connection_card import connection_card
from booking_app.components.elements import button, empty, field, link_button, skeleton, text_input
from booking_app.components.layout import page_head
from booking_app.components.linking import not_linked
from booking_app.components.modal import close_button, modal
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
        notices(state.notices, ON.put_back),
        rx.cond(
            state.loaded,
            rx.cond(
                state.nobody,
                empty("This account has no calendars", "It belongs to nobody who can be booked."),
                rx.fragment(
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
        rx.match(state.asking, ("password", _password()), ("disconnect", _disconnect()), rx.fragment()),
        snack(
            state.said,
            rx.cond(
                state.undo_uid != "",
                button("Undo", extra="compact", on_click=ON.set_blocks(state.undo_uid, state.undo_blocks)),
            ),
            on_close=ON.hush,
        ),
        current=PAGE,
        width="narrow",
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


def _password() -> rx.Component:
    state = CalendarsState
    error = rx.cond(state.wrong == "secret", state.message, "")
    return modal(
        rx.el.p("For ", rx.el.b(state.subject_name), ". All your choices stay as they are.", class_name="small"),
        rx.el.form(
            field(
                "New password",
                text_input("secret", error=error, type="password", auto_complete="off", auto_focus=True),
                name="secret",
                error=error,
            ),
            rx.el.div(
                close_button("Cancel", ON.dismiss),
                button(
                    rx.cond(state.busy, "Testing the connection…", "Test and replace"),
                    kind="primary",
                    type="submit",
                    disabled=state.busy,
                ),
                class_name="actions end",
            ),
            on_submit=ON.replace_password,
            class_name="form",
            no_validate=True,
        ),
        title="Replace the password",
    )


def _disconnect() -> rx.Component:
    return modal(
        rx.el.p(
            rx.el.b(CalendarsState.subject_name),
            " stops blocking your slots at once: customers may book you while you are busy there.",
            rx.cond(CalendarsState.revocation != "", " " + CalendarsState.revocation, ""),
            class_name="small",
        ),
        rx.el.form(
            rx.el.p("What happens to the coming appointments that stand in it?", class_name="label"),
            _choice("keep", "Leave them there", "They no longer follow when an appointment moves.", True),
            _choice("remove", "Remove them", "The appointments themselves stand; only their events go.", False),
            rx.el.div(
                close_button("Cancel", ON.dismiss),
                button("Disconnect", kind="danger", type="submit"),
                class_name="actions end",
            ),
            on_submit=ON.disconnect,
            class_name="form",
        ),
        title="Disconnect this account?",
    )


def _choice(value: str, label: str, consequence: str, chosen: bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name="future_events", value=value, default_checked=chosen, class_name="radio"),
        rx.el.span(rx.el.b(label), rx.el.span(consequence, class_name="tiny")),
        class_name="pick",
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
