"""What a read shows is older than what happened while it ran; and a write never decides what the owner wanted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from booking_app.db import push_queries
from booking_app.db.outbox import enqueue
from booking_app.services import manage
from booking_app.services.context import Context
from booking_app.sync import connect, pull
from booking_app.sync.accounts import Accounts
from booking_app.sync.model import CalendarRef, Credentials, Delta, Known
from booking_app.sync.providers.memory import MemoryProvider
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import Office, cells, event, make_office

TEN, ELEVEN, NOON = at("2027-03-02 10:00"), at("2027-03-02 11:00"), at("2027-03-02 12:00")
TWO = at("2027-03-02 14:00")
HALF = 1800

Happening = Callable[[], Awaitable[None]]


class Interrupted(MemoryProvider):
    """Something happens after the question was asked: before the server looks, or before its answer arrives."""

    before: Happening | None = None
    after: Happening | None = None

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        if self.before:
            await self.before()
        delta = await super().changes(calendar, cursor=cursor, known=known, window=window)
        if self.after:
            await self.after()
        return delta


async def read_while(office: Office, *, before: Happening | None = None, after: Happening | None = None) -> pull.Pulled:
    """Read the calendar while something else happens."""

    def open_provider(_provider: str, credentials: Credentials) -> Interrupted:
        provider = Interrupted(office.server, account=credentials.username, password=credentials.secret)
        provider.before, provider.after = before, after
        return provider

    accounts = Accounts(office.ctx.sealer, open_provider)
    return await pull.pull(office.ctx, accounts, office.policy, office.calendar_id)


async def written(ctx: Context) -> tuple[Office, str, str, str]:
    """An office with a booking at ten whose event stands there: the manage token, the event's name and uid."""
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    found = await cells(office.ctx, "SELECT key, uid FROM mirror")
    return office, receipt.token, str(found[0][0]).rpartition("/")[2], str(found[0][1])


async def stands(office: Office, number: int = 0) -> tuple[str, int, bool]:
    """(state, start, in conflict) of an appointment, in the order of creation."""
    found = await cells(
        office.ctx,
        "SELECT state, extract(epoch FROM lower(during))::bigint, conflict IS NOT NULL FROM appointment ORDER BY id",
    )
    return found[number][0], found[number][1], found[number][2]


async def settle(office: Office, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(seconds=20)
        await office.read()
        await office.write()


async def test_p26_a_server_that_denies_the_event_for_a_minute_cancels_nothing(ctx: Context, clock: Clock) -> None:
    office, token, name, _ = await written(ctx)
    await office.read()
    ((key, data),) = office.server.read(office.remote_id).items()
    await manage.reschedule(office.ctx, token, ELEVEN)
    office.server.erase(office.remote_id, key)
    for _ in range(3):
        await office.write()
        assert await stands(office) == ("confirmed", ELEVEN, False)
        clock.advance(seconds=10)
    office.server.store(office.remote_id, name, data)
    await settle(office, clock)
    assert await stands(office) == ("confirmed", ELEVEN, False)
    assert len(office.own_events()) == 1
    assert await office.outbox() == []
    assert await cells(office.ctx, "SELECT 1 FROM outbox WHERE key LIKE 'cancelled:%'") == []


async def test_p26_a_calendar_that_is_deleted_cancels_nothing(ctx: Context, clock: Clock) -> None:
    office, token, _, _ = await written(ctx)
    await office.read()
    (key,) = office.server.read(office.remote_id)
    await manage.reschedule(office.ctx, token, ELEVEN)
    office.server.erase(office.remote_id, key)
    await office.write()
    office.server.drop_calendar(office.remote_id)
    await settle(office, clock)
    assert await stands(office) == ("confirmed", ELEVEN, False)
    assert (await office.calendar()).stopped is True


async def test_p26_an_event_gone_from_a_calendar_that_is_no_longer_followed_waits_for_a_person(
    ctx: Context, clock: Clock
) -> None:
    office, token, _, _ = await written(ctx)
    (key,) = office.server.read(office.remote_id)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=None)
    await manage.reschedule(office.ctx, token, ELEVEN)
    office.server.erase(office.remote_id, key)
    for _ in range(4):
        await office.write()
        clock.advance(seconds=20)
    assert await stands(office) == ("confirmed", ELEVEN, False)
    assert (await office.outbox())[0][2:] == ("The event was changed in a calendar that is no longer followed.", True)
    assert office.own_events() == []


async def test_p25_cancelled_by_its_owner_while_a_customers_change_waits_ends_cancelled(
    ctx: Context, clock: Clock
) -> None:
    office, token, name, uid = await written(ctx)
    await office.read()
    await manage.reschedule(office.ctx, token, ELEVEN)
    office.server.store(office.remote_id, name, event(uid, TEN, TEN + HALF, extra=["STATUS:CANCELLED"]))
    await office.read()
    await settle(office, clock)
    assert (await stands(office))[0] == "cancelled"
    assert await office.outbox() == []


async def test_p25_an_old_sighting_of_our_event_is_no_move(ctx: Context, clock: Clock) -> None:
    office, token, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, event(uid, TEN, TEN + HALF, extra=["DESCRIPTION:scissors"]))

    async def customer_moves() -> None:
        clock.advance(seconds=1)
        await manage.reschedule(office.ctx, token, ELEVEN)
        await office.write()

    await read_while(office, after=customer_moves)
    assert await stands(office) == ("confirmed", ELEVEN, False)
    assert await office.blocks() == []
    await settle(office, clock)
    assert await stands(office) == ("confirmed", ELEVEN, False)
    assert await office.blocks() == []


async def test_p25_a_move_right_after_our_write_is_followed_at_the_next_read(ctx: Context, clock: Clock) -> None:
    office, token, name, uid = await written(ctx)

    async def both_move() -> None:
        clock.advance(seconds=1)
        await manage.reschedule(office.ctx, token, ELEVEN)
        await office.write()
        office.server.store(office.remote_id, name, event(uid, NOON, NOON + HALF))

    await read_while(office, before=both_move)
    assert (await stands(office))[1] == ELEVEN
    clock.advance(seconds=5)
    await office.read()
    assert await stands(office) == ("confirmed", NOON, False)
    assert await office.blocks() == []


async def in_conflict(ctx: Context) -> tuple[Office, str, str, str]:
    """The event was moved from ten onto another appointment at noon."""
    office, token, name, uid = await written(ctx)
    await make_booking(office.ctx, NOON, email="dirk@example.com")
    await office.write()
    await office.read()
    office.server.store(office.remote_id, name, event(uid, NOON, NOON + HALF))
    await office.read()
    assert await stands(office) == ("confirmed", TEN, True)
    assert await office.blocks() == [(NOON, NOON + HALF)]
    return office, token, name, uid


async def test_p25_a_write_over_a_conflict_frees_the_time_where_the_event_stood(ctx: Context, clock: Clock) -> None:
    office, token, _, _ = await in_conflict(ctx)
    clock.advance(seconds=5)
    await manage.reschedule(office.ctx, token, TWO)
    await office.write()
    assert await office.blocks() == []
    await settle(office, clock)
    assert await office.blocks() == []
    assert await stands(office) == ("confirmed", TWO, False)


async def test_p25_moved_back_by_its_owner_the_conflict_is_over_and_waiting_writes_go_on(
    ctx: Context, clock: Clock
) -> None:
    office, _, name, uid = await in_conflict(ctx)
    appointment_id = (await cells(office.ctx, "SELECT min(id) FROM appointment"))[0][0]
    async with office.ctx.sessions.begin() as db:
        await enqueue(db, "calendar", push_queries.calendar_key(appointment_id, office.person), due=clock())
    await office.write()
    assert (await office.outbox())[0][3] is True
    clock.advance(seconds=5)
    office.server.store(office.remote_id, name, event(uid, TEN, TEN + HALF))
    await office.read()
    assert await stands(office) == ("confirmed", TEN, False)
    assert await office.blocks() == []
    await office.write()
    assert await office.outbox() == []


async def test_p25_a_parked_write_does_not_hide_what_the_owner_does_next(ctx: Context, clock: Clock) -> None:
    office, _, name, uid = await in_conflict(ctx)
    appointment_id = (await cells(office.ctx, "SELECT min(id) FROM appointment"))[0][0]
    async with office.ctx.sessions.begin() as db:
        await enqueue(db, "calendar", push_queries.calendar_key(appointment_id, office.person), due=clock())
    await office.write()
    clock.advance(seconds=5)
    office.server.store(office.remote_id, name, event(uid, TWO, TWO + HALF))
    await office.read()
    assert await stands(office) == ("confirmed", TWO, False)
    await office.write()
    assert await office.outbox() == []


@pytest.mark.parametrize("last_first", [False, True])
async def test_p25_moves_that_make_room_for_each_other_are_all_followed(ctx: Context, last_first: bool) -> None:
    office = await make_office(ctx)
    moves = []
    for start in (TEN, ELEVEN):
        await make_booking(office.ctx, start, email=f"{start}@example.com")
        await office.write()
    await office.read()
    for start, key, uid in await cells(
        office.ctx, "SELECT extract(epoch FROM starts_at)::bigint, key, uid FROM mirror ORDER BY starts_at"
    ):
        moves.append((key.rpartition("/")[2], event(uid, start + 2 * HALF, start + 3 * HALF)))
    for name, data in reversed(moves) if last_first else moves:
        office.server.store(office.remote_id, name, data)
    await office.read()
    assert await stands(office, 0) == ("confirmed", ELEVEN, False)
    assert await stands(office, 1) == ("confirmed", NOON, False)
    assert await office.blocks() == []


async def test_p25_a_deletion_makes_room_for_a_move_of_the_same_read(ctx: Context) -> None:
    office = await make_office(ctx)
    for start in (TEN, ELEVEN):
        await make_booking(office.ctx, start, email=f"{start}@example.com")
        await office.write()
    await office.read()
    first, second = await cells(office.ctx, "SELECT key, uid FROM mirror ORDER BY starts_at")
    office.server.store(office.remote_id, first[0].rpartition("/")[2], event(first[1], ELEVEN, ELEVEN + HALF))
    office.server.erase(office.remote_id, second[0])
    await office.read()
    assert await stands(office, 0) == ("confirmed", ELEVEN, False)
    assert (await stands(office, 1))[0] == "cancelled"


async def test_p24_the_late_failure_of_an_old_password_leaves_the_new_one_alone(ctx: Context, clock: Clock) -> None:
    office, _, _, _ = await written(ctx)

    async def password_changes() -> None:
        office.server.passwords["anna"] = "another"
        await connect.replace_password(
            office.ctx,
            office.accounts,
            bookable_id=office.person,
            connection_uid=office.connection_uid,
            secret="another",
        )

    assert await read_while(office, before=password_changes) is pull.Pulled.FAILED
    assert (await office.connection()).state == "ok"
    calendar = await office.calendar()
    assert (calendar.failures, calendar.due_at, calendar.lease_until) == (0, clock(), None)
    assert await cells(office.ctx, "SELECT 1 FROM alert WHERE closed_at IS NULL") == []


async def test_p05_asked_for_during_a_read_the_next_one_follows_at_once(ctx: Context, clock: Clock) -> None:
    office, _, _, _ = await written(ctx)

    async def somebody_asks() -> None:
        clock.advance(seconds=1)
        async with office.ctx.sessions.begin() as db:
            await push_queries.read_soon(db, office.calendar_id, clock())

    assert await read_while(office, after=somebody_asks) is pull.Pulled.READ
    assert (await office.calendar()).due_at <= clock()
