"""While a 10,000-event calendar with 1,000 series is read for the first time, how slow do the slots get?

    python -m tests.benchmarks.bench_first_read [--check] [--events N]

A client asks a running program for slots over HTTP at a steady rate, alone and then while that same program reads the
calendar; alone is the reference, in the same run. The calendar server stands for another machine, so it is made to run
at the lowest priority.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from booking_app.domain.clock import utc_now
from booking_app.runtime import Runtime, built
from booking_app.sync import connect
from tests.benchmarks.place import database, percentile
from tests.factories import make_person, make_service
from tests.hostile_team import ask
from tests.office import cells, event
from tests.processes import served
from tests.radicale_office import PASSWORD, USER, make_settings, until
from tests.servers import Server, make_calendar, start_radicale

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


async def run(events: int) -> bool:
    with database() as (url, folder):
        store = Path(folder) / "dav"
        server = start_radicale(store, {USER: PASSWORD})
        try:
            big = make_calendar(f"{server.home(USER)}big/", user=USER, password=PASSWORD, name="big")
            fill(store / "collections" / "collection-root" / USER / "big", events, int(utc_now().timestamp()))
            for each in subprocess.run(["pgrep", "-f", str(store)], capture_output=True, text=True).stdout.split():
                subprocess.run(["chrt", "--idle", "--pid", "0", each], capture_output=True)
            settings = make_settings(url, folder, hot_interval=12)
            async with built(settings) as program:
                ctx = program.context
                await make_person(ctx, "anna")
                await make_service(ctx, duration=15, interval=15)
                other = await make_person(ctx, "ben")
                with served(url, folder, secret_keys=settings.secret_keys[0], allow_private_calendar_hosts=True) as [
                    address
                ]:
                    alone, during, took = await measured(program, address, other, server, big)
                    blocks = (await cells(ctx, "SELECT count(*) FROM busy_block"))[0][0]
        finally:
            server.stop()
    before, after = percentile(alone, 0.95), percentile(during, 0.95)
    print(f"{events} events, {blocks} blocks read for the first time in {took:.1f} s")
    print(
        f"GET slots alone: p50 {percentile(alone, 0.5):.1f} ms, p95 {before:.1f} ms; "
        f"during the read: p50 {percentile(during, 0.5):.1f} ms, p95 {after:.1f} ms, worst {max(during):.0f} ms"
    )
    print(f"ratio of the p95: {after / before:.2f}; target at most 2: {'met' if after <= 2 * before else 'MISSED'}")
    return after <= 2 * before


async def measured(
    program: Runtime, address: str, person: int, server: Server, big: str
) -> tuple[list[float], list[float], float]:
    """(milliseconds alone, milliseconds during the read, seconds that the read took)."""
    ctx = program.context
    today = utc_now().date()
    path = f"/api/v1/services/haircut/slots?from={today}&to={today + timedelta(days=30)}&tz=Europe/Amsterdam"
    quiet_until = perf_counter() + 12
    # The first two seconds warm the process up.
    alone = (await ask(address, path, RATE, lambda: perf_counter() > quiet_until))[int(2 * RATE) :]
    await connect.connect(
        ctx,
        program.accounts,
        bookable_id=person,
        preset="other",
        address=server.home(USER),
        username=USER,
        secret=PASSWORD,
    )
    (found,) = await cells(
        ctx, "SELECT uid::text, id FROM calendar WHERE bookable_id = :who AND remote_id = :big", who=person, big=big
    )
    began = perf_counter()
    await connect.choose(ctx, bookable_id=person, blocks=[found[0]], target=None)

    async def read() -> bool:
        rows = await cells(ctx, "SELECT verified_at FROM calendar WHERE id = :id", id=found[1])
        return rows[0][0] is not None

    waiting = asyncio.create_task(until(read, 600))
    during = await ask(address, path, RATE, waiting.done)
    await waiting
    return alone, during, perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--events", type=int, default=10_000)
    given = parser.parse_args()
    within = asyncio.run(run(given.events))
    sys.exit(0 if within or not given.check else 1)


if __name__ == "__main__":
    main()
