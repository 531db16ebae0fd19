"""What only the pages of staff and admins load: customers do not pay for it."""

from __future__ import annotations

import reflex as rx

ADMIN_STYLE = rx.el.link(rel="stylesheet", href="/admin.css", custom_attrs={"precedence": "default"})
"""The browser waits for it before it shows what is styled by it."""

ADMIN_SCRIPT = rx.el.script(src="/admin.js", custom_attrs={"async": True})
"""Menus and messages that close by themselves, and where the focus goes (assets/admin.js)."""
