"""Loads that one visitor can make with a script, while others are at work: everybody is answered, nothing piles up."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import aiohttp
import psutil
import pytest

from booking_app.domain.clock import utc_now
from booking_app.services.context import Context
from booking_app.services.hashing import MOST_WAITING, THREADS
from booking_app.state.sockets import CLIENT_SPEED_SECONDS
from tests.factories import make_person, make_service
from tests.integration.test_raw_websocket import HYDRATE, PASSWORD, Served, browser, served
from tests.integration.test_socket_bounds import elsewhere, program_of, staff, told

__all__ = ["served"]
pytestmark = pytest.mark.timeout(400)
SIGN_INS = 300
SOCKETS, A_SECOND, SECONDS = 50, 20, 5
CONNECTIONS = 64
"""Of one client."""
_ADDRESSES = itertools.count()


async def asked(url: str, head: str, body: bytes = b"") -> int:
    """The status of a request on a connection of its own, from an address of its own: limits by address are not what
    is tried here. `head` is the first line and more headers."""
    where, number = urlsplit(url), next(_ADDRESSES)
    source = f"127.1.{number // 250}.{1 + number % 250}"
    reader, writer = await asyncio.open_connection(where.hostname, where.port, local_addr=(source, 0))
    try:
        first, _, more = head.partition("\r\n")
        rest = f"Host: {where.netloc}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{first} HTTP/1.1\r\n{rest}{more}\r\n".encode() + body)
        status = int((await reader.readline()).split()[1])
        await reader.read()
        return status
    finally:
        writer.close()


async def sign_in(url: str, email: str, password: str) -> int:
    form = urlencode({"email": email, "password": password}).encode()
    return await asked(url, "POST /auth/login\r\nContent-Type: application/x-www-form-urlencoded\r\n", form)


@contextlib.asynccontextmanager
async def visitor(url: str) -> AsyncIterator[list[int]]:
    """Somebody who looks for slots, again and again while the block runs: the statuses so far."""
    today, statuses = utc_now().date(), list[int]()
    path = f"/api/v1/services/haircut/slots?from={today}&to={today + timedelta(days=7)}&tz=Europe/Amsterdam"

    async def look() -> None:
        while True:
            statuses.append(await asked(url, f"GET {path}\r\n"))

    looking = asyncio.create_task(look())
    try:
        yield statuses
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def open_shop(ctx: Context) -> None:
    await make_person(ctx, "anna")
    await make_service(ctx)


async def test_of_three_hundred_sign_ins_at_once_all_are_answered_and_others_between_them(served: Served) -> None:
    async with staff(served) as (ctx, _, _):
        await open_shop(ctx)
        seen: list[int] = []

        async def stranger(number: int, statuses: list[int]) -> int:
            status = await sign_in(served.url, f"stranger{number}@example.com", "a wrong long sentence")
            seen.append(len(statuses))
            return status

        async with visitor(served.url) as statuses:
            answers = await asyncio.gather(*(stranger(number, statuses) for number in range(SIGN_INS)))
        # Whoever finds the queue full is told to come back; the others are told that it is wrong.
        assert set(answers) == {303, 503}
        assert answers.count(503) > THREADS + MOST_WAITING
        # The visitor was served while passwords were hashed, not behind all of them.
        assert seen[-1] >= 1
        assert set(statuses) == {200}
        while (status := await sign_in(served.url, "sam@example.com", PASSWORD)) == 503:
            await asyncio.sleep(0.2)
        assert status == 303


async def speaks(url: str, over: asyncio.Event) -> int:
    """A socket that asks for its page twenty times a second and reads what comes, until `over`; how often it got
    it."""
    page = {"pathname": "/", "asPath": "/", "query": {}}
    wish = "42/_event," + json.dumps(["event", {"name": HYDRATE, "payload": {}, "router_data": page}])
    came = 0
    async with aiohttp.ClientSession() as session:
        address = f"{url}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
        async with session.ws_connect(address, headers={"Origin": url}, max_msg_size=0) as opened:
            await opened.send_str("40/_event,")

            async def read() -> None:
                nonlocal came
                async for message in opened:
                    came += "is_hydrated" in str(message.data)

            reading = asyncio.create_task(read())
            for _ in range(SECONDS * A_SECOND):
                await opened.send_str(wish)
                await asyncio.sleep(1 / A_SECOND)
            await over.wait()
            reading.cancel()
    return came


async def at_rest(server: psutil.Process) -> None:
    """Wait until the program computes next to nothing for a second."""
    used = -1.0
    while True:
        now = sum(server.cpu_times()[:2])
        if 0 <= now - used < 0.2:
            return
        used = now
        await asyncio.sleep(1)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that is started after this allows a client little."""
    monkeypatch.setenv("CONNECTIONS", str(CONNECTIONS))


async def test_a_thousand_events_a_second_of_one_client_are_taken_at_its_pace_and_end_with_it(
    few: None, served: Served, tmp_path: Path
) -> None:
    server, over = program_of(served), asyncio.Event()
    loop = asyncio.get_running_loop()
    async with staff(served) as (ctx, _, _):
        await open_shop(ctx)
    before, begun = server.memory_info().rss, loop.time()
    async with visitor(served.url) as statuses:
        sockets = [asyncio.create_task(speaks(served.url, over)) for _ in range(SOCKETS)]
        async with elsewhere() as own, browser(served.url, session=own) as sane:
            # Somebody else's page comes to life while they shout.
            await told(sane, HYDRATE, "is_hydrated")
            assert not any(each.done() for each in sockets)
        await asyncio.sleep(begun + SECONDS - loop.time())
        most = server.memory_info().rss
        over.set()
        came = sum(await asyncio.gather(*sockets))
        took = loop.time() - begun
    assert set(statuses) == {200}
    assert most - before < 150 * 1024 * 1024
    assert came <= CONNECTIONS * (1 + took / CLIENT_SPEED_SECONDS)
    # Nothing goes on for those who left.
    async with asyncio.timeout(30):
        await at_rest(server)
    assert len((tmp_path / "server.log").read_text().splitlines()) < 300
