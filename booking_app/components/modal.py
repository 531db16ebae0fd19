"""A question over the page, as the browser's own modal dialog: the focus stays inside, the rest is inert, Escape
closes it and the focus returns to where it was (or, if that is gone, near to it: assets/admin.js)."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app.components.elements import Text, button, classes

_OPEN = """
(() => {
  const dialog = document.getElementById("modal");
  if (!dialog || dialog.open) return;
  window.modalReturn = document.activeElement;
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    dialog.querySelector("[data-close]")?.click();
  });
  dialog.showModal();
})()
"""
_CLOSE = """
(() => {
  const back = window.modalReturn;
  if (!back?.isConnected) return;
  back.focus();
  // The menu that it is in may be closed by now.
  if (document.activeElement !== back) back.closest("details")?.querySelector("summary")?.focus();
})()
"""


def modal(*children: Any, title: Text, extra: str = "") -> rx.Component:
    """Render it inside `rx.cond`, one at a time, with a `close_button` among the children."""
    return rx.el.dialog(
        rx.el.h2(title, id="modal-title"),
        *children,
        id="modal",
        class_name=classes("dialog appear stack", extra),
        aria_labelledby="modal-title",
        on_mount=rx.call_script(_OPEN),
        on_unmount=rx.call_script(_CLOSE),
    )


def close_button(label: Text, on_close: Any) -> rx.Component:
    """Leaves everything as it was; Escape does the same. `on_close` takes the dialog's condition away."""
    return button(label, on_click=on_close, custom_attrs={"data-close": "1"})
