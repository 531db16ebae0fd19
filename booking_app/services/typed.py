"""What somebody typed into a form that was refused, kept for the page that shows it again: never the password.

It travels in a cookie that no script reads and that ends by itself, so that no address (and with it no history and no
log) contains anybody's e-mail."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

COOKIE = "booking_typed"
"""The cookie's name."""
LIFE = 120
"""Seconds: from the refusal to the page that is loaded next."""
_LIMITS = {"email": 254, "name": 100}
"""What is kept, and how much of it."""


def pack(fields: Mapping[str, str]) -> str:
    """The cookie's value."""
    kept = {name: fields[name][:limit] for name, limit in _LIMITS.items() if fields.get(name)}
    return base64.urlsafe_b64encode(json.dumps(kept, ensure_ascii=False).encode(errors="replace")).decode().rstrip("=")


def unpack(header: str | None) -> dict[str, str]:
    """What a Cookie header brings back, whoever wrote it: texts of these fields alone, and empty if there are none."""
    for part in (header or "").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE and len(value) <= 4000:
            try:
                found = json.loads(base64.urlsafe_b64decode(value.strip() + "==="))
            except (binascii.Error, ValueError, RecursionError):
                return {}
            if not isinstance(found, dict):
                return {}
            texts = {each: found.get(each) for each in _LIMITS}
            return {
                each: text
                for each, text in texts.items()
                if isinstance(text, str) and text.isprintable() and len(text) <= _LIMITS[each]
            }
    return {}
