"""A worker process that kills itself at a given step: before and after every commit and every HTTP request.

It stays warm and forks for each run, so that a hundred deaths take seconds. The hooks hang on SQLAlchemy's events and
on httpx; the program knows nothing of them. Each line of standard input is a run as JSON; each line of
standard output is how it ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.orm import Session

from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.clock import utc_now
from booking_app.jobs.worker import CalendarReader, Lane, Leases
from booking_app.services.context import Context
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.grants import Grants
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.table import Pools, notifier_opener, opener, token_opener
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.pull import pull
from booking_app.sync.push import push
from booking_app.sync.vault import Vault


class Fuse:
    """Counts steps and burns at one of them (0: never)."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def step(self, *_: object) -> None:
        self.steps += 1
        if self.steps == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def rig(fuse: Fuse, engine: Any) -> None:
    """Let the fuse count what leaves the process."""
    event.listen(engine.sync_engine, "commit", fuse.step)
    event.listen(Session, "after_commit", fuse.step)
    send: Callable[..., Awaitable[httpx.Response]] = httpx.AsyncClient.send

    async def counted(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        fuse.step()
        response = await send(self, request, **options)
        fuse.step()
        return response

    httpx.AsyncClient.send = counted  # type: ignore[method-assign]


# Read once, before the forks: the machine's certificates take as long as everything else of a run.
TRUSTED = ssl.create_default_context()


async def work(run: dict[str, Any]) -> int:
    """Do all that is due, as of the present plus `ahead` seconds; how many steps it took."""
    engine = create_engine(run["database"])
    fuse = Fuse(run["kill_at"])
    rig(fuse, engine)
    vault = Vault(run["keys"])

    def now() -> datetime:
        return utc_now() + timedelta(seconds=run["ahead"])

    ctx = Context(
        sessions=create_sessions(engine),
        now=now,
        sealer=vault,
        public_url="https://book.example.com",
        stand_ins=run["stand_ins"],
    )
    policy, pools = AddressPolicy(allow_private=True, allow_http=True), Pools(TRUSTED)
    consented = Consented(
        grants=Grants(ctx, HttpTokenEndpoint(policy, TRUSTED)),
        open_provider=token_opener(policy, expand_inline, pools),
        open_notifier=notifier_opener(policy, pools),
    )
    accounts = Accounts(vault, opener(policy, expand_inline, TRUSTED), consented)
    if run["what"] == "push":
        await Lane(ctx, "calendar", partial(push, ctx, accounts), Leases()).drain()
    else:
        read = partial(pull, ctx, accounts, SyncPolicy(cold=3600))
        await CalendarReader(ctx, read, Leases(), hot_interval=3600).drain()
    await accounts.close()
    await pools.close()
    await engine.dispose()
    return fuse.steps


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        run = json.loads(line)
        child = os.fork()
        if child == 0:
            steps = asyncio.run(work(run))
            print(json.dumps({"killed": False, "steps": steps}), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print(json.dumps({"killed": True, "steps": run["kill_at"]}), flush=True)
        elif os.WEXITSTATUS(status):
            print(json.dumps({"killed": False, "steps": -1}), flush=True)


if __name__ == "__main__":
    main()
