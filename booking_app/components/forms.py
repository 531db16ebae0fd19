"""The form of a booking: four fields, one button."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import button, field, icon, text_input


def booking_form(state: Any) -> rx.Component:
    """What is typed stays in the browser until it is sent; updates and refusals leave it alone."""
    errors = state.errors
    return rx.el.form(
        field("Your name", _input(state, "name", "name", required=True), name="name", error=errors.name),
        field(
            "E-mail",
            _input(state, "email", "email", type="email", required=True, input_mode="email"),
            name="email",
            error=errors.email,
            hint="The confirmation goes there, with a link to move or cancel.",
        ),
        field(
            "Phone",
            _input(state, "phone", "tel", type="tel", input_mode="tel"),
            name="phone",
            error=errors.phone,
            optional=True,
        ),
        field(
            "Anything we should know",
            _input(state, "notes", "off", area=True),
            name="notes",
            error=errors.notes,
            optional=True,
        ),
        rx.el.p(errors.form, class_name="error", role="alert"),
        rx.el.div(
            button(
                rx.cond(state.refusal.title == "", "Back", "See all times"),
                kind="quiet",
                id="back",
                on_click=state.back,
            ),
            rx.cond(
                state.refusal.title == "",
                button(
                    rx.cond(state.busy, "Booking…", "Book " + state.kept.times),
                    kind="primary",
                    extra="grow",
                    type="submit",
                    id="book",
                    aria_busy=state.busy,
                    aria_disabled=state.busy,
                ),
            ),
            class_name="row form-end",
        ),
        rx.el.p(
            icon("lock", 13),
            "Used for this appointment only, and shown to nobody else.",
            class_name="tiny row",
        ),
        on_submit=state.submit,
        no_validate=True,
        class_name="stack booking-form",
        custom_attrs={"data-keep": "booking"},
    )


def _input(state: Any, name: str, complete: str, **props: Any) -> rx.Component:
    return text_input(
        name,
        error=getattr(state.errors, name),
        auto_complete=complete,
        on_change=lambda _value: state.typing().throttle(20_000),
        **props,
    )
