"""`/admin/sync`: which calendars are right, which need somebody, and what waits to be written."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_frame import admin_frame
from booking_app.components.elements import banner, button, empty, skeleton
from booking_app.components.modal import close_button, modal
from booking_app.components.notice import notices
from booking_app.components.snack import snack
from booking_app.components.status_badge import server_now
from booking_app.components.sync_line import figure_card, queue_line, sync_line
from booking_app.state.sync import PAGE, SyncState

ON: Any = SyncState


def page() -> rx.Component:
    state = SyncState
    return admin_frame(
        server_now(state.now),
        rx.el.div(
            rx.el.h1("Sync"),
            rx.cond(
                state.loaded,
                rx.el.p(state.sentence, class_name="small", role="status"),
                rx.el.p(skeleton("280px"), class_name="small"),
            ),
            class_name="col",
        ),
        notices(state.notices, state.sure, ON.decide, ON.not_yet),
        rx.cond(
            state.unreceived != "",
            rx.el.div(
                banner(
                    rx.el.p(
                        "Such bookings stand here and in the mails, and in no calendar, until one is chosen on the "
                        "person's page Calendars.",
                        class_name="small",
                    ),
                    tone="warn",
                    title=state.unreceived,
                ),
                class_name="alerts",
            ),
        ),
        rx.cond(
            state.loaded,
            rx.fragment(
                rx.el.div(rx.foreach(state.figures, figure_card), class_name="kpi"),
                rx.cond(
                    state.lines,
                    rx.el.ul(
                        rx.foreach(state.lines, sync_line), class_name="card sy-list", aria_label="Calendar accounts"
                    ),
                    empty("No calendar is connected yet", "Each person connects their own, on the page Calendars."),
                ),
                rx.cond(
                    state.other,
                    rx.fragment(
                        rx.el.h2("Other work that waits"),
                        rx.el.ul(rx.foreach(state.other, queue_line), class_name="card sy-list"),
                    ),
                ),
            ),
            _coming(),
        ),
        rx.cond(state.asking != "", _really_gone()),
        snack(state.said, on_close=ON.hush),
        current=PAGE,
    )


def _really_gone() -> rx.Component:
    return modal(
        rx.el.p(
            "The calendar ",
            rx.el.b(SyncState.asking_name),
            " is read again, and what disappeared from it no longer blocks. Appointments whose events were deleted are "
            "cancelled, and their customers are told.",
            class_name="small",
        ),
        rx.el.div(
            close_button("Cancel", ON.dismiss),
            button("They are really gone", kind="danger", on_click=ON.really_gone),
            class_name="actions end",
        ),
        title="Are these events really gone?",
    )


def _coming() -> rx.Component:
    return rx.el.div(
        rx.el.div(*(skeleton(height="104px") for _ in range(4)), class_name="kpi"),
        skeleton(height="280px"),
        aria_busy="true",
        aria_label="The state of the calendars is coming",
        role="status",
    )
