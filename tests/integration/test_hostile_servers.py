"""Twelve servers that mean harm beside an honest one: nobody but their own owners notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter

from tests.benchmarks.place import percentile
from tests.hostile_team import CROWD, add_hostile, ask, honest_team, reads_of
from tests.office import cells
from tests.radicale_office import PASSWORD, USER
from tests.servers import start_radicale
from tests.simulators.hostile import twelve

SECONDS = 40.0
WAITED = 2_000.0
"""Milliseconds: whoever waits for a calendar waits longer, on however quick a machine. A slow one is measured before.
The exact ratio is `bench_hostile`'s."""
MORE = 200.0
"""MB that the program may take more; one of these answers alone took 1,260."""


async def test_twelve_hostile_servers_touch_nobody_else(database_url: str, tmp_path: Path) -> None:
    server = start_radicale(tmp_path / "dav", {USER: PASSWORD})
    try:
        with twelve() as addresses:
            async with honest_team(database_url, tmp_path, server, "work", hot_interval=3, cold_interval=5) as team:
                ctx = team.program.context
                quiet = perf_counter() + 5
                alone = await ask(team.address, team.path("haircut"), 10, lambda: perf_counter() > quiet)
                before = team.memory()
                await add_hostile(ctx, addresses, "drips one byte a second")
                end = perf_counter() + SECONDS

                def over() -> bool:
                    return perf_counter() > end

                own, everybody, (reads, oldest) = await asyncio.gather(
                    ask(team.address, team.path("haircut"), 10, over),
                    ask(team.address, team.path("any"), 10, over),
                    reads_of(ctx, team.honest, over),
                )
                memory = team.memory()
                states = await cells(
                    ctx,
                    "SELECT c.id = :honest, c.failures, c.verified_at IS NOT NULL, c.takes > 2 FROM calendar c",
                    honest=team.honest,
                )
        said = team.log.read_text(errors="replace")
    finally:
        server.stop()
    for times in (own, everybody):
        assert percentile(times, 0.5) < max(WAITED, 4 * percentile(alone, 0.5))
        assert percentile(times, 0.95) < max(2 * WAITED, 4 * percentile(alone, 0.95))
    assert reads >= 3
    assert oldest < 30
    assert memory < before + MORE
    assert [each[1:3] for each in states if each[0]] == [(0, True)]
    hostile = [each for each in states if not each[0]]
    assert len(hostile) == CROWD + 11
    assert not any(each[2] for each in hostile)
    # They were met, and each for itself.
    assert sum(each[1] > 0 for each in hostile) >= 7
    assert sum(each[3] for each in hostile) >= 4
    assert "pull.bug" not in said
    assert "worker.failed" not in said
