"""A process that asks for access tokens without rest, as an adapter does whose tokens are refused again and again.

The order comes as JSON on the command line; each token is a line of standard output, or why there is none, until it is
killed or a line comes in."""

from __future__ import annotations

import asyncio
import json
import random
import sys

from sqlalchemy import select

from booking_app.db.engine import create_engine, create_sessions
from booking_app.db.tables import Connection
from booking_app.domain.clock import utc_now
from booking_app.services.context import Context
from booking_app.sync.errors import ProviderError
from booking_app.sync.grants import Grants
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.vault import Vault


async def main() -> None:
    order = json.loads(sys.argv[1])
    engine = create_engine(order["database"])
    ctx = Context(
        sessions=create_sessions(engine),
        now=utc_now,
        sealer=Vault(order["keys"]),
        public_url="https://book.example.com",
        stand_ins={"google": order["provider"]},
    )
    grants = Grants(ctx, HttpTokenEndpoint(AddressPolicy()))
    async with ctx.sessions() as db:
        connection = (await db.scalars(select(Connection))).one()
    source = grants.source(connection)
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    print("ready", flush=True)

    async def ask() -> None:
        while not stop.done():
            try:
                # Whoever has no time left gives up, as a live read does.
                async with asyncio.timeout(random.choice((0.01, 5))):
                    token = await source.token()
                    print(token, flush=True)
                    await source.refused(token)
            except TimeoutError:
                pass
            except ProviderError as error:
                print(type(error).__name__, flush=True)
            await asyncio.sleep(random.random() * 0.02)

    await asyncio.gather(*(ask() for _ in range(3)))
    await grants.close()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
