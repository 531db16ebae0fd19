"""While a 10,000-event calendar with 1,000 series is read for the first time, how slow do the slots get?

    python -m tests.benchmarks.bench_first_read [--check] [--events N]

One process asks for slots at a steady rate, alone and then during the read; alone is the reference, in the same run.
The calendar server stands for another machine, so it is made to run at the lowest priority.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from booking_app.services import availability
from booking_app.services.views import SlotQuery
from booking_app.sync import connect
from tests.benchmarks.place import database, percentile
from tests.factories import make_person
from tests.office import cells, event
from tests.radicale_office import PASSWORD, USER, RealOffice, make_settings, real_office, until
from tests.servers import make_calendar, start_radicale

RULES = (
    "FREQ=WEEKLY;BYDAY=MO",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;BYDAY=FR",
)
RATE = 50.0


def fill(folder: Path, events: int, now: int) -> None:
    """Write the objects straight into the server's store; one in ten is a series."""
    for number in range(events):
        start = now - now % 900 + (number % 600 - 100) * 86400 + number % 32 * 900
        extra = [f"RRULE:{RULES[number // 10 % 10]}"] if number % 10 == 0 else []
        body = event(f"e{number}@elsewhere", start, start + 1800, extra=extra)
        (folder / f"e{number}.ics").write_bytes(body)


async def ask(office: RealOffice, stop: Callable[[], bool]) -> list[float]:
    """Milliseconds of each request for slots at a steady rate until `stop`."""
    now = office.ctx.now()
    span = (int(now.timestamp()), int((now + timedelta(days=30)).timestamp()))
    query = SlotQuery(service="haircut", span=span)
    times = []
    due = perf_counter()
    while not stop():
        due += 1 / RATE
        # What waits for the loop counts: the clock starts when the request was to be made.
        await asyncio.sleep(max(0.0, due - perf_counter()))
        await availability.slots(office.ctx, query)
        times.append((perf_counter() - due) * 1000)
        due = max(due, perf_counter() - 1)
    return times


async def run(events: int) -> bool:
    with database() as (url, folder):
        store = Path(folder) / "dav"
        server = start_radicale(store, {USER: PASSWORD})
        try:
            big = make_calendar(f"{server.home(USER)}big/", user=USER, password=PASSWORD, name="big")
            async with real_office(make_settings(url, folder, hot_interval=12), server) as office:
                fill(
                    store / "collections" / "collection-root" / USER / "big",
                    events,
                    int(office.ctx.now().timestamp()),
                )
                pid = subprocess.run(["pgrep", "-f", str(store)], capture_output=True, text=True).stdout.split()
                for each in pid:
                    subprocess.run(["renice", "-n", "19", "-p", each], capture_output=True)
                deadline = perf_counter() + 10
                alone = await ask(office, lambda: perf_counter() > deadline)

                other = await make_person(office.ctx, "ben")
                await connect.connect(
                    office.ctx,
                    office.runtime.accounts,
                    bookable_id=other,
                    preset="other",
                    address=server.home(USER),
                    username=USER,
                    secret=PASSWORD,
                )
                (found,) = await cells(
                    office.ctx,
                    "SELECT uid::text, id FROM calendar WHERE bookable_id = :who AND remote_id = :big",
                    who=other,
                    big=big,
                )
                began = perf_counter()
                finished = 0.0
                await connect.choose(office.ctx, bookable_id=other, blocks=[found[0]], target=None)

                async def read() -> bool:
                    rows = await cells(office.ctx, "SELECT verified_at FROM calendar WHERE id = :id", id=found[1])
                    return rows[0][0] is not None

                async def wait() -> None:
                    nonlocal finished
                    await until(read, 600)
                    finished = perf_counter()

                waiting = asyncio.create_task(wait())
                during = await ask(office, waiting.done)
                await waiting
                blocks = (await cells(office.ctx, "SELECT count(*) FROM busy_block"))[0][0]
        finally:
            server.stop()
    before, after = percentile(alone, 0.95), percentile(during, 0.95)
    print(f"{events} events, {blocks} blocks read for the first time in {finished - began:.1f} s")
    print(
        f"slots alone: p50 {percentile(alone, 0.5):.1f} ms, p95 {before:.1f} ms; "
        f"during the read: p50 {percentile(during, 0.5):.1f} ms, p95 {after:.1f} ms, worst {max(during):.0f} ms"
    )
    print(f"ratio of the p95: {after / before:.2f} (at most 2)")
    return after <= 2 * before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--events", type=int, default=10_000)
    given = parser.parse_args()
    within = asyncio.run(run(given.events))
    sys.exit(0 if within or not given.check else 1)


if __name__ == "__main__":
    main()
