"""`/manage/<token>`: see, move and cancel one's own booking."""

from __future__ import annotations

import reflex as rx

from booking_app.components import layout
from booking_app.components.elements import banner, button, dialog, link, link_button, pill
from booking_app.components.not_found import not_found
from booking_app.components.service_facts import appointment_facts, facts_skeleton
from booking_app.components.slot_picker import day_slots, month_picker, picker_skeleton, refusal_banner
from booking_app.state.manage import ManageState as State


def page() -> rx.Component:
    return layout.public_page(
        rx.cond(
            State.known == "missing",
            not_found(
                "We cannot find this appointment",
                "Please check that the link is complete, as it stands in your confirmation. Old links stop working "
                "some time after the appointment.",
            ),
            rx.el.div(
                _booked(),
                rx.cond(State.step == "move", _move(), _see()),
                class_name="booking card",
                custom_attrs={"data-server-now": State.server_now.to_string()},  # type: ignore[attr-defined]
            ),
        ),
        rx.cond(State.asking, _question()),
        rx.el.p(State.news, class_name="sr-only", role="status", aria_live="polite"),
        team=State.team,
    )


def _booked() -> rx.Component:
    return rx.el.div(
        link(rx.cond(State.team != "", State.team, " "), href="/", class_name="logo"),
        rx.cond(
            State.known == "found",
            rx.el.div(
                rx.el.h1(State.booked.when.service),
                rx.el.p("Booked for ", State.booked.customer, class_name="small"),
                rx.el.div(
                    rx.cond(
                        State.booked.state == "cancelled",
                        pill("Cancelled", tone="bad"),
                        pill("Confirmed", tone="ok"),
                    ),
                    style={"marginTop": "14px"},
                ),
                rx.cond(
                    State.step == "move",
                    rx.el.div(
                        rx.el.div("Until now", class_name="tiny"),
                        rx.el.div(State.booked.when.day, class_name="strong"),
                        rx.el.div(State.booked.when.times, ", with ", State.booked.when.people, class_name="small"),
                        class_name="card sunk next-free",
                    ),
                ),
                class_name="about-text",
            ),
            rx.el.div(
                rx.el.h1("Your appointment", class_name="sr-only"),
                facts_skeleton(),
                custom_attrs={"aria-busy": "true"},
            ),
        ),
        class_name="about",
    )


def _see() -> rx.Component:
    booked = State.booked
    return rx.cond(
        State.known == "found",
        rx.el.div(
            rx.el.h2(rx.cond(booked.state == "cancelled", "This was your appointment", "Your appointment")),
            rx.cond(
                State.note != "",
                rx.el.div(
                    banner(rx.el.p(State.note), tone="ok"),
                    role="status",
                    tab_index=-1,
                    custom_attrs={"data-focus": "1"},
                ),
            ),
            refusal_banner(State.refusal, State.take_instead),
            rx.cond(
                (booked.state == "cancelled") & (State.note == ""), banner(rx.el.p(booked.state_words), tone="warn")
            ),
            appointment_facts(booked.when),
            rx.cond(
                booked.state == "cancelled",
                link_button("Book a new time", href="/book/" + booked.slug, kind="primary"),
                rx.cond(
                    booked.why_not != "",
                    banner(rx.el.p(booked.why_not)),
                    rx.el.div(
                        rx.el.div(
                            button("Choose another time", kind="primary", on_click=State.start_move),
                            button("Cancel the appointment", kind="danger", on_click=State.ask),
                            class_name="manage-actions",
                        ),
                        rx.el.p("You can change it here until ", booked.until, ".", class_name="tiny"),
                        class_name="stack-8",
                    ),
                ),
            ),
            class_name="step-side",
        ),
        rx.el.div(facts_skeleton(), class_name="step-side"),
    )


def _move() -> rx.Component:
    return rx.cond(
        State.ready,
        rx.fragment(
            month_picker(State),
            day_slots(
                State,
                refusal_banner(State.refusal, State.take_instead),
                rx.el.div(
                    button(
                        rx.cond(
                            State.busy,
                            "Moving…",
                            rx.cond(State.chosen > 0, "Move to " + State.chosen_time, "Choose a time"),
                        ),
                        kind="primary",
                        extra="block",
                        disabled=(State.chosen == 0) | State.busy,
                        on_click=State.move,
                    ),
                    button("Keep the time as it is", kind="quiet", extra="block", on_click=State.stop_move),
                    class_name="continue-bar stack-8",
                ),
            ),
        ),
        picker_skeleton(),
    )


def _question() -> rx.Component:
    when = State.booked.when
    return dialog(
        rx.el.p(
            when.service,
            " on ",
            rx.el.strong(when.day, ", ", when.times),
            " will be cancelled and the time given to others. You can book again, but this time may be gone.",
            class_name="lead",
        ),
        rx.el.div(
            button("Keep it", on_click=State.keep_it, custom_attrs={"data-close": "1"}),
            button(rx.cond(State.busy, "Cancelling…", "Cancel the appointment"), kind="danger", on_click=State.cancel),
            class_name="row wrap",
        ),
        title="Cancel this appointment?",
        on_close=State.keep_it,
    )
