"""One build for every address: the compiled pages speak to wherever they were loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reflex.plugins import Plugin

BUILD_ADDRESS = "http://localhost:8000"
"""The address that Reflex writes into the bundle; no server has to answer there."""

_QUOTES = ('"', "'", "`")


class SameOrigin(Plugin):
    """Replaces the address written at build time by the page's own origin.

    Reflex fixes host and port of its websocket when it builds. With this one bundle serves on any port and behind
    any name, with or without TLS."""

    def post_build(self, **context: Any) -> None:
        """Rewrite the bundle. Raises `RuntimeError` when Reflex no longer writes the address that is expected."""
        socket = BUILD_ADDRESS.replace("http", "ws", 1)
        replaced = 0
        for file in sorted(Path(context["static_dir"]).rglob("*.js")):
            text = file.read_text()
            changed = text
            for quote in _QUOTES:
                changed = changed.replace(f"{quote}{socket}/", f"location.origin.replace(/^http/,`ws`)+{quote}/")
                changed = changed.replace(f"{quote}{BUILD_ADDRESS}/", f"location.origin+{quote}/")
            if changed != text:
                replaced += changed.count("location.origin.replace(/^http/,`ws`)+")
                file.write_text(changed)
        if not replaced:
            raise RuntimeError(f"the front end does not contain {socket}: it could not be made address-free")
