"""The small parts of every screen. Plain HTML with the classes of base.css; props pass through to the element."""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx

Text = str | rx.Var[str]
Tone = Literal["", "ok", "warn", "bad", "accent"]
Kind = Literal["", "primary", "quiet", "danger"]


def classes(*names: str | rx.Var[str]) -> str | rx.Var[str]:
    """Class names joined by spaces; vars may be among them."""
    plain = " ".join(name for name in names if isinstance(name, str) and name)
    bound = [name for name in names if not isinstance(name, str)]
    if not bound:
        return plain
    return rx.Var.create([plain, *bound]).join(" ")


def button(*children: Any, kind: Kind = "", extra: str = "", **props: Any) -> rx.Component:
    """A button that does something now. One `primary` a screen. `extra`: `block`, `compact`, `icon`."""
    props.setdefault("type", "button")
    return rx.el.button(*children, class_name=classes("btn", kind, extra), **props)


def link(*children: Any, href: Text, **props: Any) -> rx.Component:
    """A link within the app: the next page shows without loading everything anew."""
    return rx.el.a(*children, href=href, **props)


def link_button(*children: Any, href: Text, kind: Kind = "", extra: str = "", **props: Any) -> rx.Component:
    """A link that looks like a button: it goes somewhere. Within the app, without loading the page anew."""
    return link(*children, href=href, class_name=classes("btn", kind, extra), **props)


def pill(*children: Any, tone: Text = "", dot: bool = True, **props: Any) -> rx.Component:
    """A state in a word, with a colour and a dot; `tone` may be a var."""
    return rx.el.span(
        *([rx.el.span(class_name="dot", aria_hidden="true")] if dot else []),
        *children,
        class_name=classes("pill", tone),
        **props,
    )


def person_class(colour: Text) -> Text:
    """The class that carries a person's colour as var(--person)."""
    if isinstance(colour, str):
        return f"person person-{colour}"
    return rx.Var.create(["person person-", colour]).join()


def avatar(initials: Text, colour: Text, *, large: bool = False, **props: Any) -> rx.Component:
    """A person's initials in their colour; the name stands beside it, so it is hidden from screen readers."""
    return rx.el.span(
        initials,
        class_name=classes("avatar", "large" if large else "", person_class(colour)),
        aria_hidden="true",
        **props,
    )


def icon(name: str, size: int = 16, **props: Any) -> rx.Component:
    """A Lucide icon beside a word; hidden from screen readers."""
    return rx.icon(name, size=size, stroke_width=1.75, aria_hidden="true", **props)


_BANNER_ICONS = {"ok": "circle-check", "warn": "triangle-alert", "bad": "circle-alert", "": "info", "accent": "info"}


def banner(*children: Any, tone: Tone = "", title: Text = "", **props: Any) -> rx.Component:
    """A sentence that matters now: what is the case, and what to do next. `children` stand under the title."""
    heading = [rx.el.p(title, class_name="title")] if not isinstance(title, str) or title else []
    return rx.el.div(
        icon(_BANNER_ICONS[tone], 18),
        rx.el.div(*heading, *children, class_name="col grow"),
        class_name=classes("banner", tone),
        **props,
    )


def field(
    label: Text,
    control: rx.Component,
    *,
    name: str,
    error: Text = "",
    hint: Text = "",
    optional: bool = False,
) -> rx.Component:
    """A labelled control whose `id` is `name`; `control` should point `aria_describedby` at `<name>-error`."""
    return rx.el.div(
        rx.el.label(label, *([rx.el.span(" (optional)", class_name="optional")] if optional else []), html_for=name),
        control,
        *([rx.el.span(hint, class_name="hint", id=f"{name}-hint")] if not isinstance(hint, str) or hint else []),
        rx.el.span(error, class_name="error", id=f"{name}-error", role="alert"),
        class_name="field",
    )


def text_input(name: str, *, error: Text = "", area: bool = False, **props: Any) -> rx.Component:
    """An input that keeps what is typed in the browser: its content is never set again from here."""
    element = rx.el.textarea if area else rx.el.input
    invalid = rx.cond(error, "true", "false") if not isinstance(error, str) else str(bool(error)).lower()
    return element(
        id=name,
        name=name,
        class_name="input",
        custom_attrs={"aria-invalid": invalid, "aria-describedby": f"{name}-error"},
        **props,
    )


def skeleton(width: str = "100%", height: str = "1em", **props: Any) -> rx.Component:
    """Something of this size is coming. Put `aria_busy` on the region around it."""
    return rx.el.span(class_name="skeleton", style={"width": width, "height": height}, aria_hidden="true", **props)


def empty(title: Text, *children: Any, icon_name: str = "calendar") -> rx.Component:
    """Nothing is there: say so, and what can be done."""
    return rx.el.div(
        icon(icon_name, 28),
        rx.el.h2(title),
        *(rx.el.p(child, class_name="small") if isinstance(child, str | rx.Var) else child for child in children),
        class_name="empty",
    )


def dialog(*children: Any, title: Text, on_close: Any, **props: Any) -> rx.Component:
    """A question over the page; render it inside `rx.cond`. Escape and the backdrop close it.

    Focus moves to the first control inside (assets/page.js) and back when it closes."""
    return rx.el.div(
        rx.el.div(
            rx.el.h2(title, id="dialog-title"),
            *children,
            class_name="dialog appear stack",
            role="dialog",
            aria_modal="true",
            aria_labelledby="dialog-title",
            tab_index=-1,
            on_click=rx.stop_propagation,
            **props,
        ),
        class_name="dialog-back",
        on_click=on_close,
    )
