"""Which tab of which browser speaks.

A tab names itself by a token, which travels in addresses and therefore into logs of proxies. So the token alone opens
nothing: what the server keeps for a tab is known by the token *and* a secret of the browser, a cookie that comes with
the first page and that no script reads. A browser without cookies is held to its network address instead.
"""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

VISITOR_DAYS = 400
"""How long a browser keeps the cookie; the most that browsers allow (RFC 6265bis, section 5.5)."""
_BARE = "booking_visitor"


def visitor_cookie_name(public_url: str) -> str:
    """The name of the cookie. With https it is one that no other host of the same domain can set."""
    return f"__Host-{_BARE}" if public_url.startswith("https:") else _BARE


def new_visitor() -> str:
    """A fresh value of the cookie."""
    return secrets.token_urlsafe(32)


def cookie_values(header: str | None, name: str) -> set[str]:
    """The different values that a Cookie header gives a name (RFC 6265, section 4.2.1), empty ones left out."""
    parts = (part.partition("=") for part in (header or "").split(";"))
    return {value.strip() for found, _, value in parts if found.strip() == name} - {""}


def tab_ident(token: str, cookies: str | None, client: str, public_url: str) -> str:
    """By what the server knows the tab that calls itself `token`, in a browser that sends `cookies` from the address
    `client`. Nobody else arrives at it, and it leads back to none of these."""
    found = cookie_values(cookies, visitor_cookie_name(public_url))
    secret = f"cookie\0{found.pop()}" if len(found) == 1 else f"address\0{client}"
    return str(UUID(bytes=hashlib.sha256(f"{token}\0{secret}".encode()).digest()[:16]))
