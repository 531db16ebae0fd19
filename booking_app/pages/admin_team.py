"""`/admin/team`: everybody's appointments and busy times, by day or by week."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_frame import admin_frame
from booking_app.components.elements import banner, button, classes, empty, icon, skeleton
from booking_app.components.modal import close_button, modal
from booking_app.components.notice import answers
from booking_app.components.snack import snack
from booking_app.components.team_calendar import calendar_skeleton, legend, team_calendar
from booking_app.state.team import PAGE, TeamState
from booking_app.state.views_admin import Choice

ON: Any = TeamState
"""The same for its handlers, which the type checker does not see as callable."""
DRAWN = rx.State.is_hydrated & TeamState.loaded
"""Whether the board is the one that the address asks for: what a tab drew before stands in its state until then."""


def page() -> rx.Component:
    return admin_frame(
        _bar(),
        rx.cond(
            DRAWN,
            rx.cond(
                TeamState.choices,
                rx.fragment(
                    rx.cond(TeamState.several, _people()),
                    team_calendar(
                        TeamState.board,
                        week=TeamState.week,
                        now_top=TeamState.now_top,
                        on_choose=ON.choose,
                    ),
                    legend(TeamState.board.zone),
                ),
                empty("Nobody is on the team yet", "People with opening hours appear here, a column each."),
            ),
            calendar_skeleton(),
        ),
        rx.cond(TeamState.chosen.id > 0, _detail()),
        snack(TeamState.said, on_close=ON.hush),
        current=PAGE,
        width="wide",
    )


def _bar() -> rx.Component:
    step = rx.cond(TeamState.week, "week", "day")
    return rx.el.div(
        rx.cond(DRAWN, rx.el.h1(TeamState.board.heading, aria_live="polite"), rx.el.h1(_coming())),
        button("Today", on_click=ON.go("today")),
        button(icon("chevron-left"), extra="icon", aria_label="Previous " + step, on_click=ON.go("previous")),
        button(icon("chevron-right"), extra="icon", aria_label="Next " + step, on_click=ON.go("next")),
        rx.el.input(
            type="date",
            value=TeamState.day,
            on_change=ON.pick_day,
            class_name="tc-date",
            aria_label="Go to a date",
        ),
        rx.el.div(
            _segment("Day", chosen=rx.cond(TeamState.week, False, True), event=ON.show_week(False)),
            _segment("Week", chosen=TeamState.week, event=ON.show_week(True)),
            role="group",
            aria_label="View",
            class_name="end",
        ),
        class_name="tc-bar",
    )


def _coming() -> rx.Component:
    return rx.fragment(rx.el.span("Team calendar", class_name="sr-only"), skeleton("240px", "28px"))


def _segment(*label: Any, chosen: Any, event: Any) -> rx.Component:
    return rx.el.button(
        *label,
        type="button",
        class_name="pill seg",
        aria_pressed=rx.cond(chosen, "true", "false"),
        on_click=event,
    )


def _people() -> rx.Component:
    return rx.el.div(
        _segment("Everybody", chosen=TeamState.only == "", event=ON.show_only("")),
        rx.foreach(TeamState.choices, _person),
        role="group",
        aria_label="Whose calendar",
        class_name="tc-people",
    )


def _person(choice: Choice) -> rx.Component:
    return _segment(
        rx.el.span(class_name=classes("spot person", "person-" + choice.colour), aria_hidden="true"),
        choice.name,
        chosen=TeamState.only == choice.key,
        event=ON.show_only(choice.key),
    )


def _detail() -> rx.Component:
    chosen = TeamState.chosen
    return modal(
        rx.cond(
            chosen.conflict != "",
            banner(answers(chosen.choices, TeamState.sure, ON.decide, ON.not_yet), tone="warn", title=chosen.conflict),
        ),
        rx.el.dl(
            _fact("When", chosen.when),
            _fact("With", chosen.people),
            rx.el.dt("Customer"),
            rx.el.dd(rx.foreach(chosen.customers, lambda each: rx.el.p(each))),
            rx.cond(chosen.notes != "", rx.fragment(_fact("Notes", chosen.notes))),
            rx.cond(chosen.location != "", rx.fragment(_fact("Where", chosen.location))),
            rx.el.dt("Calendar"),
            rx.el.dd(rx.foreach(chosen.writes, lambda each: rx.el.p(each))),
            class_name="facts",
        ),
        rx.el.div(close_button("Close", ON.close), class_name="actions end"),
        title=chosen.service,
    )


def _fact(term: str, what: str) -> rx.Component:
    return rx.fragment(rx.el.dt(term), rx.el.dd(what))
