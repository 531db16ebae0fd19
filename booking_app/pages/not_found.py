"""The page for every address that is none of ours."""

from __future__ import annotations

import reflex as rx

from booking_app.components import layout
from booking_app.components.not_found import not_found


def page() -> rx.Component:
    return layout.public_page(
        not_found("This page does not exist", "The address may be mistyped, or the page has moved.")
    )
