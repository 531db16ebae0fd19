"""The simulated providers as a program.

`python -m tests.simulators --public-url http://localhost:3000 --port-google 9101`

A provider is started if its port is named. Ends with SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading

from tests.simulators.google.demo import CLIENT, SECRET, demo_world
from tests.simulators.google.serve import google_simulator
from tests.simulators.microsoft import demo as microsoft
from tests.simulators.microsoft.serve import microsoft_simulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=__doc__)
    parser.add_argument("--public-url", required=True, help="where the booking app is, as its PUBLIC_URL")
    parser.add_argument("--port-google", type=int)
    parser.add_argument("--port-microsoft", type=int)
    chosen = parser.parse_args()
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    with contextlib.ExitStack() as running:
        if chosen.port_google is not None:
            world = running.enter_context(google_simulator(demo_world(chosen.public_url), port=chosen.port_google))
            print(
                f"Google (simulated): {world.url} client {CLIENT} secret {SECRET} panel {world.url}/_panel", flush=True
            )
        if chosen.port_microsoft is not None:
            outlook = microsoft.demo_world(chosen.public_url)
            running.enter_context(microsoft_simulator(outlook, port=chosen.port_microsoft))
            print(
                f"Microsoft (simulated): {outlook.url} client {microsoft.CLIENT} secret {microsoft.SECRET} "
                f"panel {outlook.url}/_panel",
                flush=True,
            )
        over.wait()


if __name__ == "__main__":
    main()
