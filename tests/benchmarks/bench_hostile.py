"""Twelve calendar servers that mean harm beside an honest one: how slow do the slots get, and how old the honest data?

    python -m tests.benchmarks.bench_hostile [--check] [--seconds N]

Two clients ask a running program for slots over HTTP at a steady rate: those of the honest person, and those of a
service that everybody offers. While the others have no calendars yet that is the reference, in the same run; then their
calendars are read for the first time and again and again: 51 accounts, 40 of them at one server that drips. The servers
run in a process of their own at a lower priority, since they stand for other machines.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from time import perf_counter

from tests.benchmarks.place import database, percentile
from tests.hostile_team import add_account, add_people, ask, honest_team, reads_of
from tests.radicale_office import PASSWORD, USER
from tests.servers import start_radicale
from tests.simulators.hostile import twelve

RATE = 25.0


async def run(seconds: float) -> bool:
    with database() as (url, folder), twelve() as addresses:
        server = start_radicale(folder / "dav", {USER: PASSWORD})
        try:
            async with honest_team(url, folder, server, "honest", hot_interval=12) as team:
                ctx = team.program.context
                accounts = await add_people(ctx, addresses, "drips one byte a second")

                async def both(lasts: float) -> tuple[list[float], list[float]]:
                    end = perf_counter() + lasts
                    paths = (team.path("haircut"), team.path("any"))
                    asking = (ask(team.address, path, RATE, lambda: perf_counter() > end) for path in paths)
                    own, everybody = await asyncio.gather(*asking)
                    return own, everybody

                await both(3)  # warms the process up
                alone, all_alone = await both(15)
                before = team.memory()
                for person, address in accounts:
                    await add_account(ctx, person, address)
                begun = perf_counter()
                (own, everybody), (reads, oldest) = await asyncio.gather(
                    both(seconds),
                    reads_of(ctx, team.honest, lambda: perf_counter() > begun + seconds),
                )
                after = team.memory()
        finally:
            server.stop()
    ratio = percentile(own, 0.95) / percentile(alone, 0.95)
    for what, times in (
        ("alone", alone),
        ("beside them", own),
        ("of everybody alone", all_alone),
        ("of everybody beside them", everybody),
    ):
        print(
            f"GET slots {what}: p50 {percentile(times, 0.5):.1f} ms, p95 {percentile(times, 0.95):.1f} ms, "
            f"worst {max(times):.0f} ms ({len(times)} requests)"
        )
    print(f"honest calendar: {reads} reads in {seconds:.0f} s, data at most {oldest:.1f} s old")
    print(f"memory: at most {before:.0f} MB before, {after:.0f} MB with them")
    met = ratio <= 2 and oldest <= 30
    print(f"ratio of the p95: {ratio:.2f}; target at most 2, data at most 30 s: {'met' if met else 'MISSED'}")
    return met


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    met = asyncio.run(run(given.seconds))
    sys.exit(1 if given.check and not met else 0)


if __name__ == "__main__":
    main()
