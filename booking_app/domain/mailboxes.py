"""Which addresses reach the same person."""

from __future__ import annotations

import contextlib

_DOTLESS = frozenset({"gmail.com", "googlemail.com"})
"""Where dots in the name do not count (Google Account help, "Dots don't matter in Gmail addresses")."""


def mailbox(email: str) -> str:
    """The box that a mail address leads to, so far as it can be told: without what follows a plus sign (RFC 5233,
    subaddressing), in small letters, without dots where they do not count, and with the domain as mail is sent to it
    (RFC 3490, ToASCII), however it was spelled. For counting; never written to."""
    local, _, domain = email.strip().lower().rpartition("@")
    name = local.partition("+")[0] or local
    # What has no such form cannot be written to either.
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii").lower()
    domain = domain.rstrip(".")
    if domain in _DOTLESS:
        name, domain = name.replace(".", "") or name, "gmail.com"
    return f"{name}@{domain}"
