"""A change readable at the CalDAV server -> availability shows the slot closed: 100 events at random moments.

    python -m tests.benchmarks.bench_inbound [--check] [--events N]

Somebody looks at the slots all the time, as a booking page does. The reference in the same run is the time of one
incremental read of the same calendar: what a server that told us of every change would leave.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import select

from booking_app.db.tables import Connection
from booking_app.services import availability
from booking_app.services.views import SlotQuery
from booking_app.sync.accounts import Accounts
from booking_app.sync.model import CalendarRef
from tests.benchmarks.place import database, percentile
from tests.known import holding
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, RealOffice, make_settings, real_office
from tests.servers import start_radicale

SPREAD = 120.0
BOUND, AIM = 30.0, 15.0


async def reference(office: RealOffice, accounts: Accounts) -> float:
    """Median seconds of an incremental read that finds nothing."""
    async with office.ctx.sessions() as db:
        connection = (await db.execute(select(Connection))).scalar_one()
    provider = await accounts.of(connection)
    cursor = str((await cells(office.ctx, "SELECT cursor FROM calendar WHERE cursor IS NOT NULL"))[0][0])
    now = int(office.ctx.now().timestamp())
    times = []
    for _ in range(20):
        began = perf_counter()
        await provider.changes(
            CalendarRef(remote_id=office.url, zone="UTC"), cursor=cursor, known=holding(), window=(now, now + 86400)
        )
        times.append(perf_counter() - began)
    return median(times)


async def measure(office: RealOffice, events: int) -> list[float]:
    """Seconds from the server's answer to the PUT to the first look that does not offer the slot."""
    chance = random.Random(1)
    day = (office.ctx.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    query = SlotQuery(service="haircut", span=(int(day.timestamp()), int((day + timedelta(days=21)).timestamp())))
    open_now = (await availability.slots(office.ctx, query)).starts
    starts = chance.sample(open_now, events)
    readable: dict[int, float] = {}
    closed: dict[int, float] = {}

    async def change(start: int) -> None:
        await asyncio.sleep(chance.random() * SPREAD)
        await asyncio.to_thread(office.put, f"e{start}.ics", event(f"e{start}@elsewhere", start, start + 900))
        readable[start] = perf_counter()

    changes = [asyncio.create_task(change(start)) for start in starts]
    while len(closed) < events:
        offered = set((await availability.slots(office.ctx, query)).starts)
        seen = perf_counter()
        for start in starts:
            if start not in offered and start not in closed:
                closed[start] = seen
        await asyncio.sleep(0.1)
    await asyncio.gather(*changes)
    return [max(0.0, closed[start] - readable[start]) for start in starts]


async def run(events: int) -> bool:
    with database() as (url, folder):
        server = start_radicale(Path(folder) / "dav", {USER: PASSWORD})
        try:
            settings = make_settings(url, folder, hot_interval=12, cold_interval=60)
            async with real_office(settings, server) as office:
                delays = await measure(office, events)
                floor = await reference(office, office.runtime.accounts)
        finally:
            server.stop()
    p50, p95, p99 = (percentile(delays, share) for share in (0.5, 0.95, 0.99))
    print(f"change readable -> slot closed, {events} events: p50 {p50:.1f} s, p95 {p95:.1f} s, p99 {p99:.1f} s")
    print(f"reference, one incremental read: {floor * 1000:.0f} ms; ratio of the p50 {p50 / floor:.0f}")
    bound, aim = ("kept" if p99 <= BOUND else "BROKEN"), ("kept" if p99 <= AIM else "missed")
    print(f"bound {BOUND:.0f} s: {bound}; aim {AIM:.0f} s: {aim}")
    return p99 <= BOUND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--events", type=int, default=100)
    given = parser.parse_args()
    within = asyncio.run(run(given.events))
    sys.exit(0 if within or not given.check else 1)


if __name__ == "__main__":
    main()
