"""What the bounds of the web server cost, and what they are worth: requests a second of an app that does nothing,
served with and without them and by Granian; and how long a request takes beside eleven hundred silent connections and
fifty slow senders."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median, quantiles

from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from tests.processes import ROOT, free_port

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SILENT, SLOW = 1100, 50
SERVERS = ("bounded", "uvicorn", "granian")


async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Says ok."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})


def serve(name: str, port: int) -> None:
    """Run one of `SERVERS` until it is ended."""
    if name == "granian":
        from granian.constants import Interfaces
        from granian.server import Server as Granian

        Granian("tests.benchmarks.bench_server:app", port=port, interface=Interfaces.ASGINL, log_enabled=False).serve()
        return
    import uvicorn

    from booking_app.run.bounded import BoundedConfig, Patience
    from booking_app.run.connections import Connections
    from booking_app.run.listening import listener

    target = "tests.benchmarks.bench_server:app"
    if name == "bounded":
        room = Connections(each=256, total=10_000)
        config: uvicorn.Config = BoundedConfig(
            target, connections=room, patience=Patience(), proxied=False, lifespan="off", log_level="critical"
        )
    else:
        config = uvicorn.Config(target, lifespan="off", log_level="critical", access_log=False, proxy_headers=False)
    uvicorn.Server(config).run([listener("127.0.0.1", port)])


@contextlib.contextmanager
def served(name: str) -> Iterator[int]:
    """One of `SERVERS` in a process of its own; its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bench_server", "--serve", name, "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


async def rate(port: int, seconds: float, clients: int = 16) -> float:
    """Requests a second over so many connections."""
    done, until = 0, time.monotonic() + seconds

    async def ask() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        while time.monotonic() < until:
            writer.write(GET)
            await reader.readuntil(b"ok")
            done += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(clients)))
    return done / seconds


async def beside_the_silent(port: int, times: int) -> list[float]:
    """Seconds of requests of one address, each on a new connection, while another one holds and drips; a request that
    is not answered within ten seconds counts as ten."""
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
    dripping = held[:SLOW]

    async def drip() -> None:
        while True:
            for _, writer in dripping:
                writer.write(b"G" if writer.transport.get_write_buffer_size() < 100 else b"")
            await asyncio.sleep(0.2)

    task, taken = asyncio.create_task(drip()), []
    for _ in range(times):
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
                writer.write(GET)
                await reader.readuntil(b"ok")
                writer.close()
        taken.append(time.monotonic() - begun)
        if len(taken) >= 3 and min(taken) >= 10:
            break
    task.cancel()
    for _, writer in held:
        writer.transport.abort()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=SERVERS)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.port)
        return
    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(served(name)) for name in SERVERS}
        for _ in range(chosen.rounds):  # In turns: whatever else the machine does, it does to all.
            for name, port in ports.items():
                rates[name].append(asyncio.run(rate(port, chosen.seconds)))
    for name in SERVERS:
        share = median(ours / its for ours, its in zip(rates["bounded"], rates[name], strict=True))
        print(f"{name:8} {median(rates[name]):7.0f} requests a second; bounded / {name}: {share:.2f}")
    for name in ("bounded", "granian"):
        with served(name) as port:
            taken = asyncio.run(beside_the_silent(port, 200))
        p95 = quantiles(taken, n=20)[-1] if len(taken) > 2 else max(taken)
        print(f"{name:8} beside {SILENT} silent: p50 {median(taken) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")


if __name__ == "__main__":
    main()
