"""A thousand linked calendars in one process for a simulated hour, and a large calendar read for the first time.

    python -m tests.benchmarks.bench_thousand [--calendars N] [--minutes M] [--speed S] [--changes C]
        [--first-read EVENTS]

The program reads N Google calendars (simulated, in a process of its own) through M minutes of its own clock, which
runs S times as fast as real time; meanwhile their owners add events at random, C an hour each. At the end nothing may
be missing. Reference: such requests sent bare by the HTTP library over kept connections, at the same pace, in the same
run: what our own code costs on top is the ratio of the processor time. (The pace matters: a request that comes alone
costs twice what one in a row of a thousand does, since everything has to be brought into the caches again.)
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from booking_app.db.tables import Calendar, Connection, Grant
from booking_app.domain.clock import from_instant
from booking_app.runtime import Runtime, running
from booking_app.services import provider_apps
from booking_app.sync import vendors
from booking_app.sync.model import CalendarRef, Mode
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget, a_minute
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.google import GoogleProvider
from booking_app.sync.providers.google_wire import Wire
from tests.benchmarks.place import database
from tests.contract.backends import Lent
from tests.factories import make_person
from tests.known import holding
from tests.radicale_office import make_settings
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld


def simulate(pipe: Pipe, calendars: int) -> None:
    """The provider's process: sets the people up, then does what it is told."""
    os.nice(5)
    with google_simulator() as world:
        app = world.app("client", "secret", ["https://book.example.com/oauth/google/callback"])
        vendor = vendors.google(world.url)
        grants = {}
        for number in range(calendars):
            email = f"p{number}@example.com"
            world.add_user(email, zone="UTC")
            grant = world.consents.consent(app, email, frozenset(vendor.scopes[Mode.FULL]), offline=True)
            grants[email] = (grant.refresh, world.consents.issue(grant))
        pipe.send((world.url, grants))
        while (order := pipe.recv()) != "stop":
            pipe.send(_obey(world, *order))


def _obey(world: GoogleWorld, what: str, *arguments: Any) -> Any:
    if what == "change":
        for email, start in arguments[0]:
            world.user(email).calendar().put(
                {
                    "summary": "x",
                    "start": {"dateTime": from_instant(start).isoformat()},
                    "end": {"dateTime": from_instant(start + 1800).isoformat()},
                }
            )
        return None
    if what == "fill":
        email, events = arguments
        app = world.user(email).calendar()
        for number in range(events):
            start = datetime(2027, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=30 * number % 400_000)
            repeat = {"recurrence": ["RRULE:FREQ=WEEKLY"]} if number % 10 == 0 else {}
            app.put(
                {
                    "start": {"dateTime": start.isoformat(), "timeZone": "UTC"},
                    "end": {"dateTime": (start + timedelta(minutes=30)).isoformat(), "timeZone": "UTC"},
                    **repeat,
                },
                quiet=True,
            )
        return None
    asked = len(world.requests)
    world.requests.clear()
    return asked


async def store(program: Runtime, grants: dict[str, tuple[str, str]]) -> None:
    """The connections, as if everybody had consented."""
    ctx = program.context
    await provider_apps.save(ctx, provider="google", client_id="client", secret="secret")
    person = await make_person(ctx, "anna")
    now = datetime.now(UTC)
    async with ctx.sessions.begin() as db:
        for email, (refresh, access) in grants.items():
            connection = Connection(
                bookable_id=person, provider="google", preset="google", label="Google", username=email
            )
            connection.subject = email
            connection.secret = ctx.sealer.seal(email, f"connection:{connection.uid}")
            db.add(connection)
            await db.flush()
            about = f"grant:{connection.uid}"
            db.add(
                Grant(
                    connection_id=connection.id or 0,
                    refresh=ctx.sealer.seal(refresh, about),
                    access=ctx.sealer.seal(access, about),
                    access_ends_at=now + timedelta(hours=1),
                    scopes=" ".join(vendors.google().scopes[Mode.FULL]),
                    granted_at=now,
                )
            )
            db.add(
                Calendar(
                    connection_id=connection.id or 0,
                    bookable_id=person,
                    remote_id=email,
                    name=email,
                    zone="UTC",
                    blocks=True,
                    chosen_at=now,
                    due_at=now,
                )
            )


async def hour(
    url: str, folder: Path, pipe: Pipe, address: str, grants: dict[str, tuple[str, str]], given: argparse.Namespace
) -> bool:
    """The simulated time; whether nothing was lost."""
    began = datetime.now(UTC)
    settings = make_settings(url, folder, google_url=address, cold_interval=60, hot_interval=12)

    def now() -> datetime:
        speed: float = given.speed
        return began + (datetime.now(UTC) - began) * speed

    wanted: set[tuple[str, int]] = set()
    base = int(began.timestamp()) // 86400 * 86400 + 30 * 86400
    async with running(settings, now=now) as program:
        await store(program, grants)
        names = sorted(grants)

        async def unread() -> int:
            async with program.sessions() as db:
                return int(await db.scalar(text("SELECT count(*) FROM calendar WHERE verified_at IS NULL")) or 0)

        while await unread():
            await asyncio.sleep(0.5)
        pipe.send(("asked",))
        pipe.recv()
        start_cpu, start_time, start_real = time.process_time(), now(), time.monotonic()
        end = start_time + timedelta(minutes=given.minutes)
        number = 0
        while now() < end:
            wished = int((now() - start_time).total_seconds() / 3600 * given.changes * len(names))
            some = [(random.choice(names), base + each * 1800) for each in range(number, wished)]
            number = wished
            wanted.update(some)
            pipe.send(("change", some))
            await asyncio.to_thread(pipe.recv)
            await asyncio.sleep(0.5)
        simulated = (now() - start_time).total_seconds() / 3600
        ended = now()

        async def behind() -> int:
            async with program.sessions() as db:
                query = text("SELECT count(*) FROM calendar WHERE verified_at < :ended")
                return int(await db.scalar(query, {"ended": ended}) or 0)

        while await behind():
            await asyncio.sleep(0.5)
        late = (now() - ended).total_seconds()
        cpu, real = time.process_time() - start_cpu, time.monotonic() - start_real
        pipe.send(("asked",))
        requests: int = pipe.recv()
        async with program.sessions() as db:
            rows = await db.execute(
                text(
                    "SELECT calendar.name, extract(epoch FROM starts_at)::bigint "
                    "FROM busy_block JOIN calendar ON calendar.id = calendar_id"
                )
            )
            found = {(name, int(at)) for name, at in rows}
    lost = wanted - found
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(grants)} calendars, {simulated:.2f} simulated hours, {len(wanted)} changes, lost: {len(lost)}")
    print(f"the last change was read {late:.0f} s after the end by the program's clock (a calendar is read every 60 s)")
    print(
        f"{requests / len(grants) / simulated:.0f} requests a calendar and hour, {cpu:.1f} s of processor time, "
        f"{memory:.0f} MB at most"
    )
    bare = await bare_requests(address, grants, 1000, pace=requests / real)
    ours = cpu / requests * 1000
    print(
        f"processor time of a request with all that follows: {ours:.2f} ms; bare: {bare:.2f} ms; "
        f"ratio {ours / bare:.2f} (aim: 1.5)"
    )
    return not lost


async def bare_requests(address: str, grants: dict[str, tuple[str, str]], many: int, *, pace: float) -> float:
    """Milliseconds of processor time of an incremental read that brings nothing, sent bare, `pace` of them a second."""
    api = vendors.google(address).api
    asked = []
    async with httpx.AsyncClient() as client:
        for email, (_, access) in list(grants.items())[:50]:
            url, headers = f"{api}calendars/{email}/events", {"Authorization": f"Bearer {access}"}
            page = (await client.get(url, params={"fields": "nextSyncToken"}, headers=headers)).json()
            asked.append((url, {"fields": "nextSyncToken", "syncToken": page["nextSyncToken"]}, headers))

        async def ask(number: int) -> None:
            url, params, headers = asked[number % len(asked)]
            (await client.get(url, params=params, headers=headers)).raise_for_status().json()

        began, running = time.process_time(), []
        for number in range(many):
            running.append(asyncio.create_task(ask(number)))
            await asyncio.sleep(1 / pace)
        await asyncio.gather(*running)
        return (time.process_time() - began) / many * 1000


async def first_read(pipe: Pipe, address: str, access: str, events: int) -> None:
    """A full first read: seconds, megabytes and requests, against the bare pages."""
    email = "p0@example.com"
    pipe.send(("fill", email, events))
    pipe.recv()
    pipe.send(("asked",))
    pipe.recv()
    vendor, policy = vendors.google(address), AddressPolicy(allow_private=True, allow_http=True)
    budget = Budget(user=a_minute(10**7), project=a_minute(10**7))
    provider = GoogleProvider(
        Lent(access), vendor=vendor, mode=Mode.FULL, policy=policy, expand=expand_inline, budget=budget
    )
    window = (int(datetime(2027, 3, 1, tzinfo=UTC).timestamp()), int(datetime(2028, 5, 1, tzinfo=UTC).timestamp()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    calendar = CalendarRef(remote_id=email, zone="UTC")
    delta = await provider.changes(calendar, cursor=None, known=holding(), window=window)
    took = time.monotonic() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    await provider.close()
    pipe.send(("asked",))
    requests = pipe.recv()
    wire = Wire(Lent(access), vendor=vendor, policy=policy, budget=budget)
    began = time.monotonic()
    async for _ in wire.pages(f"calendars/{email}/events", "x", maxResults="2500", singleEvents="false"):
        pass
    bare = time.monotonic() - began
    await wire.close()
    blocks = sum(len(each.busy) for each in delta.objects)
    print(
        f"first read of {len(delta.objects)} events, {blocks} blocks: {took:.1f} s, {grown:.0f} MB more, "
        f"{requests} requests; "
        f"the bare pages: {bare:.1f} s, ratio {took / bare:.1f}"
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calendars", type=int, default=1000)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--speed", type=float, default=2)
    arguments.add_argument("--changes", type=float, default=4)
    arguments.add_argument("--first-read", type=int, default=10_000)
    given = arguments.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    provider = context.Process(target=simulate, args=(theirs, given.calendars), daemon=True)
    provider.start()
    address, grants = ours.recv()
    try:
        with database() as (url, folder):
            kept = asyncio.run(hour(url, folder, ours, address, grants, given))
        asyncio.run(first_read(ours, address, grants["p0@example.com"][1], given.first_read))
    finally:
        ours.send("stop")
        provider.join(10)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
