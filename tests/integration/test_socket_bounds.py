"""What a script can do to the websocket, and by long polling: other people's tabs, odd messages, floods."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import socketio
from reflex_base.utils.format import format_event_handler

from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.appointment import Role
from booking_app.domain.clock import utc_now
from booking_app.services import accounts
from booking_app.services.context import Context
from booking_app.services.tabs import visitor_cookie_name
from booking_app.state.session import SessionState
from booking_app.sync.vault import Vault
from tests.integration.test_raw_websocket import HYDRATE, PASSWORD, Served, browser, served

__all__ = ["served"]
pytestmark = pytest.mark.timeout(400)
LOAD = format_event_handler(SessionState.event_handlers["load"])


@contextlib.asynccontextmanager
async def staff(where: Served) -> AsyncIterator[tuple[Context, int, str]]:
    """Somebody of the staff: the database that knows them, their account, and the cookie of their session."""
    engine = create_engine(where.database_url)
    ctx = Context(sessions=create_sessions(engine), now=utc_now, sealer=Vault([where.key]), public_url=where.url)
    person = await accounts.create_account(
        ctx, email="sam@example.com", name="Sam Secretive", password=PASSWORD, role=Role.STAFF
    )
    _, cookie = await accounts.sign_in(ctx, "sam@example.com", PASSWORD)
    yield ctx, person.account_id, cookie
    await engine.dispose()


def carried(url: str, *, visitor: str = "", session: str = "") -> str:
    parts = {visitor_cookie_name(url): visitor, accounts.cookie_name(url): session}
    return "; ".join(f"{name}={value}" for name, value in parts.items() if value)


async def told(opened: Any, event: str, expected: str) -> None:
    """Send `event` until the server has said `expected`."""
    await opened.call(event, {})
    while expected not in opened.said():
        await asyncio.sleep(0.1)


def program_of(served: Served) -> psutil.Process:
    [server] = [
        each
        for each in psutil.process_iter(["cmdline", "environ"])
        if "booking_app.run.server" in (each.info["cmdline"] or [])
        and (each.info["environ"] or {}).get("PUBLIC_URL") == served.url
    ]
    return server


async def test_a_tab_belongs_to_its_browser_and_its_state_to_its_session(served: Served, tmp_path: Path) -> None:
    tab = str(uuid.uuid4())
    async with staff(served) as (ctx, account, session):
        own = carried(served.url, visitor="the-browsers-own", session=session)
        async with browser(served.url, tab=tab, Cookie=own) as owner:
            await told(owner, LOAD, "Sam Secretive")
            # Beside it and after it: the token alone, and with whatever else a stranger can send.
            for stranger in ("", carried(served.url, visitor="another"), carried(served.url, session="x" * 43)):
                async with browser(served.url, tab=tab, Cookie=stranger) as thief:
                    await told(thief, HYDRATE, "is_hydrated")
                    assert "Secretive" not in thief.said()
        for stranger in ("", carried(served.url, visitor="another")):
            async with browser(served.url, tab=tab, Cookie=stranger) as thief:
                await told(thief, HYDRATE, "is_hydrated")
                assert "Secretive" not in thief.said()
        async with browser(served.url, tab=tab, Cookie=own) as owner:
            # Its browser finds what it left.
            await told(owner, HYDRATE, "Sam Secretive")
            # Signed out elsewhere, on a connection that stays open.
            await accounts.sign_out_everywhere(ctx, account)
            owner.deltas.clear()
            await told(owner, HYDRATE, "is_hydrated")
            assert "Secretive" not in owner.said()
    assert tab not in (tmp_path / "server.log").read_text()


MESSAGES: list[object] = [
    None, 7, "x", "{", [], [[]], {}, {"name": None}, {"name": {}}, {"name": "no.such.handler"}, {"name": "x" * 5000},
    {"name": HYDRATE, "payload": "x"}, {"name": HYDRATE, "payload": {"unknown": {}}}, {"name": HYDRATE, "payload": [1]},
    {"name": LOAD, "payload": {"self": 1}}, {"name": HYDRATE, "router_data": "x"},
    {"name": HYDRATE, "router_data": {"pathname": {}, "asPath": [], "query": 1}},
    {"name": HYDRATE, "router_data": {"asPath": "//["}}, {"name": HYDRATE + ".x"},
]  # fmt: skip
PACKETS = [
    "", "9", "4", "40", "4x", "42", "42[]", "42/_event", "42/_event,", '42/_event,["event"', "42/_event,[[]]",
    '42/_event,[{"a":1},2]', '42/_event,["connect"]', '42/_event,["disconnect"]', '42/_event,["on_event",1,2,3]',
    '42/_event,["event"]', '42/_event,["event",1,2,3]', '42/_event,["nowhere",{}]', '42/other,["event",{}]',
    "43/_event,1[]", "44/_event,{}", '451-/_event,["event",{"_placeholder":true,"num":0}]', "4599999999-/_event,[]",
    "40/_event,{}", '40/_event,{"event":7}', "40/_event,[1]",
    "41/_event,", "40/_event,", "[" * 30000, "4" + "[" * 30000,
]  # fmt: skip


async def raw(url: str, token: str = "") -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    session = aiohttp.ClientSession()
    address = f"{url}/_event/?EIO=4&transport=websocket&token={token or uuid.uuid4()}"
    return session, await session.ws_connect(address, headers={"Origin": url}, max_msg_size=0)


async def test_odd_messages_are_nothing_and_leave_no_trace_but_a_line(served: Served, tmp_path: Path) -> None:
    async with browser(served.url) as odd:
        for message in MESSAGES:
            await odd.client.emit("event", message, namespace="/_event")
        await odd.client.emit("client_error", "x", namespace="/_event")
        await odd.client.emit("nowhere", {"a": 1}, namespace="/_event")
        await told(odd, HYDRATE, "is_hydrated")
    for packet in PACKETS:
        session, socket = await raw(served.url)
        with contextlib.suppress(ConnectionError):
            await socket.send_str("40/_event,")
            await socket.send_str(packet)
            await socket.send_bytes(b"\x00binary")
        await session.close()
    async with aiohttp.ClientSession() as session:
        for query in (
            "",
            "EIO=3",
            "EIO=4&transport=x",
            "EIO=4&transport=polling&sid=x",
            "EIO=4&j=x",
            "EIO=4&transport=%00",
        ):
            async with session.get(f"{served.url}/_event/?{query}") as answer:
                assert answer.status < 500
            async with session.post(f"{served.url}/_event/?{query}", data=b"\xff\xfe") as answer:
                assert answer.status < 500
    async with browser(served.url) as sane:
        await told(sane, HYDRATE, "is_hydrated")
    lines = (tmp_path / "server.log").read_text().splitlines()
    assert len(lines) < 200
    for line in lines:
        assert "trace" not in json.loads(line), line


async def test_a_client_over_long_polling_is_served_as_well(served: Served) -> None:
    make: Any = socketio.AsyncClient
    client, came = make(), asyncio.Event()
    client.on("event", lambda _: came.set(), namespace="/_event")
    await client.connect(
        f"{served.url}?token={uuid.uuid4()}",
        headers={"Origin": served.url},
        socketio_path="/_event",
        namespaces=["/_event"],
        transports=["polling"],
        wait_timeout=60,
    )
    await client.emit("event", {"name": HYDRATE, "router_data": {"pathname": "/"}}, namespace="/_event")
    await came.wait()
    # Not to wait for the poll under way, which is answered when the server has something to say.
    await client.eio.disconnect(abort=True)


async def test_whoever_never_reads_is_cut_off_and_holds_no_memory(served: Served) -> None:
    server = program_of(served)
    before = server.memory_info().rss
    page = {"pathname": "/", "asPath": "/", "query": {}}
    wish = "42/_event," + json.dumps(["event", {"name": HYDRATE, "payload": {}, "router_data": page}])
    deaf = [await raw(served.url) for _ in range(20)]
    try:
        for _, socket in deaf:
            await socket.send_str("40/_event,")
            socket._reader._protocol.pause_reading()

        async def shout(socket: aiohttp.ClientWebSocketResponse) -> None:
            with contextlib.suppress(ConnectionError, RuntimeError):
                for _ in range(2000):
                    await socket.send_str(wish)

        shouting = [asyncio.create_task(shout(socket)) for _, socket in deaf]
        async with browser(served.url) as sane:
            await told(sane, HYDRATE, "is_hydrated")
        await asyncio.wait(shouting, timeout=60)
        for task in shouting:
            task.cancel()
        assert server.memory_info().rss - before < 150 * 1024 * 1024
    finally:
        for session, _ in deaf:
            await session.close()
    async with browser(served.url) as sane:
        await told(sane, HYDRATE, "is_hydrated")


async def test_a_page_gives_its_browser_a_cookie_of_its_own_once(served: Served) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{served.url}/contact") as first:
            given = first.headers.getall("Set-Cookie")
        assert len(given) == 1
        name, _, rest = given[0].partition("=")
        assert name == visitor_cookie_name(served.url)
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in rest.split(";")}
        async with session.get(f"{served.url}/contact") as again:
            assert "Set-Cookie" not in again.headers
        async with session.get(f"{served.url}/healthz") as plain:
            assert "Set-Cookie" not in plain.headers


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that is started after this allows a client little."""
    monkeypatch.setenv("CONNECTIONS", "16")


def elsewhere() -> aiohttp.ClientSession:
    """A client at another address."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0)))


async def test_a_client_has_so_many_sessions_and_says_so_much_and_others_are_not_touched(
    few: None, served: Served
) -> None:
    polling = f"{served.url}/_event/?EIO=4&transport=polling&token={uuid.uuid4()}"
    # While its own connection is open, one of the sessions is taken.
    session, socket = await raw(served.url)
    await socket.receive_str()
    await socket.send_str("40/_event,")
    await socket.receive_str()
    begun = asyncio.get_running_loop().time()
    for _ in range(40):
        await socket.send_str('42/_event,["ping"]')
    async with elsewhere() as other, other.get(polling) as answer:
        assert answer.status == 200
    pongs = 0
    while pongs < 40:
        pongs += "pong" in await socket.receive_str()
    # Sixteen at once, then four a second.
    assert asyncio.get_running_loop().time() - begun > 5
    async with aiohttp.ClientSession() as many:
        statuses = []
        for _ in range(20):
            async with many.get(polling) as answer:
                statuses.append(answer.status)
    assert statuses == [200] * 15 + [401] * 5
    async with elsewhere() as other, other.get(polling) as answer:
        assert answer.status == 200
    await session.close()
