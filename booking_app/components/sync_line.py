"""A connection on the sync page, and the work that waits for it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import avatar, button, classes, link_button
from booking_app.components.linking import simulation
from booking_app.components.status_badge import age, status_badge
from booking_app.state.sync import SyncState
from booking_app.state.views_admin import Figure, QueueLine, StoppedLine, SyncLine

ON: Any = SyncState


def figure_card(figure: Figure) -> rx.Component:
    return rx.el.div(
        rx.el.span(figure.what, class_name="tiny"),
        rx.el.b(figure.value),
        rx.el.span(figure.more, class_name="tiny"),
        class_name="card",
    )


def sync_line(line: SyncLine) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            avatar(line.initials, line.colour),
            rx.el.div(
                rx.el.b(line.name),
                rx.el.p(line.address, class_name="tiny"),
                rx.el.div(
                    rx.cond(line.simulated, simulation()),
                    rx.el.p(line.uses, class_name="tiny"),
                    class_name="sy-uses",
                ),
                class_name="sy-name",
            ),
            rx.el.div(
                status_badge(line.word, line.tone),
                rx.el.span(
                    line.sentence,
                    rx.cond(
                        line.read_at > 0,
                        rx.fragment(" Data read ", age(line.read_at), "."),
                        rx.cond(line.success_at > 0, rx.fragment(" It answered ", age(line.success_at), ".")),
                    ),
                    rx.cond(line.ends != "", " " + line.ends, ""),
                    class_name="small",
                ),
                class_name="sy-state",
            ),
            rx.el.div(_act(line), class_name="sy-act"),
            class_name=classes("sy", rx.cond(line.bad, "bad", "")),
        ),
        rx.cond(line.stopped, rx.el.ul(rx.foreach(line.stopped, _stopped), class_name="sy-queue")),
        rx.cond(line.waiting, rx.el.ul(rx.foreach(line.waiting, queue_line), class_name="sy-queue")),
        key=line.uid,
    )


def _act(line: SyncLine) -> rx.Component:
    """The one thing that helps, by whoever can do it."""
    return rx.match(
        line.act,
        (
            "ask",
            rx.fragment(
                # It stays when it was pressed: the focus would fall to the page with it. Again too soon is said.
                button(
                    "Ask to sign in",
                    kind=rx.cond(line.asked_at > 0, "", "primary"),
                    extra="compact",
                    on_click=ON.ask_owner(line.uid),
                    custom_attrs={"aria-label": "Ask to sign in: " + line.name},
                ),
                rx.cond(line.asked_at > 0, rx.el.p("asked ", age(line.asked_at), class_name="tiny")),
            ),
        ),
        ("own", link_button("Sign in again", href="/settings/calendars", kind="primary", extra="compact")),
        ("mend", link_button("See what is wrong", href="/admin/providers", extra="compact")),
        (
            "read",
            button(
                "Read now",
                extra="compact",
                on_click=ON.read_now(line.uid),
                custom_attrs={"aria-label": "Read " + line.name + " now"},
            ),
        ),
        rx.fragment(),
    )


def _stopped(calendar: StoppedLine) -> rx.Component:
    return rx.el.li(
        rx.el.span(calendar.name, class_name="ellipsis", title=calendar.name),
        rx.el.span(calendar.sentence, class_name="small"),
        rx.el.span("not followed", class_name="tiny"),
        rx.cond(calendar.asks, button("They are really gone", extra="compact", on_click=ON.ask(calendar.uid))),
        class_name="qu",
        key="s" + calendar.uid,
    )


def queue_line(work: QueueLine) -> rx.Component:
    return rx.el.li(
        rx.el.span(work.what, class_name="ellipsis", title=work.what),
        rx.el.span(work.reason, class_name="small"),
        rx.el.span(work.retry, class_name="tiny"),
        button("Try now", extra="compact", on_click=ON.retry_now(work.id)),
        class_name="qu",
        key=f"w{work.id}",
    )
