"""The names of the design system: stylesheets, the colours of people, icons, and what goes into each page's head.

The tokens and classes live in assets/styles/base.css; `elements` and `layout` are built from them."""

from __future__ import annotations

import reflex as rx

from booking_app.components import browser

STYLESHEETS = ["/styles/base.css", "/styles/booking.css"]

PERSON_COLOURS = (
    "indigo",
    "jade",
    "plum",
    "orange",
    "blue",
    "bronze",
    "violet",
    "crimson",
    "cyan",
    "grass",
    "tomato",
    "brown",
)
"""What `bookable.colour` may be; an element of class `person person-<colour>` carries it as var(--person)."""


def head() -> list[rx.Component]:
    """What every page has in its head: the type is fetched early, so that nothing jumps, and the two page colours."""
    return [
        *browser.scripts(),
        rx.el.link(
            rel="preload",
            href="/fonts/inter-latin-wght-normal.woff2",
            type="font/woff2",
            cross_origin="anonymous",
            custom_attrs={"as": "font"},
        ),
        rx.el.link(rel="icon", href="/favicon.svg", type="image/svg+xml"),
        rx.el.meta(name="color-scheme", content="light dark"),
        rx.el.meta(name="theme-color", content="#fcfcfd", custom_attrs={"media": "(prefers-color-scheme: light)"}),
        rx.el.meta(name="theme-color", content="#111113", custom_attrs={"media": "(prefers-color-scheme: dark)"}),
    ]
