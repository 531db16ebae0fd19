"""How long a calendar provider waits for the answer to its message, over HTTP.

    python -m tests.benchmarks.bench_webhooks [--check] [--rounds N] [--database URL]

The reference is the bare health endpoint of the same process, requests of all kinds taking turns. Each kind is measured
alone and with 16 messages at a time. The accounts are disconnected, so that no read of a calendar mixes in.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

from booking_app.db.tables import Calendar, Channel, Connection
from booking_app.domain.clock import utc_now
from booking_app.services.context import Context
from booking_app.sync.channel_plan import digest, secret_for
from tests.benchmarks.place import database, fill, percentile
from tests.benchmarks.team import close, context
from tests.benchmarks.wire import Wire
from tests.factories import make_person
from tests.processes import served

ROUNDS, AT_ONCE, TARGET = 400, 16, 50.0
GOOGLE, MICROSOFT = "/api/webhooks/google", "/api/webhooks/microsoft"


@dataclass(frozen=True)
class Ask:
    path: str
    content: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    status: int = 204


@dataclass(frozen=True)
class Kind:
    """One sort of request; `make` gives the next one."""

    name: str
    make: Callable[[], Ask]


async def make_channels(ctx: Context, provider: str, many: int) -> list[tuple[UUID, str]]:
    """(name, secret) of channels, each with a calendar that is not due."""
    person = await make_person(ctx, provider)
    now, found = utc_now(), []
    async with ctx.sessions.begin() as db:
        for number in range(many):
            connection = Connection(bookable_id=person, provider=provider, state="disconnected", username=str(number))
            db.add(connection)
            await db.flush()
            calendar = Calendar(
                connection_id=connection.id or 0,
                bookable_id=person,
                remote_id=str(number),
                name="Work",
                blocks=True,
                due_at=now + timedelta(days=1),
            )
            db.add(calendar)
            await db.flush()
            uid = uuid4()
            secret = secret_for(uid)
            db.add(
                Channel(
                    uid=uid,
                    connection_id=connection.id or 0,
                    calendar_id=calendar.id if provider == "google" else None,
                    remote_id=str(uid),
                    secret_hash=digest(secret),
                    state="open",
                    opened_at=now,
                    expires_at=now + timedelta(days=7),
                    due_at=now + timedelta(days=6),
                )
            )
            found.append((uid, secret))
    return found


def google(uid: UUID, secret: str, number: int) -> Ask:
    headers = {
        "X-Goog-Channel-ID": str(uid),
        "X-Goog-Channel-Token": secret,
        "X-Goog-Message-Number": str(number),
        "X-Goog-Resource-ID": "resource",
        "X-Goog-Resource-State": "exists",
    }
    return Ask(GOOGLE, headers=headers)


def microsoft(secrets: list[str]) -> Ask:
    items = [
        {"subscriptionId": "a", "clientState": each, "changeType": "updated", "resourceData": {"id": "b" * 150}}
        for each in secrets
    ]
    return Ask(MICROSOFT, {"value": items}, status=202)


def kinds(at_google: list[tuple[UUID, str]], at_microsoft: list[tuple[UUID, str]]) -> list[Kind]:
    """All that can come in."""
    numbers: Iterator[int] = iter(range(1, 10**9))
    fresh, graph = iter(at_google), iter(at_microsoft * 110)
    flooded = at_google[0]
    return [
        Kind("health endpoint", lambda: Ask("/healthz", method="GET", status=200)),
        Kind("Google: brings a read forward", lambda: google(*next(fresh), next(numbers))),
        Kind("Google: one of a flood", lambda: google(*flooded, next(numbers))),
        Kind("Google: forged", lambda: google(flooded[0], "wrong", next(numbers))),
        Kind("Google: unknown channel", lambda: google(uuid4(), "wrong", next(numbers))),
        Kind("Microsoft: one item", lambda: microsoft([next(graph)[1]])),
        Kind("Microsoft: 50 items of one", lambda: microsoft([next(graph)[1]] * 50)),
        Kind("Microsoft: one item each of 50", lambda: microsoft([next(graph)[1] for _ in range(50)])),
        Kind("Microsoft: handshake", lambda: Ask(f"{MICROSOFT}?validationToken=Validation%3a+abc", status=200)),
    ]


async def one(wire: Wire, ask: Ask) -> float:
    """Milliseconds until the whole answer."""
    began = perf_counter()
    status, body = await wire.ask(ask.method, ask.path, ask.content, ask.headers)
    took = (perf_counter() - began) * 1000
    assert status == ask.status, (status, body)
    return took


async def measure(url: str, folder: Path, rounds: int) -> bool:
    ctx = context(url)
    many = 2 * rounds + AT_ONCE
    at_google, at_microsoft = [await make_channels(ctx, name, many) for name in ("google", "microsoft")]
    await close(ctx)
    fill(url)
    slowest = slowest_crowded = 0.0
    with served(url, folder) as [address]:
        wires = [await Wire.open(address) for _ in range(AT_ONCE)]
        all_kinds = kinds(at_google, at_microsoft)
        alone: dict[str, list[float]] = {each.name: [] for each in all_kinds}
        for number in range(rounds):
            for each in all_kinds:
                took = await one(wires[0], each.make())
                if number >= 10:
                    alone[each.name].append(took)
        crowded: dict[str, list[float]] = {each.name: [] for each in all_kinds}
        for each in all_kinds:
            for _ in range(rounds // AT_ONCE):
                crowded[each.name] += await asyncio.gather(*(one(wire, each.make()) for wire in wires))
        for wire in wires:
            wire.close()
    reference = median(alone["health endpoint"])
    print(f"{'milliseconds':32} {'p50':>6} {'p95':>6} {'over':>6}   {AT_ONCE} at a time: {'p50':>6} {'p95':>6}")
    for name, times in alone.items():
        p95, crowded_p95 = percentile(times, 0.95), percentile(crowded[name], 0.95)
        slowest, slowest_crowded = max(slowest, p95), max(slowest_crowded, crowded_p95)
        print(
            f"{name:32} {median(times):6.2f} {p95:6.2f} {median(times) - reference:6.2f}"
            f"{'':17} {median(crowded[name]):6.1f} {crowded_p95:6.1f}"
        )
    print(f"target: every answer within {TARGET:g} ms (p95): {'met' if slowest < TARGET else 'MISSED'}")
    print(f"the same with {AT_ONCE} at a time: {'met' if slowest_crowded < TARGET else f'{slowest_crowded:.0f} ms'}")
    return slowest < TARGET


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with database(given.database) as (url, folder):
        within = asyncio.run(measure(url, folder, given.rounds))
    return 0 if within or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
