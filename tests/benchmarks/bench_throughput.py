"""B: bookings a second over HTTP, distinct slots, against the same rows inserted bare with psycopg.

    python -m tests.benchmarks.bench_throughput [--check] [--database URL] [--bookings N]

The reference inserts an appointment, its booking, occupancy and two outbox rows in one durable transaction each, over
as many connections as there are clients. There is no absolute target: the ratio says what the rule, the lock, HTTP and
the announcements cost.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import deque
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from psycopg import AsyncConnection
from sqlalchemy import text

from booking_app.domain.clock import to_instant, utc_now
from tests.benchmarks.bench_race import wish
from tests.benchmarks.place import database, percentile, plain
from tests.benchmarks.team import ALL_DAY, close, context
from tests.benchmarks.wire import Wire
from tests.factories import make_person, make_service
from tests.processes import served

CLIENTS, PEOPLE = 16, 10
ROWS = """
WITH made AS (
  INSERT INTO appointment (uid, service_id, during, state, sequence)
  VALUES (gen_random_uuid(), %(service)s, tstzrange(to_timestamp(%(start)s), to_timestamp(%(start)s + 1800)),
          'confirmed', 0) RETURNING id, uid, during
), booked AS (
  INSERT INTO booking (id, appointment_id, token_hash, token_sealed, name, email, phone, notes, zone, state)
  SELECT gen_random_uuid(), id, uuid_send(uid), '', 'C', 'c@example.com', '', '', 'UTC', 'confirmed'
  FROM made
), effects AS (
  INSERT INTO outbox (effect, key, payload, generation, due_at, attempts, reason, parked)
  SELECT 'reference', uid || kind, '{}', 1, now() + interval '1 day', 0, '', false
  FROM made, (VALUES ('a'), ('b')) AS kinds (kind)
)
INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, active)
SELECT %(person)s, id, %(service)s, during, 0, 0, true FROM made
"""


async def over_http(addresses: list[str], slots: list[tuple[str, int]]) -> tuple[float, list[float]]:
    """(bookings a second, milliseconds of each)."""
    waiting = deque(slots)
    times: list[float] = []

    async def client(number: int) -> None:
        wire = await Wire.open(addresses[number % len(addresses)])
        while waiting:
            staff, start = waiting.popleft()
            began = perf_counter()
            status, body = await wire.ask("POST", "/api/v1/bookings", wish(start, number) | {"staff": staff})
            assert status == 201, body
            times.append((perf_counter() - began) * 1000)
        wire.close()

    began = perf_counter()
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return len(slots) / (perf_counter() - began), times


async def bare(url: str, service: int, slots: list[tuple[int, int]]) -> float:
    """Transactions a second of the same rows."""
    waiting = deque(slots)

    async def client() -> None:
        async with await AsyncConnection.connect(plain(url), autocommit=True) as connection:
            while waiting:
                person, start = waiting.popleft()
                await connection.execute(ROWS, {"person": person, "service": service, "start": start})

    began = perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return len(slots) / (perf_counter() - began)


async def measure(url: str, folder: Path, count: int) -> None:
    ctx = context(url)
    slugs = [f"person-{number}" for number in range(PEOPLE)]
    people = [await make_person(ctx, slug, weekly=ALL_DAY, email="") for slug in slugs]
    references = [await make_person(ctx, f"reference-{number}", weekly=ALL_DAY) for number in range(PEOPLE)]
    service = await make_service(ctx, staff=slugs, horizon_days=300)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    first = to_instant(midnight + timedelta(days=2))
    starts = [first + number // PEOPLE * 1800 for number in range(2 * count + 200)]
    slots = [(slugs[number % PEOPLE], start) for number, start in enumerate(starts)]
    floor = await bare(url, service, [(references[n % PEOPLE], start) for n, start in enumerate(starts[:count])])
    print(f"{CLIENTS} clients, {PEOPLE} people, {count} bookings each")
    print(f"bare rows:       {floor:7.0f} a second")
    for processes in (1, 2):
        with served(url, folder, processes=processes) as addresses:
            chosen = slots[:100] if processes == 1 else slots[100:200]
            await over_http(addresses, chosen)  # warms up
            part = slots[200 + (processes - 1) * count : 200 + processes * count]
            rate, times = await over_http(addresses, part)
        print(
            f"HTTP, {processes} process{'es' if processes > 1 else '  '}: {rate:7.0f} a second, p50 "
            f"{percentile(times, 0.5):.1f} ms, p95 {percentile(times, 0.95):.1f} ms; bare / ours {floor / rate:.1f}"
        )
    async with ctx.sessions() as db:
        stored = await db.scalar(text("SELECT count(*) FROM booking WHERE email <> 'c@example.com'"))
        assert stored == 2 * count + 200
    assert people
    await close(ctx)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="accepted for all benchmarks; there is no target here")
    arguments.add_argument("--database", default="")
    arguments.add_argument("--bookings", type=int, default=1000)
    given = arguments.parse_args()
    with database(given.database) as (url, folder):
        asyncio.run(measure(url, folder, given.bookings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
