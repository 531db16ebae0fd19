"""A slot is taken: how long until it is gone from every other open page of the same service, and how often it was
computed for them.

    python -m tests.benchmarks.bench_live_pages [pages] [rounds]      500 pages and 12 rounds unless told

The whole demo runs in processes of its own; the pages are raw websocket clients that do what the page does when it
opens. The clock of a round starts when PostgreSQL announces the commit (NOTIFY) and stops for each page when the delta
with the struck-through slot has been read. Reference: the same with one open page, in the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import tempfile
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import socketio
from reflex_base.utils.format import format_event_handler

from booking_app.db.changes import CHANNEL
from booking_app.db.embedded import EmbeddedPostgres
from booking_app.state.book import BookState
from tests.benchmarks.place import percentile
from tests.e2e.instance import Instance, start

SERVICE = "follow-up"
ROUTER = {"pathname": "/book/[service]", "asPath": f"/book/{SERVICE}", "query": {"service": SERVICE}}


class Visitor:
    """An open booking page. `free` are the slots it shows, `gone` when it learnt that one was taken."""

    def __init__(self) -> None:
        make: Any = socketio.AsyncClient
        self._client = make()
        self._client.on("event", self._receive, namespace="/_event")
        self.free: list[int] = []
        self.gone: dict[int, float] = {}

    async def open(self, url: str) -> None:
        await self._client.connect(
            f"{url}?token={uuid.uuid4()}",
            headers={"Origin": url},
            socketio_path="/_event",
            namespaces=["/_event"],
            transports=["websocket"],
            wait_timeout=60,
        )
        for handler, payload in (("open", {}), ("zone_found", {"zone": "Europe/Amsterdam"}), ("follow", {})):
            name = format_event_handler(BookState.event_handlers[handler])
            event = {"name": name, "payload": payload, "router_data": ROUTER}
            await self._client.emit("event", event, namespace="/_event")

    async def close(self) -> None:
        await self._client.disconnect()
        if self._client.eio.http is not None:
            await self._client.eio.http.close()

    async def _receive(self, update: Any) -> None:
        content = json.loads(update) if isinstance(update, str) else update
        for changes in content.get("delta", {}).values():
            day = changes.get("day_rx_state_")
            if day and day["date"]:
                slots = [slot for group in day["groups"] for slot in group["slots"]]
                self.free = [slot["start"] for slot in slots if not slot["gone"]]
                for slot in slots:
                    if slot["gone"]:
                        self.gone.setdefault(slot["start"], time.perf_counter())


async def until(ready: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not ready():
            await asyncio.sleep(0.02)


def computations(url: str) -> float:
    text = urllib.request.urlopen(f"{url}/metrics", timeout=10).read().decode()
    found = re.search(r"^booking_app_slot_computations_total (\S+)", text, re.MULTILINE)
    return float(found[1]) if found else 0


def processor_seconds(instance: Instance) -> float:
    """What the app's processes have used so far."""
    family = psutil.Process(instance.process.pid).children(recursive=True)
    times = [each.cpu_times() for each in family if "booking_app.run.server" in each.cmdline()]
    return sum(each.user + each.system for each in times)


async def round_of(instance: Instance, database: str, visitors: list[Visitor]) -> tuple[list[float], float]:
    """Take the last slot that all see: (seconds for each page, computations)."""
    start_at = visitors[0].free[-1]
    before = computations(instance.url)
    committed = 0.0
    async with (
        await psycopg.AsyncConnection.connect(database, autocommit=True) as listener,
        httpx.AsyncClient(base_url=instance.url, timeout=60) as web,
    ):
        await listener.execute(f"LISTEN {CHANNEL}")
        wish = {
            "service": SERVICE,
            "start": datetime.fromtimestamp(start_at, UTC).isoformat(),
            "timezone": "Europe/Amsterdam",
            "customer": {"name": "Bench Mark", "email": "bench@example.com"},
        }
        request = asyncio.create_task(
            web.post("/api/v1/bookings", json=wish, headers={"Idempotency-Key": str(uuid.uuid4())})
        )
        async for message in listener.notifies(timeout=30):
            if json.loads(message.payload)["topic"] == "availability":
                committed = time.perf_counter()
                break
        await until(lambda: all(start_at in each.gone for each in visitors), 30)
        counted = computations(instance.url) - before
        (await request).raise_for_status()
    return [each.gone[start_at] - committed for each in visitors], counted


async def measure(instance: Instance, database: str, pages: int, rounds: int) -> None:
    visitors = [Visitor() for _ in range(pages)]
    opening = time.perf_counter()
    for number, each in enumerate(visitors):
        await each.open(instance.url)
        if number % 25 == 24:
            await asyncio.sleep(0.2)
    await until(lambda: all(each.free for each in visitors), 120)
    print(f"{pages:4} pages open after {time.perf_counter() - opening:.1f} s", flush=True)
    seconds: list[float] = []
    slowest: list[float] = []
    counts: list[float] = []
    used: list[float] = []
    for _ in range(rounds):
        if len(visitors[0].free) < 3:
            break
        before = processor_seconds(instance)
        took, counted = await round_of(instance, database, visitors)
        used.append(processor_seconds(instance) - before)
        seconds += took
        slowest.append(max(took))
        counts.append(counted)
        await asyncio.sleep(2)
    p50, p95, p99 = (percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99))
    print(
        f"{pages:4} pages, {len(slowest)} slots taken: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, "
        f"slowest page of a round: median {percentile(slowest, 0.5) * 1000:.0f} ms; "
        f"computations for each change: {percentile(counts, 0.5):.0f} (most {max(counts):.0f}); "
        f"processor time of the app for each change: {percentile(used, 0.5) * 1000:.0f} ms, booking included",
        flush=True,
    )
    results.append(p95)
    for each in visitors:
        with contextlib.suppress(Exception):
            await each.close()


results: list[float] = []


def main() -> None:
    pages, rounds = ([int(each) for each in sys.argv[1:]] + [500, 12][len(sys.argv) - 1 :])[:2]
    with tempfile.TemporaryDirectory(prefix="booking-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        instance = start(folder / "data")
        database = EmbeddedPostgres(folder / "data")
        try:
            asyncio.run(measure(instance, database.url, 1, 3))
            asyncio.run(measure(instance, database.url, pages, rounds))
        finally:
            database.stop()
            instance.stop()
    print(f"p95 of {pages} pages / p95 of one page: {results[1] / results[0]:.1f}")


if __name__ == "__main__":
    main()
