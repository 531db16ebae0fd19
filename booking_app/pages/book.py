"""`/book/<service>`: one card with three columns; the steps change its right side."""

from __future__ import annotations

import reflex as rx

from booking_app.components import layout
from booking_app.components.elements import avatar, button, icon, link, link_button
from booking_app.components.forms import booking_form
from booking_app.components.not_found import not_found
from booking_app.components.service_facts import appointment_facts, avatars, facts, facts_skeleton
from booking_app.components.slot_picker import day_slots, month_picker, picker_skeleton, refusal_banner
from booking_app.state.book import BookState as State
from booking_app.state.followers import WhereaboutsState


def page() -> rx.Component:
    return layout.public_page(
        rx.cond(
            State.known == "missing",
            not_found(
                "There is no such service",
                "The address may be mistyped, or the service is no longer offered.",
            ),
            rx.el.div(
                _about(),
                rx.cond(State.step == "pick", _pick(), rx.fragment()),
                rx.el.div(_form(), class_name="step-side", hidden=State.step != "form"),
                rx.cond(State.step == "done", _done(), rx.fragment()),
                rx.cond(State.step == "mail", _mailed(), rx.fragment()),
                class_name="booking card",
                custom_attrs={"data-server-now": State.server_now.to_string()},  # type: ignore[attr-defined]
            ),
        ),
        rx.el.p(State.news, class_name="sr-only", role="status", aria_live="polite"),
        rx.fragment(on_unmount=WhereaboutsState.leave),
        team=State.team,
    )


def _about() -> rx.Component:
    return rx.el.div(
        link(rx.cond(State.team != "", State.team, " "), href="/", class_name="logo"),
        rx.cond(
            State.known == "found",
            rx.el.div(
                rx.el.h1(State.offer.name),
                rx.cond(State.offer.description, rx.el.p(State.offer.description, class_name="small")),
                facts(State.offer),
                rx.cond(State.step == "pick", _people()),
                class_name="about-text",
            ),
            rx.el.div(
                rx.el.h1("Book an appointment", class_name="sr-only"),
                facts_skeleton(),
                custom_attrs={"aria-busy": "true"},
            ),
        ),
        rx.cond(
            (State.step == "pick") & State.ready & (State.soonest.start > 0),
            rx.el.div(
                rx.el.div("Next free", class_name="tiny"),
                rx.el.div(
                    rx.el.span(State.soonest.words, class_name="strong"),
                    button(
                        "Take it",
                        rx.el.span(", ", State.soonest.label, class_name="sr-only"),
                        extra="compact",
                        on_click=State.take_soonest,
                    ),
                    class_name="row between",
                ),
                class_name="card sunk next-free",
            ),
        ),
        class_name="about",
    )


def _people() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.cond(State.offer.together, "With all of", "With"), class_name="tiny label-line"),
        rx.el.div(
            avatars(State.offer.people),
            rx.el.span(rx.cond(State.person == "", State.offer.with_words, _person_name()), class_name="small"),
            rx.cond(
                State.offer.choosable,
                rx.el.button(
                    rx.cond(State.people_open, "close", "choose"),
                    rx.el.span(rx.cond(State.people_open, " the list of people", " a person"), class_name="sr-only"),
                    type="button",
                    class_name="link tiny hit",
                    aria_expanded=State.people_open,
                    on_click=State.toggle_people,
                ),
            ),
            class_name="row wrap",
        ),
        rx.cond(
            State.people_open & State.offer.choosable,
            rx.el.div(
                _person("", "Anyone free", rx.el.span(icon("users", 14), class_name="avatar anyone")),
                rx.foreach(
                    State.offer.people,
                    lambda each: _person(each.slug, each.name, avatar(each.initials, each.colour)),
                ),
                class_name="people appear",
                role="group",
                aria_label="With whom",
            ),
        ),
    )


def _person_name() -> rx.Component:
    return rx.foreach(
        State.offer.people, lambda each: rx.cond(each.slug == State.person, rx.el.span(each.name), rx.fragment())
    )


def _person(slug: str, name: str, mark: rx.Component) -> rx.Component:
    return rx.el.button(
        mark,
        rx.el.span(name, class_name="ellipsis"),
        rx.cond(State.person == slug, rx.el.span(icon("check", 15), class_name="push")),
        type="button",
        class_name="person-choice",
        aria_pressed=State.person == slug,
        on_click=State.choose_person(slug),  # type: ignore[operator]
    )


def _pick() -> rx.Component:
    return rx.cond(
        State.ready,
        rx.fragment(
            month_picker(State),
            day_slots(
                State,
                refusal_banner(State.refusal, State.take_instead),
                rx.el.div(
                    button(
                        rx.cond(State.chosen > 0, "Continue with " + State.chosen_time, "Choose a time"),
                        kind="primary",
                        extra="block",
                        disabled=State.chosen == 0,
                        on_click=State.keep,
                    ),
                    class_name="continue-bar",
                ),
            ),
        ),
        picker_skeleton(),
    )


def _form() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.cond(
                State.step == "form",
                rx.el.h2("Your details", tab_index=-1, custom_attrs={"data-focus": "1", "data-back": "back"}),
            ),
            rx.el.p(
                rx.el.span(State.kept.day, ", ", State.kept.times, class_name="strong"),
                rx.el.br(),
                State.kept.zone,
                rx.cond(State.kept.people, " · with " + State.kept.people, ""),
                class_name="small",
            ),
            rx.cond(
                State.refusal.title == "",
                rx.el.p(
                    icon("timer", 14),
                    rx.cond(
                        State.kept_over,
                        rx.el.span("Not kept for you. You can still book it while it is free."),
                        rx.el.span(
                            "Kept for you for ",
                            rx.el.span(custom_attrs={"data-until": State.kept_until.to_string()}),  # type: ignore[attr-defined]
                        ),
                    ),
                    class_name="tiny row",
                ),
            ),
            class_name="stack-8",
        ),
        refusal_banner(State.refusal, State.take_instead),
        booking_form(State),
    )


def _mailed() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span(icon("mail", 22), class_name="done-mark", aria_hidden="true"),
            rx.el.h2("One more step: look into your mail", tab_index=-1, custom_attrs={"data-focus": "1"}),
            class_name="row",
        ),
        rx.el.p(
            "We sent a link to ",
            rx.el.span(State.sent_to, class_name="strong"),
            ". Your appointment is booked once you press it. Until ",
            rx.el.span(State.until, class_name="strong"),
            " the time is kept for you.",
        ),
        appointment_facts(State.kept),
        rx.el.p(
            "We ask so that nobody books with an address that is not theirs. Nothing there after some minutes? Look "
            "among unwanted mail.",
            class_name="small",
        ),
        rx.el.button("Book another time", type="button", class_name="link small", on_click=State.again),
        class_name="step-side appear",
    )


def _done() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span(icon("check", 22), class_name="done-mark", aria_hidden="true"),
            rx.el.h2("You are booked", tab_index=-1, custom_attrs={"data-focus": "1", "data-forget": "booking"}),
            class_name="row",
        ),
        appointment_facts(State.kept),
        rx.el.div(
            link_button(
                icon("calendar-plus", 16),
                "Add to calendar",
                href=State.links.calendar,
                kind="primary",
                custom_attrs={"reloadDocument": True},
                download="appointment.ics",
            ),
            link_button(rx.cond(State.links.fixed, "See your appointment", "Move or cancel"), href=State.links.manage),
            class_name="row wrap",
        ),
        rx.el.div(
            rx.el.h3("What happens next"),
            rx.el.p(
                "A confirmation is on its way to ",
                rx.el.span(State.sent_to, class_name="strong"),
                ", with an invitation for your calendar. ",
                rx.cond(
                    State.links.fixed,
                    "It starts so soon that it can no longer be changed online: if plans change, please contact us "
                    "directly. Your private link:",
                    "If plans change, use this private link:",
                ),
                class_name="small",
            ),
            rx.el.div(
                rx.el.input(
                    value=State.links.manage,
                    read_only=True,
                    class_name="input link-field",
                    aria_label=rx.cond(State.links.fixed, "Your private link", "Your private link to move or cancel"),
                    id="manage-link",
                ),
                button("Copy", on_click=rx.set_clipboard(State.links.manage), custom_attrs={"data-copied": "Copied"}),
                class_name="row",
            ),
            class_name="card sunk stack-8 next",
        ),
        rx.el.button("Book another time", type="button", class_name="link small", on_click=State.again),
        class_name="step-side appear",
    )
