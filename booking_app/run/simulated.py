"""`make run PROVIDERS=sim`: stand-ins for Google and Microsoft, so that linking can be tried without either.

They are programs of the test suite in a process of their own, and keep what is in them only while they run.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booking_app import runtime
from booking_app.config import Settings
from booking_app.run.children import Children
from booking_app.run.instance import free_port
from booking_app.run.trouble import Trouble
from booking_app.services import provider_apps

START_LIMIT = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stand:
    """One provider: the client that its simulation knows, and who has an account there."""

    title: str
    client: str
    secret: str
    people: tuple[str, ...]


# What tests/simulators/*/demo.py set up.
STANDS: Mapping[str, _Stand] = {
    "google": _Stand(
        title="Google",
        client="demo.apps.googleusercontent.com",
        secret="demo-secret",  # noqa: S106
        people=("ann@gmail.example", "ben@gmail.example"),
    ),
    "microsoft": _Stand(
        title="Microsoft",
        client="11111111-2222-3333-4444-555555555555",
        secret="demo-secret",  # noqa: S106
        people=("eva@contoso.example", "tom@outlook.example"),
    ),
}


class Simulated:
    """`kept` remembers the ports, so that links survive a second start."""

    def __init__(self, kept: MutableMapping[str, Any]) -> None:
        former = kept.get("simulated") or {}
        self._ports: dict[str, int] = {name: free_port(former.get(name)) for name in STANDS}
        kept["simulated"] = dict(self._ports)

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}

    @property
    def variables(self) -> dict[str, str]:
        """Where the program finds the providers."""
        return {f"{name.upper()}_URL": url for name, url in self.urls.items()}

    @property
    def facts(self) -> dict[str, Any]:
        """For scripts: the address, the page on which it can be made to fail, and the accounts."""
        return {
            name: {"url": url, "panel": f"{url}/_panel", "people": list(STANDS[name].people)}
            for name, url in self.urls.items()
        }

    def start(self, children: Children, public_url: str, log: Path) -> None:
        """Start it; `wait` until it answers. Raises `Trouble` where the test suite is not at hand."""
        if importlib.util.find_spec("tests.simulators") is None or importlib.util.find_spec("uvicorn") is None:
            raise Trouble("PROVIDERS=sim needs a checkout with its test tools: use `make run PROVIDERS=sim`.")
        ports = [part for name, port in self._ports.items() for part in (f"--port-{name}", str(port))]
        command = [sys.executable, "-m", "tests.simulators", "--public-url", public_url, *ports]
        children.start("simulators", command, environment=os.environ, log=log)

    def wait(self, children: Children) -> None:
        """Until all of them answer. Raises `Trouble`."""
        children.wait(
            *(f"{url}/_panel" for url in self.urls.values()),
            limit=START_LIMIT,
            failing=lambda: "The simulated providers did not start; their log is in the data folder, logs.",
        )

    async def register(self, settings: Settings) -> None:
        """What an admin does on /admin/providers."""
        async with runtime.built(settings) as program:
            for name, stand in STANDS.items():
                await provider_apps.save(program.context, provider=name, client_id=stand.client, secret=stand.secret)

    def sentences(self) -> list[str]:
        """For the person who started it."""
        lines = ["", "  Simulated, not the real services: link them on /settings/calendars"]
        for name, url in self.urls.items():
            stand = STANDS[name]
            lines.append(f"    {stand.title:<10} {', '.join(stand.people)}   make it fail: {url}/_panel")
        return lines
