"""Several processes and one grant, at a provider that forgets a refresh token as soon as it was used."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

from booking_app.domain.clock import utc_now
from booking_app.services.context import Context
from booking_app.sync.rotation import rotate
from booking_app.sync.vault import Vault, new_key
from tests.factories import make_person
from tests.linked_office import make_linked_office
from tests.token_server import token_server


async def start(order: dict[str, object]) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.grant_process",
        json.dumps(order),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def told(process: asyncio.subprocess.Process, number: int = 1) -> list[str]:
    """Its next tokens, or why there is none."""
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(number)]


async def stopped(process: asyncio.subprocess.Process) -> list[str]:
    """End it orderly; what it got since it was last asked."""
    out, err = await process.communicate(b"stop\n")
    assert process.returncode == 0, err.decode()[-2000:]
    assert err == b""
    return out.decode().split()


async def test_a_rotated_refresh_token_is_never_lost_between_processes(ctx: Context, database_url: str) -> None:
    key = new_key()
    with token_server() as world:
        office = await make_linked_office(replace(ctx, sealer=Vault([key]), now=utc_now), world)
        office.server.add_calendar("anna", "work")
        person, cookie = await office.signed_in(await make_person(office.ctx))
        account = await office.link(person, cookie, "anna")
        order: dict[str, object] = {"database": database_url, "keys": [key], "provider": world.url}
        processes = [await start(order) for _ in range(3)]
        got = [await told(each, 6) for each in processes]
        while len([each for each in world.asked if each.get("grant_type") == "refresh_token"]) <= 20:
            for each, tokens in zip(processes, got, strict=True):
                tokens += await told(each)
        for each, tokens in zip(processes, got, strict=True):
            tokens += await stopped(each)
        assert world.reused == [], "no refresh token was used twice"
        assert {token for each in got for token in each} <= world.grants[0].access
        grant = await office.grant(account.uid)
        assert office.ctx.sealer.open(grant.refresh, f"grant:{account.uid}") == world.grants[0].refresh
        await office.close()


async def test_a_process_without_the_new_key_waits_while_the_others_go_on(ctx: Context, database_url: str) -> None:
    old, new = new_key(), new_key()
    with token_server() as world:
        office = await make_linked_office(replace(ctx, sealer=Vault([old]), now=utc_now), world)
        office.server.add_calendar("anna", "work")
        person, cookie = await office.signed_in(await make_person(office.ctx))
        account = await office.link(person, cookie, "anna")
        order: dict[str, object] = {"database": database_url, "provider": world.url}
        behind = await start(order | {"keys": [old]})
        ahead = await start(order | {"keys": [new, old]})
        waiting, going_on = await told(behind, 3), await told(ahead, 3)
        assert (await rotate(office.ctx.sessions, Vault([new, old]))).unreadable == ()
        while waiting[-1] != "KeyMissing":
            waiting += await told(behind)
        going_on += await told(ahead, 3)
        waiting, going_on = waiting + await stopped(behind), going_on + await stopped(ahead)
        after = await start(order | {"keys": [new]})
        alone = await told(after, 3) + await stopped(after)
        assert set(waiting) - world.grants[0].access == {"KeyMissing"}, "not that the account is lost"
        assert set(going_on + alone) <= world.grants[0].access
        assert world.reused == []
        grant = await office.grant(account.uid)
        assert Vault([new]).open(grant.refresh, f"grant:{account.uid}") == world.grants[0].refresh
        await office.close()
