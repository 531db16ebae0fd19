"""A form that the browser itself sends: only an HTTP answer can set or take away the session cookie."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_components_core.el.elements.base import BaseHTML


class _PostForm(BaseHTML):  # type: ignore[misc]
    """Reflex's own form element always keeps the browser from sending it."""

    tag = "form"
    action: rx.Var[str]
    method: rx.Var[str]


def post_form(*children: Any, action: str, **props: Any) -> rx.Component:
    """`action` is a route of the API; the answer is a redirect."""
    return _PostForm.create(*children, action=action, method="post", **props)
