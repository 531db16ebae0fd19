"""Push channels at a provider in memory: opened once, renewed without a gap, closed, and no harm when it goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from booking_app.db import channel_queries
from booking_app.db.tables import Calendar, Connection
from booking_app.domain.appointment import ConnectionState
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.sync import channels, connect, linked
from booking_app.sync.channel_plan import UNCONFIRMED, digest
from booking_app.sync.channels import LEASE
from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.linked import mine_locked
from tests.conftest import Clock
from tests.factories import at, make_person
from tests.office import cells
from tests.push_office import WEEK, PushOffice, Standing, make_push_office

VENDORS = pytest.mark.parametrize("provider", ["google", "microsoft"])
_GRANT = text(
    "INSERT INTO oauth_grant (connection_id, refresh, access, scopes, granted_at) VALUES (:id, 'x', 'x', '', :now)"
)
NINE, TEN = at("2027-03-02 09:00"), at("2027-03-02 10:00")


def place(office: PushOffice) -> str | None:
    return office.work.remote_id if office.provider == "google" else None


@VENDORS
async def test_a_calendar_that_is_used_gets_a_channel(ctx: Context, clock: Clock, provider: str) -> None:
    office = await make_push_office(ctx, provider)
    assert await office.keep() == 1
    [standing] = office.pushes.all()
    assert standing.place == place(office)
    assert standing.address == f"https://book.example.com/api/webhooks/{provider}"
    [row] = await office.channels()
    assert (row.state, str(row.uid), row.remote_id, row.resource_id) == (
        "open",
        standing.uid,
        standing.remote_id,
        standing.resource_id,
    )
    assert row.secret_hash == digest(standing.secret)
    assert row.expires_at == standing.ends
    assert clock() + timedelta(days=5.7) < row.due_at <= clock() + timedelta(days=6)
    assert await office.keep() == 0


async def test_the_secret_itself_is_stored_nowhere(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    [standing] = office.pushes.all()
    for table in ("channel", "connection", "calendar", "outbox"):
        for row in await cells(ctx, f"SELECT {table}::text FROM {table}"):
            assert standing.secret.partition(".")[2] not in row[0]


async def test_what_identifies_a_channel_is_committed_before_the_provider_is_asked(ctx: Context) -> None:
    office = await make_push_office(ctx)
    seen: list[tuple[str, bytes]] = []

    async def look(standing: Standing) -> None:
        seen.extend((str(each.uid), each.secret_hash) for each in await office.channels())
        assert seen == [(standing.uid, digest(standing.secret))]

    office.pushes.before_answer = look
    await office.keep()
    assert len(seen) == 1


@pytest.mark.parametrize("public_url", ["http://book.example.com", "https://localhost:8000"])
async def test_none_is_asked_for_where_no_message_could_arrive(ctx: Context, public_url: str) -> None:
    office = await make_push_office(replace(ctx, public_url=public_url))
    assert await office.keep() == 0
    assert office.pushes.calls == []


async def test_none_is_asked_for_where_what_is_permitted_is_not_enough(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx, "microsoft")
    office.pushes.pushes = False
    for _ in range(10):
        assert await office.keep() == 0
        clock.advance(hours=1)
    assert office.pushes.calls == []
    assert await office.channels() == []


async def test_a_simulator_may_push_to_this_machine(ctx: Context) -> None:
    here = replace(ctx, public_url="http://127.0.0.1:8000", stand_ins={"google": "http://127.0.0.1:9"})
    office = await make_push_office(here)
    assert await office.keep() == 1
    assert [each.address for each in office.pushes.all()] == ["http://127.0.0.1:8000/api/webhooks/google"]


async def test_channels_follow_the_choice_of_calendars(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    await office.use(office.home)
    await office.keep()
    assert [each.place for each in office.pushes.all()] == [office.home.remote_id]
    assert await office.states() == ["open"]


async def test_one_channel_covers_all_calendars_of_an_account_where_that_is_how_it_works(ctx: Context) -> None:
    office = await make_push_office(ctx, "microsoft")
    await office.use(office.work, office.home)
    await office.keep()
    assert [each.place for each in office.pushes.all()] == [None]
    await office.use()
    await office.keep()
    assert office.pushes.all() == []
    assert await office.channels() == []


@VENDORS
async def test_renewal_leaves_no_gap(ctx: Context, clock: Clock, provider: str) -> None:
    office = await make_push_office(ctx, provider)
    await office.keep()
    for _ in range(4 * 24 * 7):
        clock.advance(hours=1)
        gaps: list[int] = []

        async def count(_: Standing, gaps: list[int] = gaps) -> None:
            gaps.append(len(office.pushes.of(place(office))))

        office.pushes.before_answer = count
        await office.keep()
        # While the new one is being opened the old one still delivers; afterwards one of them does.
        assert gaps in ([], [2])
        assert len(office.pushes.of(place(office))) == 1
        [row] = await office.channels()
        assert row.state == "open"
    verbs = [verb for verb, _ in office.pushes.calls]
    if provider == "google":
        assert 4 <= verbs.count("open") <= 6
        assert verbs.count("close") == verbs.count("open") - 1
    else:
        assert verbs.count("open") == 1
        assert 4 <= verbs.count("extend") <= 5


async def test_a_channel_that_lasts_less_than_asked_is_renewed_at_half_its_life(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx)
    office.pushes.life = 3600
    await office.keep()
    [row] = await office.channels()
    assert row.due_at <= clock() + timedelta(minutes=30)
    for _ in range(3 * 12):
        clock.advance(minutes=5)
        await office.keep()
        assert len(office.pushes.of(office.work.remote_id)) == 1


async def test_a_subscription_that_is_gone_is_replaced(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx, "microsoft")
    await office.keep()
    office.pushes.standing.clear()
    clock.advance(days=6)
    await office.keep()
    assert len(office.pushes.all()) == 1
    assert await office.states() == ["open"]


async def test_errors_back_off_and_never_disturb_reading(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx)
    before = await office.connection()
    office.pushes.fault = Rejected("Push messages are not allowed here.")
    for _ in range(60):
        await office.keep()
        clock.advance(minutes=1)
    assert len([each for each in office.pushes.calls if each[0] == "open"]) <= 5
    [row] = await office.channels()
    assert (row.state, row.trouble) == ("opening", "Push messages are not allowed here.")
    office.add_event("dentist", NINE, TEN)
    assert await office.read_due() == 1
    calendar, connection = await office.calendar(), await office.connection()
    assert (calendar.failures, calendar.trouble, calendar.verified_at) == (0, "", clock())
    assert (connection.state, connection.reason) == (before.state, before.reason) == ("ok", "")
    assert await cells(ctx, "SELECT subject FROM alert") == []
    office.pushes.fault = None
    clock.advance(hours=6)
    await office.keep()
    [row] = await office.channels()
    assert (row.state, row.failures, row.trouble) == ("open", 0, "")


async def test_a_provider_that_asks_for_a_pause_gets_it(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx)
    office.pushes.fault = Transient("Too many requests.", retry_after=7200)
    await office.keep()
    clock.advance(minutes=119)
    await office.keep()
    assert len(office.pushes.calls) == 1
    office.pushes.fault = None
    clock.advance(minutes=2)
    await office.keep()
    assert len(office.pushes.all()) == 1


@VENDORS
async def test_two_processes_open_each_channel_once(ctx: Context, provider: str) -> None:
    office = await make_push_office(ctx, provider)
    await office.use(office.work, office.home)

    async def slowly(_: Standing) -> None:
        await asyncio.sleep(0.02)

    office.pushes.before_answer = slowly
    keepers = [office.keeper(), *(office.keeper(office.other_process()) for _ in range(3))]
    await asyncio.gather(*(each.drain() for each in keepers))
    wanted = 2 if provider == "google" else 1
    assert [verb for verb, _ in office.pushes.calls] == ["open"] * wanted
    assert await office.states() == ["open"] * wanted


class Died(BaseException):
    """The process ends here."""


async def _die_after_the_answer(office: PushOffice) -> None:
    def die() -> None:
        raise Died

    office.pushes.after_answer = die
    with pytest.raises(Died):
        await office.keep()
    office.pushes.after_answer = None


async def test_a_crash_between_answer_and_commit_leaves_nothing_but_what_ends_by_itself(
    ctx: Context, clock: Clock
) -> None:
    office = await make_push_office(ctx)
    await _die_after_the_answer(office)
    [lost] = office.pushes.all()
    assert await office.keep() == 0  # Its lease holds.
    clock.advance(seconds=LEASE.total_seconds() + 1)
    await office.keep()
    assert len(office.pushes.all()) == 2
    assert sorted(await office.states()) == ["closing", "open"]
    clock.advance(seconds=UNCONFIRMED.total_seconds() + 1)
    await office.keep()
    assert await office.states() == ["open"]
    clock.advance(seconds=WEEK)
    await office.keep()
    assert lost not in office.pushes.all()
    assert len(office.pushes.all()) == 1


async def test_a_channel_that_went_while_it_was_being_opened_is_closed(ctx: Context) -> None:
    office = await make_push_office(ctx)

    async def disconnect(_: Standing) -> None:
        uid = str((await office.connection()).uid)
        await connect.disconnect(ctx, bookable_id=office.person, connection_uid=uid, future_events="keep")

    office.pushes.before_answer = disconnect
    await office.keep()
    assert office.pushes.all() == []
    assert await office.channels() == []


async def test_a_calendar_that_is_dropped_while_its_channel_is_being_opened_keeps_none(ctx: Context) -> None:
    office = await make_push_office(ctx)

    async def drop(_: Standing) -> None:
        office.pushes.before_answer = None
        await office.use()
        await channels.settle(ctx, office.accounts)

    office.pushes.before_answer = drop
    await office.keep()
    await office.keep()
    assert office.pushes.all() == []
    assert await office.channels() == []


async def test_disconnecting_hands_the_open_channels_to_who_revokes(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    [standing] = office.pushes.all()
    async with ctx.sessions.begin() as db:
        await db.execute(_GRANT, {"id": office.connection_id, "now": ctx.now()})
    uid = str((await office.connection()).uid)
    await connect.disconnect(ctx, bookable_id=office.person, connection_uid=uid, future_events="keep")
    found = await cells(ctx, "SELECT payload->'channels' FROM outbox WHERE effect = 'revoke'")
    assert found == [([[standing.remote_id, standing.resource_id]],)]
    assert await office.channels() == []


async def test_a_connection_that_waits_for_its_events_to_go_closes_its_channels_meanwhile(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    await office.set(await office.connection(), state=ConnectionState.DISCONNECTED.value)
    await office.keep()
    assert office.pushes.all() == []
    assert await office.channels() == []


async def test_an_account_that_lets_nobody_in_is_left_alone_until_it_is_linked_anew(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    await office.set(await office.connection(), state=ConnectionState.NEEDS_SIGN_IN.value)
    await office.use(office.work, office.home)
    clock.advance(days=6.5)
    asked = len(office.pushes.calls)
    await office.keep()
    assert len(office.pushes.calls) == asked
    async with ctx.sessions.begin() as db:
        connection = await mine_locked(db, office.person, str((await office.connection()).uid))
        found = await (await office.accounts.of(connection)).list_calendars()
        await linked.revive(ctx, db, connection, found)
    await office.keep()
    assert {each.place for each in office.pushes.all()} == {office.work.remote_id, office.home.remote_id}
    assert await office.states() == ["open", "open"]


async def test_linking_anew_replaces_a_channel_that_may_have_died_with_the_former_consent(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    office.pushes.standing.clear()
    async with ctx.sessions.begin() as db:
        connection = await mine_locked(db, office.person, str((await office.connection()).uid))
        found = await (await office.accounts.of(connection)).list_calendars()
        await linked.revive(ctx, db, connection, found)
    await office.keep()
    assert len(office.pushes.all()) == 1


async def test_a_new_public_address_replaces_the_channels(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.keep()
    moved = replace(office, ctx=replace(ctx, public_url="https://new.example.com"))
    await moved.keep()
    assert [each.address for each in office.pushes.all()] == ["https://new.example.com/api/webhooks/google"]


async def test_credentials_that_work_again_bring_waiting_channels_forward(ctx: Context, clock: Clock) -> None:
    office = await make_push_office(ctx)
    office.pushes.fault = Transient("The provider is disturbed.", retry_after=3600)
    await office.keep()
    office.pushes.fault = None
    clock.advance(seconds=5)
    await provider_apps.accepted(ctx, "google")
    await office.keep()
    assert sorted(await office.states()) == ["closing", "open"]  # Nobody knows what became of the first.


async def test_what_one_worker_claims_another_passes_by_without_waiting(ctx: Context) -> None:
    office = await make_push_office(ctx)
    await office.use(office.work, office.home)
    await channels.settle(ctx, office.accounts)
    until = ctx.now() + LEASE
    async with ctx.sessions.begin() as one, ctx.sessions.begin() as other, asyncio.timeout(20):
        [first] = await channel_queries.claim_due(one, now=ctx.now(), lease_until=until, most=1)
        [second] = await channel_queries.claim_due(other, now=ctx.now(), lease_until=until, most=2)
    assert first != second
    async with ctx.sessions.begin() as db:
        assert await channel_queries.claim_due(db, now=ctx.now(), lease_until=until, most=2) == []


@VENDORS
async def test_several_processes_that_settle_at_once_note_each_channel_once(ctx: Context, provider: str) -> None:
    office = await make_push_office(ctx, provider)
    await office.use(office.work, office.home)
    processes = [office.other_process() for _ in range(6)]
    # A first look, without anything to do, so that all of them are as quick as each other afterwards.
    await asyncio.gather(*(channels.settle(replace(ctx, public_url="http://x.example"), each) for each in processes))
    await asyncio.gather(*(channels.settle(ctx, each) for each in processes))
    assert await office.states() == ["opening"] * (2 if provider == "google" else 1)


@VENDORS
async def test_the_channels_of_whoever_else_has_the_same_account_are_left_alone(ctx: Context, provider: str) -> None:
    office = await make_push_office(ctx, provider, service=False)
    await office.set(await office.connection(), subject="mailbox")
    await office.keep()
    assert office.pushes.spared == frozenset()
    [hers] = office.pushes.all()
    person = await make_person(ctx, "bert")
    async with ctx.sessions.begin() as db:
        his = Connection(bookable_id=person, provider=provider, label=provider, username="anna", secret=b"second")
        his.subject = "mailbox"
        db.add(his)
        await db.flush()
        remote = office.server.add_calendar("anna", "his")
        db.add(
            Calendar(
                connection_id=his.id or 0,
                bookable_id=person,
                remote_id=remote,
                name="his",
                blocks=True,
                due_at=ctx.now(),
            )
        )
    assert await office.keep() == 1
    assert office.pushes.spared == {hers.remote_id}
