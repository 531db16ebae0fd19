"""P20 with several processes: an account whose consent is withdrawn, met by two at the same time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_app import runtime
from booking_app.db.tables import Account
from booking_app.services import booking
from booking_app.sync import connect
from booking_app.sync.pull import Pulled, pull
from booking_app.sync.vault import new_key
from tests.crash_scene import in_two_days
from tests.factories import make_person, make_request, make_service
from tests.office import cells
from tests.radicale_office import make_settings
from tests.simulated_office import callback, signed_in_office
from tests.simulated_owner import ANNA, Owner, owner_at

PROCESS = Path(__file__).with_name("pair_process.py")
TOLD = (
    "SELECT p.email, count(*) FROM outbox o JOIN account p ON p.id = (o.payload->>'account_id')::bigint"
    " WHERE o.effect = 'mail' AND o.payload ? 'alert_id' GROUP BY p.email ORDER BY p.email"
)


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


async def step(pair: list[asyncio.subprocess.Process], name: str) -> list[str]:
    """What both answer, who begin at the same time."""
    for process in pair:
        assert process.stdin is not None
        process.stdin.write(f"{name}\n".encode())
    async with asyncio.timeout(60):
        return [await _line(process) for process in pair]


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def test_p20_a_withdrawn_consent_is_one_incident_and_each_waiting_write_happens_once(
    owner: Owner, database_url: str, tmp_path: Path
) -> None:
    settings = make_settings(database_url, tmp_path, secret_keys=(new_key(),), **{f"{owner.name}_url": owner.url})
    owner.register(callback(settings, owner.name))
    given = json.dumps(settings.model_dump(mode="json") | {"secret_keys": list(settings.secret_keys)})
    pair: list[asyncio.subprocess.Process] = []
    async with runtime.built(settings) as program:
        ctx = program.context
        person = await make_person(ctx, "anna", weekly=dict.fromkeys(range(7), ((0, 1440),)))
        await make_service(ctx, duration=15, interval=15, cut_off=0)
        office = await signed_in_office(program, owner.name, ANNA, person=person)
        async with ctx.sessions.begin() as db:
            db.add(Account(email="boss@example.com", name="Boss", role="admin"))
        office.uid = (await office.link()).uid
        (first, *_) = await cells(ctx, "SELECT id, uid::text FROM calendar ORDER BY id")
        await connect.choose(ctx, bookable_id=person, blocks=[first[1]], target=first[1])
        assert await pull(ctx, program.accounts, program.policy, first[0]) is Pulled.READ
        try:
            for _ in range(2):
                pipe = asyncio.subprocess.PIPE
                pair.append(
                    await asyncio.create_subprocess_exec(sys.executable, str(PROCESS), given, stdin=pipe, stdout=pipe)
                )
            assert [await _line(each) for each in pair] == ["ready", "ready"]
            starts = [in_two_days() + number * 3600 for number in range(3)]
            for start in starts:
                await booking.book(ctx, make_request(start))
            owner.revoke()
            seen = len(owner.requests)
            for _ in range(2):
                assert await step(pair, "read") == ["failed", "failed"]
            refused = [each for each in owner.requests[seen:] if each.method == "POST" and "token" in each.path]
            assert len(refused) >= 2, "each of them asked the provider"
            (number,) = (row[0] for row in await cells(ctx, "SELECT id FROM connection"))
            assert await cells(ctx, "SELECT subject, closed_at FROM alert") == [(f"connection:{number}", None)]
            assert await cells(ctx, TOLD) == [("anna@example.com", 1), ("boss@example.com", 1)]
            assert owner.starts() == []

            # The writes are tried while the link is broken, and then by both at the same time.
            writing = asyncio.create_task(step(pair, "write"))
            untried = "SELECT 1 FROM outbox WHERE effect = 'calendar' AND attempts = 0"
            while await cells(ctx, untried):
                await asyncio.sleep(0.05)
            assert not writing.done()
            await office.link(again=office.uid)
            done = await writing
            assert sum(int(each) for each in done) == 6, "three were put off, and each was done once"
            assert sorted(owner.starts()) == starts
            after = await step(pair, "read")
            assert "read" in after
            assert set(after) <= {"read", "superseded"}, "of two reads at the same time one counts"
            assert sorted(owner.starts()) == starts
            assert await cells(ctx, "SELECT count(*) FROM alert WHERE closed_at IS NULL") == [(0,)]
            assert await cells(ctx, TOLD) == [("anna@example.com", 1), ("boss@example.com", 1)]
        finally:
            for process in pair:
                process.kill()
                await process.communicate()
