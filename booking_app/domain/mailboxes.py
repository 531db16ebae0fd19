"""Which addresses reach the same person."""

from __future__ import annotations

_DOTLESS = frozenset({"gmail.com", "googlemail.com"})
"""Where dots in the name do not count (Google Account help, "Dots don't matter in Gmail addresses")."""


def mailbox(email: str) -> str:
    """The box that a mail address leads to, so far as it can be told: without what follows a plus sign (RFC 5233,
    subaddressing), in small letters, and without dots where they do not count. For counting; never written to."""
    local, _, domain = email.strip().lower().rpartition("@")
    name = local.partition("+")[0] or local
    if domain in _DOTLESS:
        name, domain = name.replace(".", "") or name, "gmail.com"
    return f"{name}@{domain}"
