"""`/admin/people`: who is on the team, inviting, removing."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_frame import admin_frame
from booking_app.components.elements import avatar, banner, button, field, icon, pill, skeleton, text_input
from booking_app.components.layout import page_head
from booking_app.components.modal import close_button, modal
from booking_app.components.snack import snack
from booking_app.state.people import PAGE, PeopleState
from booking_app.state.views_admin import Choice
from booking_app.state.views_setup import Handover, MemberLine

ON: Any = PeopleState


def page() -> rx.Component:
    state = PeopleState
    return admin_frame(
        page_head(
            "People",
            "Who is on the team and who may sign in.",
            button(icon("plus"), "Invite somebody", kind="primary", id="invite", on_click=ON.start_inviting),
        ),
        rx.cond(state.inviting, _invitation()),
        rx.cond(state.link != "", _link()),
        rx.cond(state.left != "", _left()),
        rx.cond(
            state.loaded,
            rx.el.ul(rx.foreach(state.members, _member), class_name="card", aria_label="People of the team"),
            rx.el.div(skeleton(height="240px"), aria_busy="true", aria_label="The team is coming", role="status"),
        ),
        rx.cond(state.leaving.key != "", _removal()),
        snack(state.said, on_close=ON.hush),
        current=PAGE,
        width="narrow",
    )


def _member(line: MemberLine) -> rx.Component:
    return rx.el.li(
        avatar(line.initials, line.colour),
        rx.el.div(
            rx.el.b(line.name),
            rx.cond(line.email != line.name, rx.el.p(line.email, class_name="tiny")),
            class_name="pp-name",
        ),
        rx.el.span(line.note, class_name="small"),
        rx.el.span(rx.cond(line.role == "admin", pill("admin", dot=False), rx.fragment())),
        rx.el.div(
            rx.cond(line.invited, _open_invitation(line)),
            rx.cond(
                line.account_id > 0,
                button(
                    "Sign out",
                    extra="compact",
                    on_click=ON.sign_out(line.account_id),
                    custom_attrs={"aria-label": "Sign " + line.name + " out everywhere"},
                ),
            ),
            rx.cond(
                line.removable,
                button(
                    "Remove",
                    extra="compact",
                    kind="danger",
                    on_click=ON.ask(line.key),
                    custom_attrs={"aria-label": "Remove " + line.name},
                ),
            ),
            class_name="actions end",
        ),
        rx.cond(
            line.invited & (PeopleState.withdrawing == line.key),
            rx.el.div(
                rx.el.p("The link stops working at once. Withdraw it?", class_name="small"),
                button("Keep it", extra="compact", id="keep-invitation", on_click=ON.ask_withdraw("")),
                button(
                    "Withdraw it",
                    kind="danger",
                    extra="compact",
                    on_click=ON.withdraw(line.key),
                    custom_attrs={"aria-label": "Withdraw it: " + line.email},
                ),
                class_name="actions end pp-sure",
            ),
        ),
        class_name="pp",
        key=line.key,
    )


def _open_invitation(line: MemberLine) -> rx.Component:
    return rx.fragment(
        button(
            "New link",
            extra="compact",
            on_click=ON.renew(line.key),
            custom_attrs={"aria-label": "New link for " + line.email},
        ),
        button(
            "Withdraw",
            extra="compact",
            id="withdraw-" + line.key,
            on_click=ON.ask_withdraw(line.key),
            custom_attrs={"aria-label": "Withdraw the invitation of " + line.email},
        ),
    )


def _invitation() -> rx.Component:
    error = rx.cond(PeopleState.wrong == "email", PeopleState.message, "")
    other = rx.cond(PeopleState.wrong == "bookable", PeopleState.message, "")
    return rx.el.form(
        rx.el.h2("Invite somebody"),
        field(
            "E-mail address",
            text_input("email", error=error, type="email", auto_complete="off", auto_focus=True),
            name="email",
            error=error,
            hint=rx.cond(
                PeopleState.mails,
                "They get a mail with a link. You see the link here too.",
                "No mail server is set up, so no mail goes out: you see a link here and hand it over yourself.",
            ),
        ),
        field(
            "Who this is",
            rx.el.select(
                rx.el.option("Somebody who cannot be booked", value=""),
                rx.foreach(PeopleState.without_account, _person),
                name="bookable",
                id="bookable",
                class_name="input",
            ),
            name="bookable",
            error=other,
        ),
        field(
            "May do",
            rx.el.select(
                rx.el.option("Staff: their own calendars", value="staff"),
                rx.el.option("Admin: everything", value="admin"),
                name="role",
                id="role",
                class_name="input",
            ),
            name="role",
        ),
        rx.el.div(
            button("Make the invitation", kind="primary", type="submit"),
            button("Cancel", kind="quiet", on_click=ON.start_inviting),
            class_name="actions",
        ),
        on_submit=ON.invite,
        class_name="card add form appear",
        no_validate=True,
    )


def _person(choice: Choice) -> rx.Component:
    return rx.el.option(choice.name, value=choice.key)


def _link() -> rx.Component:
    return banner(
        rx.el.p(
            rx.cond(
                PeopleState.mails,
                "A mail with the link is on its way. ",
                "No mail was sent, because no mail server is set up: hand the link over yourself. ",
            ),
            "It works once, within seven days, and is not shown again.",
            class_name="small",
        ),
        rx.el.div(
            rx.el.input(value=PeopleState.link, read_only=True, id="invitation-link", aria_label="The link"),
            button(
                icon("copy"),
                "Copy",
                id="copy-invitation",
                on_click=[rx.set_clipboard(PeopleState.link), ON.copied()],
                aria_label="Copy the link",
            ),
            class_name="linkbox",
        ),
        tone="ok",
        title="Invited: " + PeopleState.invited,
        role="status",
    )


def _left() -> rx.Component:
    return banner(
        rx.cond(
            PeopleState.handover,
            rx.fragment(
                rx.el.p("These bookings lie ahead. Hand them over or call the customers:", class_name="small"),
                rx.el.ul(rx.foreach(PeopleState.handover, _booking), class_name="handover"),
            ),
            rx.el.p("No booking lies ahead.", class_name="small"),
        ),
        tone="warn",
        title=PeopleState.left + " is no longer on the team. Nobody can book them any more.",
        role="status",
    )


def _booking(booking: Handover) -> rx.Component:
    return rx.el.li(
        rx.el.span(booking.when, class_name="strong"),
        rx.el.span(booking.service),
        rx.el.span(booking.customer),
        key=booking.key,
    )


def _removal() -> rx.Component:
    return modal(
        rx.el.p(
            "Their slots go at once, they are signed out, and their calendar accounts are disconnected. Bookings that "
            "lie ahead stay as they are, also in their calendars, and are listed for you to hand over.",
            class_name="small",
        ),
        rx.el.div(
            close_button("Cancel", ON.dismiss),
            button("Remove from the team", kind="danger", on_click=ON.remove),
            class_name="actions end",
        ),
        title="Remove " + PeopleState.leaving.name + "?",
    )
