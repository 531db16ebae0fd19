"""One of several processes that work on the same accounts, one step at a time: settings as JSON on the command line.

Each line of standard input is a step, each line of standard output how it ended. `read` reads all calendars, whoever
else does, and tells people; `write` writes, for as long as anything waits."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

from sqlalchemy import text

from booking_app import runtime
from booking_app.config import Settings
from booking_app.jobs.alerts import tell
from booking_app.jobs.worker import Lane, Leases
from booking_app.runtime import Runtime
from booking_app.sync.pull import pull
from booking_app.sync.push import push

_USED = text("SELECT id FROM calendar WHERE blocks ORDER BY id")
_WAITING = text("SELECT count(*) FROM outbox WHERE effect = 'calendar'")


async def read(program: Runtime) -> str:
    ctx = program.context
    async with ctx.sessions() as db:
        found = [row[0] for row in await db.execute(_USED)]
    outcomes = await asyncio.gather(*(pull(ctx, program.accounts, program.policy, each) for each in found))
    await tell(ctx)
    return ",".join(outcomes)


async def write(program: Runtime) -> str:
    ctx, done = program.context, 0
    lane = Lane(ctx, "calendar", partial(push, ctx, program.accounts), Leases())
    while True:
        done += await lane.drain()
        async with ctx.sessions() as db:
            if not await db.scalar(_WAITING):
                return str(done)
        await asyncio.sleep(0.02)


async def main() -> None:
    async with runtime.built(Settings(**json.loads(sys.argv[1]))) as program:
        print("ready", flush=True)
        while step := (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(await (read if step == "read" else write)(program), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
