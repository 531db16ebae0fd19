"""A month of slots of a team over HTTP: 10 people, 3 calendars each, 5,000 events each.

    python -m tests.benchmarks.bench_slots_http [--check] [--past N] [--database URL]

The reference is the bare query for the same busy blocks, with its rows fetched. Queries of one read are counted, and
calendars must not have been touched: no provider is asked. With `--past`, the same team in a second database among N
past bookings, requests taking turns between the two.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg
from sqlalchemy import event, text

from booking_app.domain.clock import to_instant, utc_now
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from tests.benchmarks.place import database, percentile, plain
from tests.benchmarks.team import add_past, close, context, make_team
from tests.benchmarks.wire import Wire
from tests.processes import served

PEOPLE, CALENDARS, EVENTS, DAYS, ROUNDS = 10, 3, 5000, 30, 200
BARE = "SELECT bookable_id, starts_at, ends_at FROM busy_block WHERE ends_at > %s AND starts_at < %s"
SLOT = b'"start"'
TOUCHED = "SELECT count(*) FROM calendar WHERE trouble <> '' OR failures > 0 OR cursor IS NOT NULL"


async def over_http(*addresses: str) -> list[tuple[list[float], bytes]]:
    """(milliseconds of each request, the last body) of each address; requests take turns between them."""
    first = utc_now().date()
    path = f"/api/v1/services/haircut/slots?from={first}&to={first + timedelta(days=DAYS)}&tz=America/New_York"
    wires = [await Wire.open(address) for address in addresses]
    times: list[list[float]] = [[] for _ in addresses]
    bodies = [b""] * len(addresses)
    for _ in range(ROUNDS):
        for index, wire in enumerate(wires):
            began = perf_counter()
            status, bodies[index] = await wire.ask("GET", path)
            times[index].append((perf_counter() - began) * 1000)
            assert status == 200, bodies[index]
    for wire in wires:
        wire.close()
    return [(each[10:], body) for each, body in zip(times, bodies, strict=True)]


def alone(url: str) -> float:
    """Median milliseconds of the bare query."""
    now = utc_now()
    times = []
    with psycopg.connect(plain(url), autocommit=True) as connection:
        for _ in range(30):
            began = perf_counter()
            connection.execute(BARE, (now, now + timedelta(days=DAYS))).fetchall()
            times.append((perf_counter() - began) * 1000)
    return median(times)


async def queries(ctx: Context) -> int:
    """Statements that one read runs."""
    now = to_instant(utc_now())
    query = SlotQuery(service="haircut", span=(now, now + DAYS * 86400))
    await availability.slots(ctx, query)
    seen = []
    engine = ctx.sessions.kw["bind"].sync_engine
    event.listen(engine, "before_cursor_execute", lambda *_: seen.append(1))
    await availability.slots(ctx, query)
    return len(seen)


async def measure(url: str, folder: Path) -> bool:
    ctx = context(url)
    calendars = await make_team(ctx, url, people=PEOPLE, calendars=CALENDARS, events=EVENTS)
    print(f"{PEOPLE} people, {len(calendars)} calendars, {len(calendars) * EVENTS} events")
    with served(url, folder) as [address]:
        [(times, body)] = await over_http(address)
        floor = alone(url)
        statements = await queries(ctx)
    async with ctx.sessions() as db:
        touched = await db.scalar(text(TOUCHED))
    await close(ctx)
    p50, p95 = median(times), percentile(times, 0.95)
    print(f"GET slots: p50 {p50:.1f} ms, p95 {p95:.1f} ms, {body.count(SLOT)} slots, {len(body)} bytes")
    print(f"bare query: {floor:.1f} ms, ratio {p50 / floor:.2f}")
    print(f"queries of one read: {statements}; calendars asked: {touched}")
    print(f"target p95 < 60 ms: {'met' if p95 < 60 else 'MISSED'}")
    return p95 < 60 and statements == 1 and touched == 0


async def among(url: str, other: str, folder: Path, past: int) -> bool:
    """The same with past bookings in the tables, against the same without."""
    ctx = context(other)
    await make_team(ctx, other, people=PEOPLE, calendars=CALENDARS, events=EVENTS)
    await close(ctx)
    add_past(other, past, PEOPLE)
    with served(url, folder) as [empty], served(other, folder) as [full]:
        (without, _), (with_past, _) = await over_http(empty, full)
    ratio = median(with_past) / median(without)
    print(f"among {past} past bookings: p50 {median(with_past):.1f} ms, without {median(without):.1f} ms")
    print(f"ratio {ratio:.2f}; target at most 1.2: {'met' if ratio <= 1.2 else 'MISSED'}")
    return ratio <= 1.2


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--past", type=int, default=0)
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with database(given.database) as (url, folder):
        within = asyncio.run(measure(url, folder))
        if given.past:
            # A second database of the same server: `url` names that server.
            with database(url, "booking_bench_past") as (other, _):
                within = asyncio.run(among(url, other, folder, given.past)) and within
    return 0 if within or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
