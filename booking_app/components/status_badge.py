"""A state as a word with a colour and a dot, and an age that counts on by itself."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import Text, pill


def status_badge(word: Text, tone: Text) -> rx.Component:
    """`tone` is `ok`, `warn`, `bad` or empty."""
    return pill(word, tone=tone)


def age(since: int, **props: Any) -> rx.Component:
    """`6 s ago`, counting on: the time since the instant `since`. Needs `server_now` on the page."""
    return rx.el.span(custom_attrs={"data-age": f"{since}"}, **props)


def server_now(now: int) -> rx.Component:
    """The server's clock, which the ages on the page are counted by."""
    return rx.el.span(custom_attrs={"data-server-now": f"{now}"}, hidden=True)
