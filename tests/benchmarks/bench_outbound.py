"""Booking committed -> the event can be read at the CalDAV server.

    python -m tests.benchmarks.bench_outbound [--check] [--bookings N]

The reference in the same run is a bare PUT of an event of the same size by a plain client.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from booking_app.services import availability, booking
from booking_app.services.views import SlotQuery
from booking_app.sync.own import own_uid
from tests.benchmarks.place import database, percentile
from tests.factories import make_request
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, RealOffice, make_settings, real_office
from tests.servers import request, start_radicale

BOUND = 3.0


async def measure(office: RealOffice, count: int) -> list[float]:
    """Seconds from the return of `book` to the first GET at the server that finds the event."""
    now = office.ctx.now()
    span = (int(now.timestamp()), int((now + timedelta(days=30)).timestamp()))
    starts = (await availability.slots(office.ctx, SlotQuery(service="haircut", span=span))).starts
    delays = []
    for start in starts[4 : 4 + count]:
        await booking.book(office.ctx, make_request(start))
        committed = perf_counter()
        (found,) = await cells(office.ctx, "SELECT uid FROM appointment ORDER BY id DESC LIMIT 1")
        url = f"{office.url}{own_uid(found[0], office.person).partition('@')[0]}.ics"
        while (await asyncio.to_thread(request, "GET", url, user=USER, password=PASSWORD))[0] != 200:
            await asyncio.sleep(0.02)
        delays.append(perf_counter() - committed)
    return delays


def bare(office: RealOffice) -> float:
    """Median seconds of a PUT."""
    times = []
    for number in range(30):
        body = event(f"bare{number}@elsewhere", 1_900_000_000, 1_900_000_900, extra=["DESCRIPTION:" + "x" * 300])
        began = perf_counter()
        office.put(f"bare{number}.ics", body)
        times.append(perf_counter() - began)
    return median(times)


async def run(count: int) -> bool:
    with database() as (url, folder):
        server = start_radicale(Path(folder) / "dav", {USER: PASSWORD})
        try:
            async with real_office(make_settings(url, folder, hot_interval=12), server) as office:
                delays = await measure(office, count)
                floor = await asyncio.to_thread(bare, office)
        finally:
            server.stop()
    p50, p95, p99 = (percentile(delays, share) for share in (0.5, 0.95, 0.99))
    print(f"booked -> event readable, {count} bookings: p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s")
    print(f"reference, a bare PUT: {floor * 1000:.0f} ms; ratio of the p50 {p50 / floor:.1f}")
    print(f"bound {BOUND:.0f} s: {'kept' if p99 <= BOUND else 'BROKEN'}")
    return p99 <= BOUND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bookings", type=int, default=100)
    given = parser.parse_args()
    within = asyncio.run(run(given.bookings))
    sys.exit(0 if within or not given.check else 1)


if __name__ == "__main__":
    main()
