"""Connecting one more calendar account: a row of kinds, and the form of the chosen one."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import banner, button, classes, field, text_input
from booking_app.components.linking import link_tile, ways
from booking_app.services.views_sync import PresetView
from booking_app.state.calendars import CalendarsState
from booking_app.state.linking import LinkingState
from booking_app.sync.connect import presets

ON: Any = CalendarsState
_WORDS = {
    "icloud": "app password, 2 minutes",
    "fastmail": "app password",
    "nextcloud": "your server’s address",
    "other": "any server, by its address",
}
_NAMES = {"icloud": "iCloud", "other": "Other CalDAV"}
"""Shorter where there is little room."""
_TITLES = {"other": "a CalDAV server"}
_ICLOUD_STEPS = (
    "Open account.apple.com, sign in, and choose Sign-In and Security, then App-Specific Passwords.",
    "Make one called “Bookings” and paste it below. It looks like abcd-efgh-ijkl-mnop.",
)


def add_calendar() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Add a calendar"),
        rx.el.div(
            rx.foreach(LinkingState.offers, link_tile),
            *(_kind(each) for each in presets()),
            class_name=classes("pv", rx.cond(LinkingState.offers, "many", "")),
        ),
        ways(),
        *(rx.cond(CalendarsState.adding == each.key, _form(each)) for each in presets()),
        class_name="add-section",
    )


def _kind(preset: PresetView) -> rx.Component:
    return rx.el.button(
        _NAMES.get(preset.key, preset.name),
        rx.el.div(_WORDS.get(preset.key, ""), class_name="tiny"),
        type="button",
        class_name="card",
        aria_pressed=rx.cond(CalendarsState.adding == preset.key, "true", "false"),
        on_click=ON.start_adding(preset.key),
    )


def _form(preset: PresetView) -> rx.Component:
    wrong, message = CalendarsState.wrong, CalendarsState.message
    needs_address = not preset.address
    first = "address" if needs_address else "username"
    return rx.el.form(
        rx.el.h3("Connect " + _TITLES.get(preset.key, preset.name)),
        rx.el.ol(*(rx.el.li(step) for step in _ICLOUD_STEPS))
        if preset.key == "icloud"
        else rx.el.p(preset.hint, class_name="small"),
        # What is wrong with an address that nobody typed is said above the form.
        rx.cond(
            (message != "") & ((wrong == "preset") | (wrong == "address" if not needs_address else False)),
            banner(tone="bad", title=message, role="alert"),
        ),
        *(
            [
                _field(
                    "Server address" if preset.key == "nextcloud" else "Server address, or mail address",
                    "address",
                    input_mode="url" if preset.key == "nextcloud" else "email",
                    placeholder="https://cloud.example.com" if preset.key == "nextcloud" else "https://",
                    auto_focus=True,
                )
            ]
            if needs_address
            else []
        ),
        _field(
            "Apple Account (e-mail address)" if preset.key == "icloud" else "User name",
            "username",
            auto_focus=first == "username",
        ),
        _field(
            "Password" if preset.key == "other" else "App password",
            "secret",
            type="password",
            hint="Kept encrypted, used only to read your busy times and to write appointments.",
        ),
        rx.el.div(
            button(
                rx.cond(CalendarsState.busy, "Testing the connection…", "Test and connect"),
                kind="primary",
                type="submit",
                disabled=CalendarsState.busy,
            ),
            button("Cancel", kind="quiet", on_click=ON.start_adding(preset.key)),
            class_name="actions",
        ),
        on_submit=ON.connect,
        class_name="card add form appear",
        no_validate=True,
    )


def _field(label: str, name: str, *, hint: str = "", **props: Any) -> rx.Component:
    error = rx.cond(CalendarsState.wrong == name, CalendarsState.message, "")
    return field(
        label,
        text_input(name, error=error, auto_complete="off", spell_check=False, auto_capitalize="none", **props),
        name=name,
        error=error,
        hint=hint,
    )
