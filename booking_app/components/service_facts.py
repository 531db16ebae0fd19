"""What a service is: for its page and its card."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import Text, avatar, icon, skeleton

View = Any
"""A var of one of the dataclasses of `state.views`, or of a field of one."""


def fact(icon_name: str, text: Text) -> rx.Component:
    """A line with a sign before it; nothing when the text is empty."""
    return rx.cond(text, rx.el.li(icon(icon_name, 16), rx.el.span(text), class_name="fact"))


def facts(offer: View) -> rx.Component:
    return rx.el.ul(fact("clock-3", offer.duration), fact("map-pin", offer.location))


def avatars(people: View) -> rx.Component:
    """The first few people of a list."""
    return rx.el.span(
        rx.foreach(people[:5], lambda each: avatar(each.initials, each.colour)),
        class_name="avatars",
        aria_hidden="true",
    )


def facts_skeleton() -> rx.Component:
    return rx.el.div(
        skeleton("70%", "26px"),
        skeleton("100%", "14px"),
        skeleton("85%", "14px"),
        skeleton("45%", "16px"),
        skeleton("60%", "16px"),
        class_name="stack-8",
        style={"marginTop": "22px"},
    )


def appointment_facts(kept: View) -> rx.Component:
    """A time in words, with its zone, its people and its place."""
    return rx.el.dl(
        _term("When", rx.el.span(rx.el.strong(kept.day), rx.el.br(), rx.el.strong(kept.times))),
        _term("Time zone", kept.zone),
        _term("With", kept.people),
        rx.cond(kept.location, _term("Where", kept.location)),
        rx.cond(kept.preparation, _term("Please prepare", kept.preparation)),
        class_name="terms",
    )


def _term(name: str, content: rx.Component | Text) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(content))
