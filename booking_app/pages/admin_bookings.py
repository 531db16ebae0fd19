"""`/admin/bookings`: when many bookings come at once."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_frame import admin_frame
from booking_app.components.elements import Text, button, empty, field, skeleton, text_input
from booking_app.components.layout import page_head
from booking_app.components.modal import close_button, modal
from booking_app.components.snack import snack
from booking_app.state.bursts import PAGE, BurstLine, BurstsState

ON: Any = BurstsState


def page() -> rx.Component:
    state = BurstsState
    return admin_frame(
        page_head(
            "Bookings",
            "When many come at once: see where they come from, take them back in one step, and say when a mail has to "
            "confirm one.",
        ),
        rx.cond(
            state.loaded,
            rx.el.div(_list(), _policy(), class_name="stack"),
            rx.el.div(skeleton(height="240px"), aria_busy="true", aria_label="The bookings are coming", role="status"),
        ),
        rx.cond(state.asking.key != "", _question()),
        snack(state.said, on_close=ON.hush),
        current=PAGE,
        width="narrow",
    )


def _list() -> rx.Component:
    state = BurstsState
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Booked lately, and still ahead", id="lately"),
            rx.el.div(
                *(
                    _span(key, label)
                    for key, label in (("hour", "Last hour"), ("day", "Last day"), ("week", "Last week"))
                ),
                class_name="actions spans",
                role="group",
                aria_label="Booked within",
            ),
            class_name="row between wrap",
        ),
        rx.cond(
            state.lines,
            rx.el.ul(rx.foreach(state.lines, _line), class_name="card", aria_labelledby="lately"),
            rx.el.div(
                empty("Nothing was booked in this time", "What was booked earlier is in the team calendar."),
                class_name="card",
            ),
        ),
        class_name="stack-8",
    )


def _span(key: str, label: str) -> rx.Component:
    chosen = BurstsState.span == key
    return button(
        label,
        extra="compact",
        on_click=ON.choose_span(key),
        custom_attrs={"aria-pressed": rx.cond(chosen, "true", "false")},
    )


def _line(line: BurstLine) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(line.title),
            rx.el.p(line.made, class_name="tiny"),
            class_name="pp-name",
        ),
        rx.el.div(
            rx.el.div(line.count, class_name="strong"),
            rx.el.p(line.others, class_name="tiny"),
        ),
        rx.el.div(
            button(
                "Cancel them…",
                kind="danger",
                extra="compact",
                on_click=ON.ask(line.key),
                custom_attrs={"aria-label": "Cancel " + line.count + ": " + line.title},
            ),
            class_name="actions end",
        ),
        class_name="burst",
        key=line.key,
    )


def _policy() -> rx.Component:
    state = BurstsState
    return rx.el.form(
        rx.el.h2("When a mail has to confirm a booking"),
        rx.el.p(state.policy_words, class_name="small"),
        _bound(
            "confirm_after",
            "Ask from this many appointments of one mail address on",
            value=state.confirm_after,
            hint="0 asks every time, empty never. Until the mailed link is pressed the time is kept for 30 minutes.",
        ),
        _bound(
            "most_upcoming",
            "Most appointments of one mail address that lie ahead",
            value=state.most_upcoming,
            hint="Beyond it people are asked to contact you.",
        ),
        rx.el.div(button("Save", kind="primary", type="submit"), class_name="actions"),
        on_submit=ON.save,
        class_name="card add form",
        no_validate=True,
    )


def _bound(name: str, label: str, *, value: Text, hint: str) -> rx.Component:
    error = rx.cond(BurstsState.wrong == name, BurstsState.message, "")
    return field(
        label,
        text_input(name, error=error, default_value=value, input_mode="numeric", auto_complete="off", max_length=4),
        name=name,
        error=error,
        hint=hint,
    )


def _question() -> rx.Component:
    asking = BurstsState.asking
    return modal(
        rx.el.p(asking.title, ", ", asking.made, ".", class_name="small"),
        rx.el.p(
            "Their times are free at once, and their events leave your calendars. Nobody gets a mail about it, neither "
            "the addresses that were used nor your team. It cannot be undone.",
            class_name="small",
        ),
        rx.el.div(
            close_button("Keep them", ON.dismiss),
            button("Cancel " + asking.count, kind="danger", on_click=ON.remove),
            class_name="actions end",
        ),
        title="Cancel " + asking.count + "?",
    )
