"""A connected calendar account: how it stands, and what its owner chooses for each of its calendars."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import button, classes, icon
from booking_app.components.linking import about_link, away, linked_now, simulation
from booking_app.components.status_badge import age, status_badge
from booking_app.state.calendars import CalendarsState
from booking_app.state.disconnecting import DisconnectingState
from booking_app.state.replacing import ReplacingState
from booking_app.state.views_calendars import CalendarLine, ConnectionCard

ON: Any = CalendarsState
DISCONNECTING: Any = DisconnectingState
REPLACING: Any = ReplacingState


def connection_card(card: ConnectionCard) -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.span(card.mark, class_name="cx-mark", aria_hidden="true"),
            rx.el.div(
                rx.el.div(
                    rx.el.h2(card.name, "\u2002", rx.el.span(card.account, class_name="tiny"), class_name="cx-title"),
                    rx.cond(card.simulated, rx.fragment(" ", simulation())),
                ),
                rx.el.p(
                    card.sentence,
                    rx.cond(card.read_at > 0, rx.fragment(" Read ", age(card.read_at), ".")),
                    rx.cond((card.ends != "") & ~card.ends_soon, " Connected until " + card.ends + ".", ""),
                    class_name="tiny",
                ),
                class_name="cx-name",
            ),
            status_badge(card.word, card.tone),
            _menu(card),
            class_name="cx-head",
        ),
        rx.cond(card.needs_password, _needs_password(card)),
        linked_now(card),
        about_link(card),
        rx.el.div(
            rx.el.div(
                rx.el.span(),
                rx.el.span("Calendar"),
                rx.el.span("Blocks my slots"),
                rx.el.span("Receives appointments"),
                class_name="cal hd tiny",
                aria_hidden="true",
            ),
            rx.foreach(card.calendars, lambda line: _calendar(line, card.uid)),
        ),
        rx.cond(card.more != "", rx.el.p(card.more, class_name="cx-note tiny")),
        class_name="card cx",
        aria_label="Calendar account " + card.full_name,
        key=card.uid,
    )


def _calendar(line: CalendarLine, account: str) -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.span(
                class_name="sq",
                aria_hidden="true",
                custom_attrs={"style": rx.Var.create({"background": rx.cond(line.colour, line.colour, "var(--ink3)")})},
            ),
            rx.el.span(
                line.name,
                rx.cond(line.note != "", rx.el.span(" · ", line.note, class_name="tiny")),
                class_name="ellipsis",
                title=line.name,
            ),
            rx.el.label(
                rx.el.input(
                    type="checkbox",
                    role="switch",
                    class_name="switch",
                    checked=line.blocks,
                    on_change=lambda on: ON.set_blocks(line.uid, on),
                    aria_label=line.name + " blocks my slots (" + line.account + ")",
                ),
                class_name="hit",
            ),
            rx.cond(
                line.can_write,
                _receive(line),
                rx.el.span("cannot write", class_name="tiny"),
            ),
            class_name="cal",
        ),
        rx.cond(line.knows_unsure, _unsure(line)),
        rx.cond(line.target, _private(line)),
        rx.cond(line.trouble != "", _trouble(line, account)),
        rx.cond(line.unread, _unread(line)),
    )


def _unread(line: CalendarLine) -> rx.Component:
    """What of a calendar could not be read, to be found in it by date and time."""
    return rx.el.ul(
        rx.foreach(
            line.unread,
            lambda each: rx.el.li(
                rx.el.p(rx.el.strong(each.when), " · ", each.why),
                rx.el.p(each.closes, class_name="tiny"),
                rx.el.label(
                    rx.el.input(
                        type="checkbox",
                        checked=~each.blocks,
                        on_change=lambda on: ON.set_unread(each.uid, ~on),
                        aria_label="Does not block: " + each.when + ", " + each.why,
                    ),
                    "Does not block",
                    class_name="tiny",
                ),
                key=each.uid,
            ),
        ),
        class_name="cal-unread",
        aria_label="Could not be read in " + line.name,
    )


def _choice(line: CalendarLine, sentence: str, checked: bool, on_change: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            checked=checked,
            on_change=on_change,
            aria_label=sentence + ": " + line.name + " (" + line.account + ")",
        ),
        sentence,
        class_name="cal-more tiny",
    )


def _unsure(line: CalendarLine) -> rx.Component:
    sentence = "Tentative and unanswered events block too"
    return _choice(line, sentence, line.unsure_blocks, lambda on: ON.set_unsure(line.uid, on))


def _private(line: CalendarLine) -> rx.Component:
    sentence = "Others who see it see only that I am busy"
    return _choice(line, sentence, line.private, lambda on: ON.set_private(line.uid, on))


def _receive(line: CalendarLine) -> rx.Component:
    # The same element before and after, so that whoever presses it keeps the focus. A row of radio buttons would move
    # all coming appointments at each press of an arrow key.
    return rx.el.button(
        rx.cond(line.target, rx.fragment(icon("check", 14), "Receives"), "Receive here"),
        type="button",
        class_name="btn compact take",
        aria_label=rx.cond(line.target, "Receives appointments: ", "Receive here: ")
        + line.name
        + " ("
        + line.account
        + ")",
        custom_attrs={"aria-disabled": rx.cond(line.target, "true", "false")},
        on_click=ON.set_target(line.uid),
    )


def _trouble(line: CalendarLine, account: str) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            icon("triangle-alert", 18),
            rx.el.div(
                rx.el.p(line.trouble),
                rx.cond(
                    line.stopped,
                    rx.el.div(
                        button("Read again", extra="compact", on_click=ON.read_now(account)),
                        rx.match(
                            line.stopped_by,
                            (
                                "vanished",
                                button("They are really gone", extra="compact", on_click=ON.really_gone(line.uid)),
                            ),
                            ("gone", button("Stop using it", extra="compact", on_click=ON.leave(line.uid))),
                            rx.fragment(),
                        ),
                        class_name="actions",
                    ),
                ),
                class_name="stack-8 grow",
            ),
            class_name=classes("banner", rx.cond(line.stopped, "bad", "warn")),
        ),
        class_name="cx-note",
    )


def _needs_password(card: ConnectionCard) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            icon("circle-alert", 18),
            rx.el.p("Your slots are withheld until this account can be read again.", class_name="grow"),
            button("Enter the new password", kind="primary", extra="compact", on_click=REPLACING.ask(card.uid)),
            class_name="banner bad wrap",
        ),
        class_name="cx-note",
    )


def _menu(card: ConnectionCard) -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            icon("ellipsis"),
            rx.el.span("More about " + card.full_name, class_name="sr-only"),
            class_name="btn quiet icon",
        ),
        rx.el.div(
            _item("Test the connection", ON.test(card.uid)),
            rx.cond(
                card.provider != "",
                rx.cond(card.refused == "", away("Connect again", href=card.again, name="item")),
                _item("Replace the password", REPLACING.ask(card.uid)),
            ),
            _item("Disconnect", DISCONNECTING.ask(card.uid), danger=True),
            class_name="menu-pop",
        ),
        class_name="menu",
    )


def _item(label: str, event: Any, *, danger: bool = False) -> rx.Component:
    return rx.el.button(label, type="button", class_name="item danger" if danger else "item", on_click=event)
