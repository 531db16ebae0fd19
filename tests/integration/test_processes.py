"""Two processes share the work; one is killed and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from booking_app.services import booking
from tests.factories import make_request
from tests.office import cells
from tests.radicale_office import PASSWORD, USER, make_settings, real_office, until
from tests.servers import start_radicale

PROCESS = Path(__file__).with_name("engine_process.py")


@pytest.mark.slow
async def test_one_of_two_processes_is_killed_and_every_event_is_written_once(
    database_url: str, tmp_path: Path
) -> None:
    server = start_radicale(tmp_path / "dav", {USER: PASSWORD})
    settings = make_settings(database_url, tmp_path)
    # Three processes in all: this one books, and may die no less than the others.
    given = json.dumps(settings.model_dump(mode="json") | {"secret_keys": list(settings.secret_keys)})
    started: list[subprocess.Popen[bytes]] = []
    try:
        async with real_office(settings, server) as office:
            for _ in range(2):
                started.append(subprocess.Popen([sys.executable, str(PROCESS), given], stdout=subprocess.PIPE))
            for process in started:
                assert process.stdout is not None
                assert await asyncio.to_thread(process.stdout.readline) == b"running\n"
            day = (office.ctx.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
            while day.weekday() > 4:
                day += timedelta(days=1)
            for number in range(20):
                await booking.book(office.ctx, make_request(int(day.timestamp()) + number * 900))
                if number == 8:
                    started[0].kill()

            async def done() -> bool:
                waiting = await cells(office.ctx, "SELECT 1 FROM outbox WHERE effect = 'calendar'")
                return waiting == [] and len(await asyncio.to_thread(office.names)) == 20

            await until(done, 60)
            mirrors = await cells(office.ctx, "SELECT count(DISTINCT key), count(*) FROM mirror")
            assert mirrors == [(20, 20)]
    finally:
        for process in started:
            process.kill()
            process.communicate()
        server.stop()
