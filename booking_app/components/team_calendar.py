"""The team calendar: a column a person for a day, or a column a day for a week. Drawn from placed blocks."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import avatar, classes, skeleton
from booking_app.state.views_admin import Band, Block, Board, Column, HourMark


def team_calendar(board: Board, *, week: bool, now_top: int, on_choose: Any) -> rx.Component:
    """`on_choose(appointment id)` opens an appointment. `now_top` below zero draws no line."""
    tall = f"{board.height}px"
    return rx.el.div(
        rx.el.div(
            rx.el.div(class_name="tc-hd corner", aria_hidden="true"),
            rx.foreach(board.columns, lambda column: _head(column, week)),
            rx.el.div(
                rx.foreach(board.hours, _hour),
                class_name="tc-hours",
                aria_hidden="true",
                custom_attrs={"style": rx.Var.create({"height": tall})},
            ),
            rx.foreach(board.columns, lambda column: _column(column, tall, week, now_top, on_choose)),
            class_name="tc-grid",
            custom_attrs={"style": rx.Var.create({"--n": board.count})},
        ),
        class_name="tc",
        role="region",
        aria_label="Calendar of the team",
        tab_index=0,
    )


def _head(column: Column, week: bool) -> rx.Component:
    return rx.el.div(
        rx.cond(week, rx.fragment(), avatar(column.initials, column.colour)),
        rx.el.div(
            rx.el.div(column.name, title=column.name),
            rx.cond(column.note != "", rx.el.div(column.note, class_name="tiny", title=column.note)),
            class_name="txt",
        ),
        class_name=classes("tc-hd", rx.cond(column.today, "today", "")),
        id="tc-" + column.key,
        key="h" + column.key,
    )


def _hour(mark: HourMark) -> rx.Component:
    return rx.el.span(mark.label, custom_attrs={"style": rx.Var.create({"top": f"{mark.top}px"})})


def _column(column: Column, tall: str, week: bool, now_top: int, on_choose: Any) -> rx.Component:
    return rx.el.div(
        rx.foreach(column.closed, _closed),
        rx.el.div(rx.foreach(column.blocks, lambda block: _block(block, on_choose)), class_name="tc-lane"),
        rx.cond(
            (now_top >= 0) & rx.cond(week, column.today, True),
            rx.el.div(
                class_name="tc-now",
                aria_hidden="true",
                custom_attrs={"style": rx.Var.create({"top": f"{now_top}px"})},
            ),
        ),
        class_name="tc-col",
        role="group",
        aria_labelledby="tc-" + column.key,
        key=column.key,
        custom_attrs={"style": rx.Var.create({"height": tall})},
    )


def _closed(band: Band) -> rx.Component:
    place = {"top": f"{band.top}px", "height": f"{band.height}px"}
    return rx.el.div(class_name="tc-off", custom_attrs={"style": rx.Var.create(place)})


def _block(block: Block, on_choose: Any) -> rx.Component:
    place = {
        "top": f"{block.top}px",
        "height": f"{block.height}px",
        "left": f"{block.left}%",
        "width": f"calc({block.width}% - 2px)",
    }
    attrs = {"style": rx.Var.create(place)}
    person = "person person-" + block.colour
    compact = rx.cond(block.slim, "compact slim", rx.cond(block.compact, "compact", ""))
    # The key is on what stands in the list: a block that is drawn anew at another position stays the same element, and
    # keeps the focus.
    drawn = rx.match(
        block.kind,
        (
            "busy",
            rx.el.div(
                rx.el.span(block.title, aria_hidden="true"),
                rx.el.span(block.label, class_name="sr-only"),
                class_name=classes("tc-busy", compact, rx.cond(block.narrow, "narrow", "")),
                title=block.label,
                custom_attrs=attrs,
            ),
        ),
        (
            "hold",
            rx.el.div(
                rx.el.b(block.title, aria_hidden="true"),
                rx.el.span(block.label, class_name="sr-only"),
                class_name=classes("tc-e hold", compact, person),
                custom_attrs=attrs,
            ),
        ),
        rx.el.button(
            rx.el.b(block.title),
            rx.el.span(block.line),
            type="button",
            class_name=classes("tc-e", compact, rx.cond(block.warn, "warn", ""), person),
            aria_label=block.label,
            title=block.label,
            on_click=on_choose(block.id),
            custom_attrs=attrs,
        ),
    )
    return rx.fragment(drawn, key=block.key)


def legend(zone: str) -> rx.Component:
    """What the patterns mean, and in which zone all times are."""
    return rx.el.div(
        rx.el.span(rx.el.i(class_name="l1"), "appointment"),
        rx.el.span(rx.el.i(class_name="l2"), "being booked"),
        rx.el.span(rx.el.i(class_name="l3"), "busy in own calendar (no details are read)"),
        rx.el.span("All times ", zone, " · updates by itself", class_name="end"),
        class_name="tc-legend",
    )


def calendar_skeleton() -> rx.Component:
    """The size of the board while it comes."""
    return rx.el.div(
        skeleton(height="60px"),
        skeleton(height="560px"),
        aria_busy="true",
        aria_label="The calendar is coming",
        role="status",
    )
