"""One person's day and month from the database, through the use-case: the workloads D1 and D30.

    python -m tests.benchmarks.bench_database [--check] [--database URL]

The reference is the bare query for the same busy blocks, with rows fetched. `--check` fails beyond the targets.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import psycopg

from booking_app.db.engine import create_engine, create_sessions
from booking_app.services import availability
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync.vault import Vault, new_key
from tests.benchmarks.place import database, fill, plain
from tests.factories import make_calendar, make_person, make_service

NOW = datetime(2027, 3, 14, tzinfo=UTC)
BEGIN = int(datetime(2027, 3, 15, tzinfo=UTC).timestamp())
CASES = [
    ("D1(50)", 1, 50, None),
    ("D1(1000)", 1, 1000, 3.0),
    ("D30(200)", 30, 200, None),
    ("D30(1000)", 30, 1000, 20.0),
]
ROUNDS = 200

BARE = """
SELECT starts_at, ends_at FROM busy_block
WHERE bookable_id = %s AND ends_at > to_timestamp(%s) AND starts_at < to_timestamp(%s)
"""


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = perf_counter()
        await work()
        times.append((perf_counter() - began) * 1000)
    return median(times)


async def measure(url: str) -> bool:
    engine = create_engine(url)
    ctx = Context(
        sessions=create_sessions(engine), now=lambda: NOW, sealer=Vault([new_key()]), public_url="https://example.com"
    )
    within = True
    print("             ours    query alone, ms   ratio   slots")
    async with await psycopg.AsyncConnection.connect(plain(url), autocommit=True) as bare:
        for name, days, count, target in CASES:
            slug = name.lower().replace("(", "-").rstrip(")")
            person = await make_person(ctx, slug, weekly=dict.fromkeys(range(7), ((480, 1080),)))
            await make_service(ctx, slug, staff=(slug,))
            calendar = await make_calendar(ctx, person)
            minute = "i * 7 % 290" if days == 1 else "i * 37 % 590"
            at = f"to_timestamp({BEGIN} + (i % {days}) * 86400 + (480 + {minute}) * 60)"
            fill(
                url,
                "INSERT INTO busy_block (calendar_id, bookable_id, key, starts_at, ends_at, kind)"
                f" SELECT {calendar}, {person}, i::text, {at}, {at} + interval '10 minutes', 'busy'"
                f" FROM generate_series(0, {count - 1}) AS i",
            )
            span = (BEGIN, BEGIN + days * 86400)
            query = SlotQuery(service=slug, span=span)

            async def ours(query: SlotQuery = query) -> int:
                return len((await availability.slots(ctx, query)).starts)

            async def alone(person: int = person, span: tuple[int, int] = span) -> int:
                return len(await (await bare.execute(BARE, (person, *span))).fetchall())

            found = await ours()
            assert await alone() == count
            mine, floor = await timed(ours), await timed(alone)
            passed = target is None or mine < target
            within = within and passed
            goal = "" if target is None else f"  target {target:g} ms: {'met' if passed else 'MISSED'}"
            print(f"{name:10s} {mine:7.2f} {floor:15.2f} {mine / floor:10.2f} {found:7d}{goal}")
    await engine.dispose()
    return within


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with database(given.database) as (url, _):
        within = asyncio.run(measure(url))
    return 0 if within or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
