"""The live slot picker: month, zone and freshness, and the times of a day. Bound to any state that is a `Picker`."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import banner, button, icon, skeleton
from booking_app.state.picker import ZONE_CHANGER

PickerState = Any
"""A state class that is a `state.picker.Picker`: here its attributes are vars, which the type checker cannot know."""

View = Any
"""A var of one of the dataclasses of `state.views`, or of a field of one."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def month_picker(state: PickerState) -> rx.Component:
    """The days of a month; those with free times are tinted."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(state.month.title, id="month-title"),
            rx.el.div(
                _turn(state, -1, "Earlier month", "chevron-left", ~state.month.before),
                _turn(state, 1, "Later month", "chevron-right", ~state.month.after),
                class_name="row",
            ),
            class_name="row between",
        ),
        rx.el.div(*(rx.el.span(name) for name in _WEEKDAYS), class_name="weekdays", aria_hidden="true"),
        rx.el.div(
            rx.foreach(state.month.days, lambda cell: _day(state, cell)),
            class_name="month lead-" + state.month.lead.to_string(),
            role="group",
            aria_labelledby="month-title",
            custom_attrs={
                "data-grid": "7",
                "data-offset": state.month.lead.to_string(),
                "data-label": state.month.key,
                "data-previous": "month-before",
                "data-next": "month-after",
            },
        ),
        rx.el.div(_zone(state), _freshness(state), class_name="month-foot"),
        _zone_form(state),
        rx.foreach(state.fresh.withheld, lambda words: banner(rx.el.p(words), tone="warn")),
        class_name="month-side",
        aria_label="Choose a day",
    )


def _turn(state: PickerState, steps: int, label: str, icon_name: str, disabled: View) -> rx.Component:
    return button(
        icon(icon_name, 18),
        extra="icon",
        id="month-before" if steps < 0 else "month-after",
        aria_label=label,
        disabled=disabled,
        on_click=state.turn(steps),
    )


def _day(state: PickerState, cell: View) -> rx.Component:
    chosen = cell.date == state.day.date
    free = state.free[cell.date]
    return rx.el.button(
        cell.number,
        type="button",
        class_name="day " + cell.kind + rx.cond(free, " free", ""),
        aria_label=cell.label
        + rx.cond(free, rx.cond(free == 1, ", 1 time free", f", {free} times free"), ", no free times"),
        aria_pressed=chosen,
        tab_index=rx.cond(chosen, 0, -1),
        on_click=state.pick_day(cell.date),
    )


def _zone(state: PickerState) -> rx.Component:
    return rx.el.button(
        icon("globe", 15),
        rx.el.span(
            rx.el.span("Times in ", class_name="sr-only"),
            state.zone,
            rx.el.span(
                " · your time ", rx.el.span(custom_attrs={"data-clock": state.zone_clock}), class_name="tiny nowrap"
            ),
            rx.el.span(", change", class_name="sr-only"),
        ),
        icon("chevron-down", 14),
        id=ZONE_CHANGER,
        type="button",
        class_name="zone small",
        aria_expanded=state.zone_open,
        on_click=state.toggle_zones,
    )


def _zone_form(state: PickerState) -> rx.Component:
    return rx.cond(
        state.zone_open,
        rx.el.form(
            rx.el.label("Show times in", html_for="zone", class_name="label"),
            rx.el.div(
                rx.el.input(
                    id="zone",
                    name="zone",
                    class_name="input",
                    placeholder="Type a city, like Tokyo",
                    list="zones",
                    auto_complete="off",
                    spell_check=False,
                    custom_attrs={
                        "data-focus": "1",
                        "data-zones": "1",
                        "aria-invalid": rx.cond(state.zone_error, "true", "false"),
                        "aria-describedby": "zone-error",
                    },
                ),
                button("Show", type="submit"),
                class_name="row",
            ),
            rx.el.datalist(id="zones"),
            rx.el.span(state.zone_error, class_name="error", id="zone-error", role="alert"),
            rx.cond(
                state.zone_choices.length() > 0,
                rx.el.div(
                    rx.foreach(
                        state.zone_choices,
                        lambda zone: button(zone, type="button", on_click=state.change_zone({"zone": zone})),
                    ),
                    role="group",
                    aria_label="Time zones",
                    class_name="row wrap",
                ),
            ),
            on_submit=state.change_zone,
            class_name="stack-8 zone-form appear",
        ),
    )


def _freshness(state: PickerState) -> rx.Component:
    fresh = state.fresh
    return rx.el.span(
        rx.el.span(class_name="dot", aria_hidden="true"),
        rx.el.span(
            rx.cond(
                fresh.checked > 0,
                rx.fragment(
                    rx.el.span(fresh.words, class_name="in-time"),
                    rx.el.span("Checking again, last checked", class_name="too-late"),
                    " ",
                    rx.el.span(custom_attrs={"data-age": fresh.checked.to_string()}),
                ),
                fresh.words,
            ),
        ),
        class_name="pill " + fresh.tone,
        custom_attrs={"data-good-until": fresh.live_until.to_string()},
    )


def day_slots(state: PickerState, *after: rx.Component) -> rx.Component:
    """The times of the chosen day; `after` stands under them."""
    return rx.el.section(
        rx.el.h2(state.day.heading, id="day", tab_index=-1),
        rx.el.p("Times in ", state.zone_name, " time · 24 h", class_name="tiny"),
        rx.el.div(
            rx.foreach(state.day.groups, lambda group: _group(state, group)),
            custom_attrs={"data-list": "1", "data-label": state.day.date},
        ),
        rx.cond(
            state.day.nothing,
            rx.el.div(
                rx.el.p(state.day.nothing, class_name="small"),
                rx.cond(
                    state.soonest.start,
                    rx.el.p("Next free: ", rx.el.span(state.soonest.words, class_name="strong"), class_name="small"),
                    rx.el.p("There is no free time in the coming weeks.", class_name="small"),
                ),
                class_name="none stack-8",
            ),
        ),
        rx.cond(state.day.notice, rx.el.p(state.day.notice, class_name="tiny gone-note")),
        *after,
        class_name="day-side",
        aria_labelledby="day",
    )


def _group(state: PickerState, group: View) -> rx.Component:
    return rx.el.div(
        rx.el.h3(group.name, class_name="part"),
        rx.el.div(rx.foreach(group.slots, lambda slot: _slot(state, slot)), class_name="slots"),
    )


def _slot(state: PickerState, slot: View) -> rx.Component:
    return rx.el.button(
        slot.time,
        type="button",
        class_name=rx.cond(slot.gone, "slot gone", "slot"),
        aria_label=state.day.label
        + ", "
        + slot.time
        + ", "
        + state.zone_words
        + rx.cond(slot.gone, ", just taken", ""),
        aria_pressed=slot.start == state.chosen,
        disabled=slot.gone,
        on_click=state.choose(slot.start),
    )


def refusal_banner(refusal: View, on_take: Any, *after: rx.Component) -> rx.Component:
    """Why not, what to do next, and the nearest alternatives as buttons. Takes the focus when it appears."""
    return rx.cond(
        refusal.title != "",
        rx.el.div(
            icon("circle-alert", 18),
            rx.el.div(
                rx.el.p(refusal.title, class_name="title"),
                rx.el.p(refusal.advice, class_name="small"),
                rx.cond(
                    refusal.instead.length() > 0,
                    rx.el.div(
                        rx.foreach(refusal.instead, lambda each: _instead(each, on_take)),
                        class_name="row wrap instead",
                    ),
                ),
                *after,
                class_name="stack-8 grow",
            ),
            class_name="banner bad appear refusal",
            role="alert",
            tab_index=-1,
            custom_attrs={"data-focus": "1"},
        ),
    )


def _instead(each: View, on_take: Any) -> rx.Component:
    return button(
        each.words,
        rx.cond(each.who, rx.el.span(each.who, class_name="tiny")),
        extra="compact",
        on_click=on_take(each.start),
    )


def picker_skeleton() -> rx.Component:
    """The same shape while the calendars are being asked."""
    return rx.fragment(
        rx.el.div(
            rx.el.div(skeleton("140px", "20px"), skeleton("76px", "34px"), class_name="row between"),
            rx.el.div(*(skeleton("100%", "46px") for _ in range(35)), class_name="month", style={"marginTop": "44px"}),
            rx.el.div(skeleton("150px", "18px"), skeleton("150px", "22px"), class_name="month-foot"),
            class_name="month-side",
            aria_hidden="true",
        ),
        rx.el.div(
            skeleton("120px", "20px"),
            rx.el.div(*(skeleton("100%", "42px") for _ in range(8)), class_name="slots", style={"marginTop": "44px"}),
            rx.el.p("Reading the calendars", class_name="sr-only", role="status"),
            class_name="day-side",
        ),
    )
