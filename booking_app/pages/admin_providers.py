"""`/admin/providers`: what this installation is registered as at Google and Microsoft, and whether that works."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.admin_frame import admin_frame
from booking_app.components.elements import button, skeleton
from booking_app.components.layout import page_head
from booking_app.components.modal import close_button, modal
from booking_app.components.provider_card import provider_card
from booking_app.components.snack import snack
from booking_app.state.providers import PAGE, ProvidersState

ON: Any = ProvidersState


def page() -> rx.Component:
    state = ProvidersState
    return admin_frame(
        page_head(
            "Calendar providers",
            "Register this program once at each, so that your people can link their accounts there. iCloud and CalDAV "
            "need nothing here.",
        ),
        rx.cond(
            state.loaded,
            rx.fragment(provider_card("google", state.google), provider_card("microsoft", state.microsoft)),
            rx.el.div(
                skeleton(height="420px"),
                skeleton(height="420px"),
                class_name="stack",
                aria_busy="true",
                aria_label="The providers are coming",
                role="status",
            ),
        ),
        rx.cond(state.forgetting != "", _forget()),
        snack(state.said, on_close=ON.hush),
        current=PAGE,
        width="narrow",
    )


def _forget() -> rx.Component:
    return modal(
        rx.el.p(
            "Nobody can link an account of ",
            ProvidersState.forgetting_name,
            " until new ones are entered. What is registered there stays.",
            class_name="small",
        ),
        rx.el.div(
            close_button("Cancel", ON.dismiss),
            button("Forget them", kind="danger", on_click=ON.forget),
            class_name="actions end",
        ),
        title="Forget these credentials?",
    )
