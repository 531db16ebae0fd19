"""Who asks for something without signing in, and what is stored of that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from booking_app.services.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """`address` is where the visitor comes from, as `limiter.client_key` names it; `tab` the secret of the browser's
    tab, empty for a program that uses the API. Stored are keyed hashes: whoever reads the database alone cannot try
    all addresses."""

    address: str
    tab: str = ""

    def source(self, ctx: Context) -> bytes:
        """What is stored of the address."""
        return ctx.sealer.mark(self.address, "address")

    def mark(self, ctx: Context) -> bytes | None:
        """What is stored of the tab; None without one."""
        return ctx.sealer.mark(self.tab, "tab") if self.tab else None

    def scoped(self, key: str) -> str:
        """A key that this visitor chose, as nobody else can choose it."""
        return hashlib.sha256(f"{self.tab or self.address}\0{key}".encode()).hexdigest()
