"""What a script can do that speaks to the websocket directly, past every page and button."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import socketio
from reflex.environment import environment as reflex_environment
from reflex_base.utils.format import format_event_handler

from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.appointment import Role
from booking_app.domain.clock import utc_now
from booking_app.services import accounts, holds
from booking_app.services.context import Context
from booking_app.state.book import BookState
from booking_app.state.guard import access_of
from booking_app.sync.vault import Vault, new_key
from tests.factories import make_person, make_service
from tests.integration.test_guard import program_states
from tests.rows import rows

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a calm green river"
pytestmark = pytest.mark.timeout(400)
HYDRATE = "reflex___state____state.hydrate"
VOLATILE = {"outbox", "alert", "calendar", "delay_sample", "session", "time_seen", "alembic_version"}
"""Tables that the running program writes by itself."""


@dataclass
class Browser:
    """A raw client; `deltas` and `events` are all that the server sent."""

    client: Any
    deltas: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def call(self, name: str, payload: dict[str, Any], path: str = "/admin/sync") -> None:
        router = {"pathname": path, "asPath": path, "query": {}}
        event = {"name": name, "payload": payload, "router_data": router}
        await self.client.emit("event", event, namespace="/_event")

    async def settle(self, seconds: float) -> None:
        """Until nothing has come for so long."""
        while True:
            seen = len(self.deltas) + len(self.events)
            await asyncio.sleep(seconds)
            if len(self.deltas) + len(self.events) == seen:
                return

    def said(self) -> str:
        return json.dumps([self.deltas, self.events])


@contextlib.asynccontextmanager
async def browser(url: str, cookie: str | None = None, *, tab: str = "", session: Any = None, **headers: str) -> Any:
    make: Any = socketio.AsyncClient
    client = make(http_session=session)
    opened = Browser(client)

    async def receive(update: Any) -> None:
        content = json.loads(update) if isinstance(update, str) else update
        opened.deltas.append(content.get("delta", {}))
        opened.events.extend(content.get("events", []))

    client.on("event", receive, namespace="/_event")
    sent = {"Origin": url, **headers}
    if cookie:
        sent["Cookie"] = f"{accounts.cookie_name(url)}={cookie}"
    try:
        await client.connect(
            f"{url}?token={tab or uuid.uuid4()}",
            headers=sent,
            socketio_path="/_event",
            namespaces=["/_event"],
            transports=["websocket"],
            wait_timeout=60,
        )
        yield opened
    finally:
        await client.disconnect()
        if client.eio.http is not None:
            await client.eio.http.close()


@dataclass(frozen=True)
class Served:
    url: str
    database_url: str
    key: str


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    """The whole program in a process of its own, without a front end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, key = f"http://127.0.0.1:{port}", new_key()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "SECRET_KEYS": key,
        "PUBLIC_URL": url,
        "PORT": str(port),
        "DATA_DIR": str(tmp_path),
        reflex_environment.REFLEX_SKIP_COMPILE.name: "true",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_WEB_WORKDIR": str(tmp_path / "web"),
    }
    built = tmp_path / "web" / "build" / "client"
    built.mkdir(parents=True)
    (built / "404.html").write_text("no front end")
    command = [sys.executable, "-m", "booking_app.run.server"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(url, process, tmp_path / "server.log")
            yield Served(url=url, database_url=database_url, key=key)
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(800):
        if process.poll() is not None:
            break
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.25)
    raise AssertionError(f"the program did not start:\n{log.read_text()[-4000:]}")


def snapshot(database_url: str) -> dict[str, str]:
    """A digest of every table's content."""
    with psycopg.connect(database_url.replace("postgresql+psycopg", "postgresql", 1)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            if name not in VOLATILE
        ]
        digests = {}
        for name in tables:
            query = f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
            row = connection.execute(query.encode()).fetchone()
            digests[name] = str(row)
        return digests


def guess(annotation: Any) -> Any:
    """A plausible argument of the kind a handler asks for."""
    return {int: 1, bool: True, dict: {"id": 1, "email": "a@example.com"}, str: "1", float: 1.0}.get(annotation, "1")


BOOK = "/book/haircut"
OPEN, ZONE, SOONEST = (
    format_event_handler(BookState.event_handlers[name]) for name in ("open", "zone_found", "take_soonest")
)


async def test_one_tab_that_changes_its_cookies_closes_no_week(served: Served) -> None:
    """Each new cookie makes the page forget what it kept: what counts is what the database keeps."""
    engine = create_engine(served.database_url)
    ctx = Context(sessions=create_sessions(engine), now=utc_now, sealer=Vault([served.key]), public_url=served.url)
    await make_person(ctx, weekly=dict.fromkeys(range(7), ((0, 1440),)))
    # Of what is left of today, little may be kept.
    await make_service(ctx, notice=24 * 60)

    async def held() -> int:
        kept = await rows(ctx, "SELECT visitor FROM appointment WHERE state = 'held' AND hold_expires_at > now()")
        assert len(kept) <= holds.MOST
        assert len({row.visitor for row in kept}) == len(kept)
        return len(kept)

    tab = str(uuid.uuid4())
    try:
        async with contextlib.AsyncExitStack() as open_tabs:
            for number in range(12):
                # One tab comes back each time, others stay.
                for name in (tab, f"tab-{number}"):
                    attacker = browser(served.url, f"{number}-{name}".ljust(43, "x"), tab=name)
                    async with contextlib.AsyncExitStack() as closed:
                        opened = await (closed if name == tab else open_tabs).enter_async_context(attacker)
                        for event, payload in ((OPEN, {}), (ZONE, {"zone": "UTC"}), (SOONEST, {})):
                            await opened.call(event, payload, BOOK)
                        await opened.settle(0.5)
                    await held()
            async with asyncio.timeout(60):
                while await held() <= 1:
                    await asyncio.sleep(0.1)
    finally:
        await engine.dispose()


async def test_no_guarded_handler_does_or_tells_anything_without_the_right_session(served: Served) -> None:
    engine = create_engine(served.database_url)
    ctx = Context(sessions=create_sessions(engine), now=utc_now, sealer=Vault([served.key]), public_url=served.url)
    people = {}
    for name, role in (("Ada Lovelace", Role.ADMIN), ("Sam Secretive", Role.STAFF)):
        email = f"{name.split()[0].lower()}@example.com"
        await accounts.create_account(ctx, email=email, name=name, password=PASSWORD, role=role)
        _, people[role] = await accounts.sign_in(ctx, email, PASSWORD)
    await engine.dispose()

    attacks = []
    for state in program_states():
        for name, handler in state.event_handlers.items():
            access = access_of(handler.fn)
            if access is not None and access.role is not None:
                hints = handler._get_type_hints()
                payload = {part: guess(hints.get(part)) for part in list(handler.get_parameters())[1:]}
                attacks.append((format_event_handler(handler), payload, access.role, name))
    assert len(attacks) >= 1

    before = snapshot(served.database_url)
    for cookie, allowed in ((None, set()), ("x" * 43, set()), (people[Role.STAFF], {Role.STAFF})):
        async with browser(served.url, cookie) as attacker:
            tried = [attack for attack in attacks if attack[2] not in allowed]
            for event, payload, _, _ in tried:
                await attacker.call(event, payload)
                await attacker.call(event, {})
            await attacker.settle(2.0)
            said = attacker.said()
            redirects = [event for event in attacker.events if event["name"] == "_redirect"]
        assert {json.dumps(event["payload"]).find("/sign-in") >= 0 for event in redirects} <= {True}
        if tried:
            assert redirects
        for private in ("Lovelace", "Secretive", "ada@example.com", "sam@example.com", PASSWORD, "argon2"):
            assert private not in said
        for token in people.values():
            assert token not in said
    assert snapshot(served.database_url) == before

    # The same message with the right session is answered: the attack above failed for the right reason.
    tab = str(uuid.uuid4())
    [event] = [event for event, _, _, _ in attacks if event.endswith("session_state.load")]
    async with browser(served.url, people[Role.STAFF], tab=tab) as owner:
        await owner.call(event, {})
        await owner.settle(2.0)
        assert "Sam Secretive" in owner.said()
        assert people[Role.STAFF] not in owner.said()
    # The next person in the same tab gets none of it, though Reflex keeps the tab's state and sends it again.
    for cookie in (people[Role.ADMIN], None):
        async with browser(served.url, cookie, tab=tab) as successor:
            await successor.call(HYDRATE, {})
            await successor.settle(2.0)
            assert successor.deltas
            assert "Secretive" not in successor.said()
    # A page of another site cannot open the websocket at all.
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with browser(served.url, people[Role.STAFF], Origin="https://evil.example"):
            pass
