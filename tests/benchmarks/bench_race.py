"""X: 20 rounds in which 20 clients post for one slot at one barrier, through two processes.

    python -m tests.benchmarks.bench_race [--check] [--database URL]

The reference is the guard alone: as many connections that lock the row of the person and insert one occupancy.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import text

from booking_app.domain.clock import from_instant, to_instant, utc_now
from tests.benchmarks.place import database, percentile, plain
from tests.benchmarks.team import ALL_DAY, close, context
from tests.benchmarks.wire import Wire
from tests.factories import make_person, make_service
from tests.processes import served

ROUNDS, CLIENTS = 20, 20
GUARDED = """
WITH made AS (
  INSERT INTO appointment (uid, service_id, during, state, sequence)
  VALUES (gen_random_uuid(), %(service)s, tstzrange(to_timestamp(%(start)s), to_timestamp(%(start)s + 1800)),
          'confirmed', 0) RETURNING id, during
)
INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, active)
SELECT %(person)s, id, %(service)s, during, 0, 0, true FROM made ON CONFLICT DO NOTHING RETURNING id
"""


async def at_once(attempts: list[Callable[[], Awaitable[int]]]) -> list[tuple[int, float]]:
    """(result, milliseconds) of each attempt, all started at one barrier."""
    barrier = asyncio.Barrier(len(attempts))

    async def one(attempt: Callable[[], Awaitable[int]]) -> tuple[int, float]:
        await barrier.wait()
        began = perf_counter()
        result = await attempt()
        return result, (perf_counter() - began) * 1000

    return list(await asyncio.gather(*(one(each) for each in attempts)))


def wish(start: int, number: int) -> dict[str, object]:
    customer = {"name": f"Customer {number}", "email": f"c{number}@example.com"}
    return {"service": "haircut", "start": from_instant(start).isoformat(), "timezone": "UTC", "customer": customer}


async def bare(connection: psycopg.AsyncConnection[tuple[object, ...]], person: int, service: int, start: int) -> int:
    values = {"person": person, "service": service, "start": start}
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM bookable WHERE id = %s FOR NO KEY UPDATE", (person,))
        made = await (await connection.execute(GUARDED, values)).fetchone()
    return 201 if made else 409


async def measure(url: str, folder: Path, clients: int) -> bool:
    ctx = context(url)
    await make_person(ctx, weekly=ALL_DAY)
    service = await make_service(ctx)
    other = await make_person(ctx, "reference", weekly=ALL_DAY)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [to_instant(midnight + timedelta(days=2, minutes=30 * number)) for number in range(ROUNDS + 1)]
    ours: list[float] = []
    guard: list[float] = []
    wrong = 0
    connections = [await AsyncConnection.connect(plain(url), autocommit=True) for _ in range(min(clients, CLIENTS))]
    with served(url, folder, processes=2) as addresses:
        wires = [await Wire.open(addresses[number % 2]) for number in range(clients)]
        for number, start in enumerate(starts):

            async def post(wire: Wire, who: int, start: int = start) -> int:
                return (await wire.ask("POST", "/api/v1/bookings", wish(start, who)))[0]

            outcomes = await at_once([lambda w=w, i=i, p=post: p(w, i) for i, w in enumerate(wires)])  # type: ignore[misc]
            floor = await at_once([lambda c=c, s=start: bare(c, other, service, s) for c in connections])  # type: ignore[misc]
            for each in (outcomes, floor):
                if sorted(status for status, _ in each) != [201, *[409] * (len(each) - 1)]:
                    wrong += 1
            if number:  # the first round warms the processes up
                ours += [ms for _, ms in outcomes]
                guard += [ms for _, ms in floor]
        for wire in wires:
            wire.close()
    for connection in connections:
        await connection.close()
    async with ctx.sessions() as db:
        doubled = await db.scalar(
            text(
                "SELECT count(*) FROM occupancy a JOIN occupancy b ON a.bookable_id = b.bookable_id AND a.id < b.id"
                " AND a.active AND b.active AND a.during && b.during"
            )
        )
    await close(ctx)
    print(f"{ROUNDS} rounds of {clients}: {doubled} double bookings, {wrong} rounds without exactly one winner")
    print("             p50     p95    slowest, ms")
    for name, times in (("over HTTP", ours), ("guard alone", guard)):
        print(f"{name:11s} {median(times):6.1f} {percentile(times, 0.95):7.1f} {max(times):10.1f}")
    print(f"slowest, ratio {max(ours) / max(guard):.1f}; target under 1 s: {'met' if max(ours) < 1000 else 'MISSED'}")
    return not doubled and not wrong and max(ours) < 1000


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--database", default="")
    arguments.add_argument("--clients", type=int, default=CLIENTS)
    given = arguments.parse_args()
    with database(given.database) as (url, folder):
        within = asyncio.run(measure(url, folder, given.clients))
    return 0 if within or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
