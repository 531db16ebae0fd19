"""A read that brings nothing costs next to nothing, and leaves what a whole commit would have left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from booking_app.db import read_queries
from booking_app.db.changes import announce
from booking_app.db.engine import reads
from booking_app.db.read_queries import Unchanged
from booking_app.services.context import Context
from booking_app.sync.pull import Pulled, Puller
from tests.conftest import Clock
from tests.factories import at
from tests.office import Office, cells, make_office

TEN, ELEVEN = at("2027-03-02 10:00"), at("2027-03-02 11:00")
NINE = at("2027-03-02 09:00")


@pytest.fixture
async def office(ctx: Context, clock: Clock) -> Office:
    made = await make_office(ctx)
    made.add_event("dentist", TEN, ELEVEN)
    clock.advance(minutes=1)
    assert await made.read() is Pulled.READ
    clock.advance(minutes=1)
    return made


async def change(office: Office, statement: str, **values: object) -> None:
    async with office.ctx.sessions.begin() as db:
        await db.execute(text(statement), values)


async def standing(office: Office) -> list[tuple[Any, ...]]:
    """All that a read may leave behind."""
    return [
        *await cells(office.ctx, "SELECT * FROM calendar ORDER BY id"),
        *await cells(office.ctx, "SELECT * FROM connection ORDER BY id"),
        *await cells(office.ctx, "SELECT * FROM calendar_object ORDER BY key"),
        *await cells(office.ctx, "SELECT * FROM busy_block ORDER BY id"),
        *await cells(office.ctx, "SELECT * FROM alert ORDER BY id"),
        *await cells(office.ctx, "SELECT * FROM delay_sample ORDER BY id"),
    ]


async def note(office: Office, **other: Any) -> bool:
    """Say that the calendar did not change since it was read last."""
    calendar, now = await office.calendar(), office.ctx.now()
    given: dict[str, Any] = {
        "calendar_id": office.calendar_id,
        "before": calendar.cursor,
        "after": "next",
        "as_of": now,
        "due_before": calendar.due_at,
        "due_at": now + timedelta(seconds=60),
        "takes": 0.25,
        "alert": "provider:caldav:api",
    }
    async with reads(office.ctx.sessions).connect() as db:
        noted = await read_queries.note_unchanged(
            db, [Unchanged(**given | other)], now=now, trusted=now - timedelta(seconds=600)
        )
    return noted == {office.calendar_id}


async def test_it_leaves_what_a_whole_commit_leaves(
    office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booking_app.sync.pull.random.random", lambda: 0.5)
    monkeypatch.setattr("booking_app.sync.pull.takes", lambda *_: 0.25)
    before = await standing(office)
    await change(office, "UPDATE calendar SET lease_until = :until", until=clock() + timedelta(seconds=30))
    assert await office.read() is Pulled.READ
    short = await standing(office)
    assert short != before

    # The same again, with the short way closed.
    await change(
        office,
        "UPDATE calendar SET lease_until = now(), verified_at = verified_at - interval '1 minute' WHERE id = :calendar",
        calendar=office.calendar_id,
    )

    async def never(*_: object, **__: object) -> frozenset[int]:
        return frozenset()

    monkeypatch.setattr(read_queries, "note_unchanged", never)
    assert await office.read() is Pulled.READ
    assert await standing(office) == short


async def test_what_it_says(office: Office) -> None:
    now = office.ctx.now()
    assert await note(office)
    calendar, connection = await office.calendar(), await office.connection()
    assert (calendar.cursor, calendar.verified_at, calendar.lease_until) == ("next", now, None)
    assert calendar.due_at == now + timedelta(seconds=60)
    assert connection.last_success_at == now


OBSTACLES = {
    "another worker was faster": "UPDATE calendar SET cursor = 'newer'",
    "the choices changed": "UPDATE calendar SET cursor = NULL",
    "a push asked for a read": "UPDATE calendar SET due_at = due_at - interval '1 second'",
    "it failed before": "UPDATE calendar SET failures = 1",
    "it is stopped": "UPDATE calendar SET stopped = true",
    "it is withheld": "UPDATE calendar SET verified_at = verified_at - interval '11 minutes'",
    "it never was read": "UPDATE calendar SET verified_at = NULL",
    "the account is disconnected": "UPDATE connection SET state = 'disconnected'",
    "the account needs a sign-in": "UPDATE connection SET state = 'needs_sign_in'",
    "another calendar of the account fails": "UPDATE connection SET state = 'slowed', failing_since = now()",
    "an event is missed": "UPDATE calendar_object SET missing_since = now()",
}
ALERTS = ("connection:{connection}", "calendar:{calendar}", "stale:{calendar}", "provider:caldav:api")


@pytest.mark.parametrize("statement", OBSTACLES.values(), ids=list(OBSTACLES))
async def test_it_is_refused_when_there_is_more_to_say(office: Office, statement: str) -> None:
    calendar = await office.calendar()
    await change(office, statement)
    before = await standing(office)
    assert not await note(office, before=calendar.cursor, due_before=calendar.due_at)
    assert await standing(office) == before


@pytest.mark.parametrize("subject", ALERTS)
async def test_an_open_alert_needs_the_whole_commit_which_closes_it(office: Office, subject: str) -> None:
    connection = await office.connection()
    named = subject.format(connection=connection.id, calendar=office.calendar_id)
    await change(
        office,
        "INSERT INTO alert (subject, message, opened_at, tell_from, tellings) VALUES (:s, '', now(), now(), 0)",
        s=named,
    )
    before = await standing(office)
    assert not await note(office)
    assert await standing(office) == before
    assert await office.read() is Pulled.READ
    assert await cells(office.ctx, "SELECT subject FROM alert WHERE closed_at IS NULL") == []


@pytest.mark.parametrize("table", ["calendar", "connection"])
async def test_it_waits_for_nobody(office: Office, table: str) -> None:
    async with office.ctx.sessions.begin() as db:
        await db.execute(text(f"SELECT 1 FROM {table} FOR NO KEY UPDATE"))
        async with asyncio.timeout(20):
            assert not await note(office)


async def test_all_that_are_noted_are_announced_once(office: Office, clock: Clock) -> None:
    others = [await make_office(office.ctx, slug=slug, service=False) for slug in ("bert", "cleo")]
    clock.advance(minutes=1)
    told: list[frozenset[int]] = []
    engine = reads(office.ctx.sessions)
    async with engine.connect() as db:
        raw = (await db.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.execute("LISTEN booking_app")
        calendars = [each.calendar_id for each in (office, *others)]
        puller = Puller(office.ctx, _accounts(office, *others), office.policy, gap=0.1)
        assert await asyncio.gather(*map(puller.pull, calendars)) == [Pulled.READ] * 3
        async for message in raw.notifies(timeout=1):
            if "verified" in message.payload:
                told.append(frozenset(int(each) for each in message.payload.split("[")[1].rstrip("]}").split(",")))
    assert told == [frozenset(calendars)]


async def test_the_cost_of_reads_that_bring_nothing_does_not_grow_with_them(office: Office, clock: Clock) -> None:
    others = [await make_office(office.ctx, slug=f"p{number}", service=False) for number in range(19)]
    clock.advance(minutes=1)
    puller = Puller(office.ctx, _accounts(office, *others), office.policy)
    statements: list[str] = []
    engine = office.ctx.sessions.kw["bind"].sync_engine

    def count(*given: Any) -> None:
        statements.append(given[2])

    event.listen(engine, "before_cursor_execute", count)
    try:
        found = await asyncio.gather(*(puller.pull(each.calendar_id) for each in (office, *others)))
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert found == [Pulled.READ] * 20
    assert len(statements) == 2, "one that loads what they start from, one that notes how they ended"


async def test_a_change_during_the_wait_for_others_is_not_swallowed(office: Office, clock: Clock) -> None:
    """Somebody asks for a read after the provider has answered and before that is noted."""
    clock.advance(minutes=1)
    office.server.calls.clear()
    puller = Puller(office.ctx, office.accounts, office.policy, gap=0.2)
    reading = asyncio.create_task(puller.pull(office.calendar_id))
    await _until(lambda: "changes" in office.server.calls)
    office.add_event("lunch", NINE, TEN)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE calendar SET due_at = :now"), {"now": office.ctx.now()})
        await announce(db, "due", [office.calendar_id])
    assert await reading is Pulled.READ
    assert (await office.calendar()).due_at <= office.ctx.now()
    assert await office.read() is Pulled.READ
    assert await office.blocks() == [(NINE, TEN), (TEN, ELEVEN)]


def _accounts(*offices: Office) -> Any:
    """The accounts of several offices, each on its own server."""

    class Several:
        async def of(self, connection: Any) -> Any:
            office = next(each for each in offices if each.connection_uid == str(connection.uid))
            return await office.accounts.of(connection)

    return Several()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)
