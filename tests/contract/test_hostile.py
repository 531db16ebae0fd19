"""Servers that mean harm: whatever they answer, the read ends soon, in a known error, and little is held of it."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from booking_app.sync.errors import ProviderError, Rejected, Transient
from booking_app.sync.model import Credentials
from booking_app.sync.providers import http
from booking_app.sync.providers.body import Bounds, Turns
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.http import Http
from tests.contract.backends import LOCAL, ref
from tests.contract.test_reading import WINDOW
from tests.known import holding
from tests.simulators.hostile import HEAD, KINDS, TAIL, hostile, late, packed, response, sends, streams

WAITS = {
    "drips one byte a second",
    "drips its header",
    "says nothing",
    "answers after 80 s",
    "a longer length than the body",
}
ALL_AT_ONCE = 12_000_000
"""Bytes: what a read of a hostile server may take at its worst; each of them sends 16 MB or more, or unpacks to 58."""
MANY = response("/c/1", "<D:getetag>1</D:getetag>").encode()


def open_account(url: str) -> CaldavProvider:
    return CaldavProvider(Credentials(address=url, username="u", secret="s"), policy=LOCAL)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WAITS - {"never ends, one answer after another"}))
async def test_a_hostile_reply_is_given_up_early(kind: str) -> None:
    with hostile(KINDS[kind]()) as server:
        provider = open_account(server.url)
        tracemalloc.start()
        try:
            async with asyncio.timeout(60):
                with pytest.raises(ProviderError):
                    await provider.changes(ref(server.calendar), cursor=None, known=holding(), window=WINDOW)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            await provider.close()
    assert len(server.asked) <= 5
    assert most < ALL_AT_ONCE


async def test_a_list_without_end_is_cut() -> None:
    with hostile(streams(HEAD.encode(), MANY * 50)) as server:
        http_ = Http(server.url, policy=LOCAL, bounds=Bounds(unpacked=300_000))
        with pytest.raises(Rejected, match="bigger"):
            await http_.send("REPORT", server.url)
        await http_.close()


@pytest.mark.parametrize("kind", ["drips one byte a second", "a longer length than the body"])
async def test_an_answer_that_comes_too_slowly_is_given_up(kind: str) -> None:
    with hostile(KINDS[kind]()) as server:
        asking = Http(server.url, policy=LOCAL, bounds=Bounds(grace=0.2))
        async with asyncio.timeout(20):
            with pytest.raises(Transient, match="slow"):
                await asking.send("PROPFIND", server.url)
        await asking.close()
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["drips its header", "says nothing", "answers after 80 s"])
async def test_an_answer_that_does_not_begin_is_given_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BEGIN", 0.2)
    with hostile(KINDS[kind]()) as server:
        asking = Http(server.url, policy=LOCAL)
        async with asyncio.timeout(20):
            with pytest.raises(Transient, match="in time"):
                await asking.send("PROPFIND", server.url)
        await asking.close()


async def test_an_answer_that_takes_a_while_is_an_answer() -> None:
    """Slow is not hostile: a small server needs its time for a long list."""
    with hostile(late(1)) as server:
        provider = open_account(server.url)
        delta = await provider.changes(ref(server.calendar), cursor=None, known=holding(), window=WINDOW)
        await provider.close()
    assert (delta.objects, delta.full) == ((), True)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "identity", ""])
async def test_what_is_packed_is_unpacked(coding: str) -> None:
    document = (HEAD + "".join(response(f"/c/{n}", "<D:getetag>1</D:getetag>") for n in range(3_000)) + TAIL).encode()
    headers = f"Content-Encoding: {coding}\r\n" if coding else ""
    plain = f"HTTP/1.1 207 X\r\nContent-Type: application/xml\r\nContent-Length: {len(document)}\r\n{headers}\r\n"
    answer = packed(document, headers=headers) if "gzip" in coding else plain.encode() + document
    with hostile(sends(answer)) as server:
        asking = Http(server.url, policy=LOCAL)
        reply = await asking.send("REPORT", server.url)
        await asking.close()
    assert reply.body == document


async def test_of_all_large_answers_together_one_piece_is_worked_on_at_a_time() -> None:
    turns, worked = Turns(), 0

    async def work() -> None:
        nonlocal worked
        for _ in range(20):
            await turns.take()
            worked += 1

    reads = [asyncio.create_task(work()) for _ in range(12)]
    most = 0
    while not all(each.done() for each in reads):
        before = worked
        await asyncio.sleep(0)
        most = max(most, worked - before)
    assert (worked, most) == (240, 1)


async def test_the_loop_is_left_to_others_for_longer_than_a_piece_was_worked_on() -> None:
    loop, turns = asyncio.get_running_loop(), Turns()
    begun = loop.time()
    await asyncio.gather(*(turns.take(0.01) for _ in range(3)))
    assert loop.time() - begun >= 3 * 4 * 0.01
