"""A process that runs everything: settings as JSON on the command line, until it is killed."""

from __future__ import annotations

import asyncio
import json
import sys

from booking_app.config import Settings
from booking_app.runtime import running


async def main() -> None:
    async with running(Settings(**json.loads(sys.argv[1]))):
        print("running", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
