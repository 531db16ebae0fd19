"""The control panel of a simulated provider: what it breaks, when its messages arrive, what time it believes it is.

Knows no vendor: a simulator builds error bodies itself and adds its own commands with `command`. For tests in Python,
and the same over HTTP: `GET /_panel` for people, `GET /_panel/state`, `POST /_panel/<command>` with JSON or a form.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from booking_app.domain.clock import utc_now
from tests.simulators import wire
from tests.simulators.deliveries import Deliveries

PREFIX = "/_panel"
KEPT = 50_000
"""How many requests are remembered, at least."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it arrived. The Authorization header holds only its scheme; `query` and `body` are complete."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: datetime


Build = Callable[[Seen], tuple[int, Mapping[str, str], bytes]]


@dataclass(kw_only=True)
class Fault:
    """What happens to requests whose method is `method` ("*": any) and whose path matches the pattern `path`.

    The first `after` of them pass, then `times` are hit (None: all until `heal`). `delay` in seconds; `status` answers
    without asking the simulator, with `body`, or what `build` makes; `drop` closes the connection: "before" or "after"
    the simulator did it; `cut` announces the whole body and sends that share; `truncate` sends a share as if it were
    all. `hits` counts.
    """

    method: str = "*"
    path: str = ""
    times: int | None = 1
    after: int = 0
    delay: float = 0.0
    status: int | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    build: Build | None = None
    drop: str = ""
    cut: float | None = None
    truncate: float | None = None
    hits: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.method not in ("*", method) or not re.search(self.path, path) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def answer(self, seen: Seen) -> tuple[int, Mapping[str, str], bytes] | None:
        if self.build is not None:
            return self.build(seen)
        if self.status is None:
            return None
        if isinstance(self.body, bytes):
            return self.status, self.headers, self.body
        text = self.body if isinstance(self.body, str) else "" if self.body is None else json.dumps(self.body)
        kind = "text/plain" if isinstance(self.body, str) else "application/json"
        return self.status, {"Content-Type": kind, **self.headers}, text.encode()


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something a person or test can do to the simulator: `run` gets the named fields as texts and says what it did."""

    name: str
    title: str
    fields: tuple[str, ...]
    run: Callable[[Mapping[str, str]], str]


class Panel:
    """`title` heads the human page. `clock` is the true time, `skew` the seconds that the simulator is ahead of it."""

    def __init__(self, title: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self.title = title
        self.clock = clock or utc_now
        self.skew = 0.0
        self.deliveries = Deliveries()
        self.requests: list[Seen] = []
        self.log: list[tuple[str, str, int]] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._commands: dict[str, Command] = {}
        names = ("method", "path", "status", "times", "after", "delay", "drop", "cut", "truncate", "body", "headers")
        self.command("fault", "Break requests", names, self._break)
        self.command("heal", "End all faults", (), self._healed)
        self.command("skew", "Set the clock ahead by seconds", ("seconds",), self._skew)
        deliver = ("lose", "delay", "double", "reorder", "hold")
        self.command("webhooks", "Lose, delay, double, reorder or hold messages", deliver, self.deliveries.command)
        self.command("release", "Send held messages", (), lambda _: f"Sent {self.deliveries.release()}")

    def now(self) -> datetime:
        """The simulator's time, UTC."""
        return self.clock() + timedelta(seconds=self.skew)

    def fault(self, method: str = "*", path: str = "", **what: object) -> Fault:
        """Break something from now on; see Fault for `what`. Faults apply in the order they were added."""
        fault = Fault(method=method, path=path, **what)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """End all faults; messages and the clock stay as they are."""
        with self._lock:
            self._faults.clear()

    def command(self, name: str, title: str, fields: tuple[str, ...], run: Callable[[Mapping[str, str]], str]) -> None:
        """Add a command to the page and at `POST /_panel/<name>`."""
        self._commands[name] = Command(name=name, title=title, fields=fields, run=run)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """`app` under this panel's control."""

        async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await wire.body(receive)
            if scope["path"] == PREFIX or scope["path"].startswith(PREFIX + "/"):
                headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
                await wire.respond(send, *self._page(scope, headers, body))
            else:
                await self._serve(app, scope, body, receive, send)

        return controlled

    async def _serve(self, app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        seen = _seen(scope, body, self.now())
        with self._lock:
            self.requests.append(seen)
            for kept in (self.requests, self.log):
                if len(kept) > 2 * KEPT:
                    del kept[:-KEPT]
            due = [fault for fault in self._faults if fault.takes(seen.method, seen.path)]
        for fault in due:
            await asyncio.sleep(fault.delay)
        if any(fault.drop == "before" for fault in due):
            await wire.hang_up(receive, send)
            self.log.append((seen.method, seen.path, 0))
            return
        made = next((answer for fault in due if (answer := fault.answer(seen)) is not None), None)
        status, headers, content = made or await wire.ask(app, scope, body)
        headers = {"Date": format_datetime(self.now(), usegmt=True), **headers}
        self.log.append((seen.method, seen.path, status))
        if any(fault.drop for fault in due):
            await wire.hang_up(receive, send)
            return
        for share in (fault.truncate for fault in due if fault.truncate is not None):
            content = content[: int(len(content) * share)]
        cut = next((fault.cut for fault in due if fault.cut is not None), None)
        await wire.respond(send, status, headers, content, cut=cut)
        if cut is not None:
            await wire.hang_up(receive, send)

    # The panel over HTTP

    def state(self) -> dict[str, object]:
        """What is set now, and what happened lately; no secrets."""
        with self._lock:
            faults = [
                {name: value for name, value in vars(item).items() if name not in ("body", "build")}
                for item in self._faults
            ]
        sent = [{**asdict(item), "headers": None, "body": None} for item in self.deliveries.log[-20:]]
        return {
            "skew": self.skew,
            "webhooks": self.deliveries.settings(),
            "faults": faults,
            "requests": self.log[-50:],
            "deliveries": sent,
        }

    def _page(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        name, as_json = scope["path"].removeprefix(PREFIX).strip("/"), {"Content-Type": "application/json"}
        if scope["method"] == "GET":
            if name == "state":
                return 200, as_json, json.dumps(self.state(), default=str).encode()
            return 200, {"Content-Type": "text/html; charset=utf-8"}, self._html().encode()
        if name not in self._commands:
            return 404, as_json, b'{"error": "no such command"}'
        form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        try:
            given = dict(parse_qsl(body.decode())) if form else _texts(json.loads(body or b"{}"))
            if unknown := set(given) - set(self._commands[name].fields):
                raise ValueError(f"unknown: {sorted(unknown)}")
            said = self._commands[name].run(given)
        except (ValueError, KeyError) as error:
            return 400, as_json, json.dumps({"error": str(error)}).encode()
        if form:
            return 303, {"Location": PREFIX}, b""
        return 200, as_json, json.dumps({"done": said}).encode()

    def _break(self, given: Mapping[str, str]) -> str:
        kinds: dict[str, Callable[[str], object]] = {"status": int, "after": int, "delay": float, "headers": json.loads}
        kinds |= {"cut": float, "truncate": float, "times": lambda text: None if text == "always" else int(text)}
        what = {name: kinds.get(name, str)(text) for name, text in given.items() if text != ""}
        if isinstance(text := what.get("body"), str) and text[:1] in "{[":
            what["body"] = json.loads(text)
        self.fault(**what)  # type: ignore[arg-type]
        return "Broken"

    def _healed(self, _given: Mapping[str, str]) -> str:
        self.heal()
        return "Healed"

    def _skew(self, given: Mapping[str, str]) -> str:
        self.skew = float(given["seconds"])
        return f"Ahead by {self.skew:g} s"

    def _html(self) -> str:
        forms = ""
        for item in self._commands.values():
            inputs = "".join(f"<label>{name} <input name={name} size=12></label> " for name in item.fields)
            forms += (
                f"<form method=post action='{PREFIX}/{item.name}'><b>{escape(item.title)}</b><br>"
                f"{inputs}<button>{escape(item.name)}</button></form>"
            )
        title = f"Simulation of {escape(self.title)}, not the real service"
        state = escape(json.dumps(self.state(), indent=1, default=str))
        return (
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{title}</title>"
            "<style>body{font:15px sans-serif;max-width:60rem;margin:2rem auto}form{margin:1rem 0}</style>"
            f"<h1>{title}</h1>{forms}<pre>{state}</pre></html>"
        )


def _texts(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError("an object is expected")
    none = {"times": "always"}
    return {
        name: none.get(name, "") if value is None else value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }


def _seen(scope: Scope, body: bytes, at: datetime) -> Seen:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].partition(" ")[0]
    query = tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    return Seen(method=scope["method"], path=scope["path"], query=query, headers=headers, body=body, at=at)
