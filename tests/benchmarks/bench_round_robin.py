"""P40: a service that any of 70 people may take, each with a calendar of 1,000 events: reading slots, and booking.

Booking is measured without the calendars, which exist only here: the live read of one of them comes on top.

    python -m tests.benchmarks.bench_round_robin [--check] [--database URL]

The reference is the same with one person, in the same run. `--check` fails beyond a p95 of 300 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from booking_app.domain.clock import utc_now
from tests.benchmarks.place import database, fill, percentile
from tests.benchmarks.team import close, context, make_team
from tests.benchmarks.wire import Wire
from tests.factories import make_service
from tests.processes import served

PEOPLE, EVENTS, READS, BOOKINGS = 70, 1000, 60, 60


async def reading(wire: Wire, service: str) -> tuple[float, list[str]]:
    """p95 in milliseconds of reading a week of slots; their starts."""
    first = utc_now().date() + timedelta(days=2)
    path = f"/api/v1/services/{service}/slots?from={first}&to={first + timedelta(days=7)}"
    times = []
    body = b""
    for _ in range(READS):
        began = perf_counter()
        status, body = await wire.ask("GET", path)
        times.append((perf_counter() - began) * 1000)
        assert status == 200, body
    return percentile(times[5:], 0.95), [each["start"] for each in json.loads(body)["slots"]]


async def booking(wire: Wire, service: str, starts: list[str]) -> float:
    """p95 in milliseconds of booking."""
    times = []
    for start in starts:
        customer = {"name": "Clara", "email": "clara@example.com"}
        wish = {"service": service, "start": start, "timezone": "UTC", "customer": customer}
        began = perf_counter()
        status, body = await wire.ask("POST", "/api/v1/bookings", wish)
        times.append((perf_counter() - began) * 1000)
        assert status == 201, body
    return percentile(times[5:], 0.95)


async def measure(url: str, folder: Path) -> bool:
    ctx = context(url)
    await make_team(ctx, url, people=PEOPLE, calendars=1, events=EVENTS)
    await make_service(ctx, "alone", staff=("person-0",))
    with served(url, folder) as [address]:
        wire = await Wire.open(address)
        (few_read, alone), (many_read, everybody) = await reading(wire, "alone"), await reading(wire, "haircut")
        fill(url, "UPDATE calendar SET blocks = false")
        few_booked = await booking(wire, "alone", alone[:BOOKINGS])
        many_booked = await booking(wire, "haircut", everybody[BOOKINGS : 2 * BOOKINGS])
        wire.close()
    few, many = (few_read, few_booked), (many_read, many_booked)
    await close(ctx)
    print(f"              1 person   {PEOPLE} people   ratio (p95, ms)")
    for name, one, all_of_them in zip(("GET slots", "POST booking"), few, many, strict=True):
        print(f"{name:12s} {one:9.1f} {all_of_them:11.1f} {all_of_them / one:7.1f}")
    within = max(many) < 300
    print(f"target p95 < 300 ms: {'met' if within else 'MISSED'}")
    return within


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with database(given.database) as (url, folder):
        within = asyncio.run(measure(url, folder))
    return 0 if within or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
