"""How much one person can connect: as much as anybody needs, and nothing that others have to pay for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest

from booking_app.domain.errors import Invalid
from booking_app.services import calendars
from booking_app.services.context import Context
from booking_app.state.calendar_cards import card
from booking_app.sync import connect, limits, pull
from booking_app.sync.accounts import Accounts
from booking_app.sync.model import Busy, BusyKind, RemoteCalendar, RemoteObject
from booking_app.sync.problems import Code, Problem
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.table import opener
from tests.factories import at, make_calendar, make_person
from tests.integration.test_workers import until
from tests.office import cells, event, make_office
from tests.rows import change
from tests.simulators.hostile import Hostile, hostile, listing, silent


def real_accounts(ctx: Context) -> Accounts:
    return Accounts(ctx.sealer, opener(AddressPolicy(allow_private=True, allow_http=True), expand_inline))


async def join(ctx: Context, accounts: Accounts, person: int, server: Hostile, username: str = "u") -> str:
    return await connect.connect(
        ctx, accounts, bookable_id=person, preset="other", address=server.url, username=username, secret="s"
    )


async def test_of_five_thousand_calendars_with_long_names_a_page_shows_some_and_says_so(ctx: Context) -> None:
    person, accounts = await make_person(ctx), real_accounts(ctx)
    with hostile(listing(5_000, "x" * 2_000)) as server:
        await join(ctx, accounts, person, server)
        (view,) = await calendars.connections_of(ctx, person)
        used = view.calendars[7].uid
        await connect.choose(ctx, bookable_id=person, blocks=[used], target=None)
        await connect.test_connection(ctx, accounts, bookable_id=person, connection_uid=view.uid)
        await accounts.close()
    (after,) = await calendars.connections_of(ctx, person)
    assert len(view.calendars) == limits.LISTED
    assert used in [each.uid for each in after.calendars]
    assert after.unlisted == 5_000 - len(after.calendars)
    shown = card(after, 0, 600)
    assert "4,899 more calendars" in shown.more
    assert "by its own address" in shown.more
    assert len(json.dumps(asdict(shown))) < 60_000


async def test_one_account_more_than_can_be_is_refused_before_it_is_tried(ctx: Context) -> None:
    person, accounts = await make_person(ctx), real_accounts(ctx)
    for _ in range(limits.ACCOUNTS):
        await make_calendar(ctx, person)
    with hostile(listing(1)) as server:
        with pytest.raises(Invalid, match="Disconnect one first") as caught:
            await join(ctx, accounts, person, server)
        assert (caught.value.field, server.asked) == ("address", [])
        await change(ctx, "DELETE FROM connection WHERE id = (SELECT min(id) FROM connection)")
        await join(ctx, accounts, person, server)
        await accounts.close()


async def test_one_calendar_more_than_can_block_is_refused(ctx: Context) -> None:
    office = await make_office(ctx)
    connection = (await office.connection()).id
    await change(
        ctx,
        "INSERT INTO calendar (uid, connection_id, bookable_id, remote_id, name, can_write, blocks, target, due_at,"
        " failures, trouble, stopped, problems) SELECT gen_random_uuid(), :connection, :person, n::text, n::text, true,"
        " false, false, now(), 0, '', false, 0 FROM generate_series(1, 60) AS n",
        connection=connection,
        person=office.person,
    )
    uids = [str(row[0]) for row in await cells(ctx, "SELECT uid FROM calendar ORDER BY id")]
    await connect.choose(ctx, bookable_id=office.person, blocks=uids[: limits.BLOCKING], target=None)
    with pytest.raises(Invalid, match="Switch one off first") as caught:
        await connect.choose(ctx, bookable_id=office.person, blocks=uids[: limits.BLOCKING + 1], target=None)
    assert caught.value.field == "blocks"
    # Who has more from earlier on can still switch them off.
    await change(ctx, "UPDATE calendar SET blocks = true")
    await connect.choose(ctx, bookable_id=office.person, blocks=uids[:-1], target=None)


async def test_a_person_tries_two_accounts_at_a_time_and_nobody_else_waits(ctx: Context) -> None:
    person, other, accounts = await make_person(ctx), await make_person(ctx, "ben"), real_accounts(ctx)
    with hostile(silent) as hanging, hostile(listing(1)) as server:
        tries = [asyncio.create_task(join(ctx, accounts, person, hanging, f"u{number}")) for number in range(2)]

        async def both() -> bool:
            return len(hanging.asked) >= 2

        await until(both)
        with pytest.raises(Invalid, match="being tried just now"):
            await join(ctx, accounts, person, server)
        await join(ctx, accounts, other, server)
        for each in tries:
            each.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
        await join(ctx, accounts, person, server)
        await accounts.close()


def remote(name: str, remote_id: str = "") -> RemoteCalendar:
    return RemoteCalendar(remote_id=remote_id or f"https://dav.example.com/{name}/", name=name)


def test_the_same_calendars_are_listed_in_whatever_order_they_come() -> None:
    many = [remote(f"{number:03}") for number in range(300)]
    used = {many[299].remote_id}
    kept = limits.listed(many, used)
    assert limits.listed(many[::-1], used) == kept
    assert [each.name for each in kept] == ["299", *(f"{number:03}" for number in range(100))]
    assert limits.listed([remote("x", "https://dav.example.com/" + "x" * 3_000)], ()) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Work", "Work"),
        ("  Two\r\nlines\x00 ", "Two lines"),
        ("\u202eesrever", "esrever"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("x" * 80, "x" * 80),
        ("x" * 2_000, "x" * 79 + "\u2026"),
    ],
)
def test_a_name_is_one_line_of_a_page(given: str, shown: str) -> None:
    assert limits.shown_name(given) == shown


def remote_object(key: str, times: int, first: int = 0) -> RemoteObject:
    busy = tuple(Busy(start=first + 10 * number, end=first + 10 * number + 5) for number in range(times))
    return RemoteObject(key=key, etag="1", uid=key, busy=busy)


def test_what_fits_is_as_it_was() -> None:
    some = [remote_object("a", 60), remote_object("b", 40), remote_object("c", 0)]
    assert limits.fitted(some, 100) == some


def test_of_too_many_times_the_densest_events_block_as_unreadable() -> None:
    dense = [remote_object(f"dense{number}", 40 + number, first=1_000 * number) for number in range(3)]
    others = [remote_object("weekly", 10), remote_object("once", 1), remote_object("free", 0)]
    found = limits.fitted([others[0], *dense, *others[1:]], 100)
    assert [each.key for each in found] == ["weekly", "dense0", "dense1", "dense2", "once", "free"]
    # Half of the room is left for what comes later.
    assert limits.blocks(found) <= 100 // 2 + 1
    assert [found[0], *found[4:]] == others
    for before, after in zip(dense[1:], found[2:4], strict=True):
        assert after.busy == (Busy(start=before.busy[0].start, end=before.busy[-1].end, kind=BusyKind.UNCERTAIN),)
        assert after.problems == (Problem(Code.TOO_MUCH_WORK, before.busy[0].start),)


def test_single_events_stand_however_little_room_there_is() -> None:
    singles = [remote_object(str(number), 1, first=number) for number in range(50)]
    found = limits.fitted([*singles, remote_object("series", 5)], 0)
    assert found[:-1] == singles
    assert len(found[-1].busy) == 1


def test_gathering_never_holds_more_than_its_room_and_one_share() -> None:
    gathered = limits.Gathered(100)
    for number in range(40):
        gathered.add([remote_object(f"{number}-{each}", 20) for each in range(3)])
        assert limits.blocks(gathered.objects) <= max(100, len(gathered.objects) + 50)
    assert len({each.key for each in gathered.objects}) == 120


FROM = at("2027-03-02 09:00")


def daily(uid: str, count: int, first: int = FROM) -> bytes:
    return event(uid, first, first + 900, extra=(f"RRULE:FREQ=DAILY;COUNT={count}",))


async def unread_codes(ctx: Context) -> list[tuple[str, int | None]]:
    found = await cells(ctx, "SELECT problems FROM unread_object ORDER BY key")
    return [(code, instant) for (problems,) in found for code, instant in problems]


async def test_a_calendar_that_blocks_too_often_blocks_from_the_date_of_its_densest_event(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCKS", 100)
    office = await make_office(ctx)
    office.server.store(office.remote_id, "a.ics", daily("a@else", 90))
    office.add_event("once", FROM - 7_200, FROM - 3_600)
    await office.read()
    assert len(await office.blocks()) == 91
    # What is held counts beside what comes, one read after the other.
    office.server.store(office.remote_id, "b.ics", daily("b@else", 20, FROM + 7_200))
    await office.read()
    last = FROM + 7_200 + 19 * 86_400 + 900
    assert [each for each in await office.blocks() if each[1] - each[0] > 3_600] == [(FROM + 7_200, last)]
    assert len(await office.blocks()) == 92
    assert await unread_codes(ctx) == [("too-much-work", FROM + 7_200)]
    # The same event is not counted twice; with less in the calendar it is read as it is.
    office.server.store(office.remote_id, "a.ics", daily("a@else", 70))
    office.server.store(office.remote_id, "b.ics", daily("b@else", 25, FROM + 7_200))
    await office.read()
    assert len(await office.blocks()) == 96
    assert await unread_codes(ctx) == []


async def test_the_calendars_of_an_account_have_their_room_together(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCKS_OF_ACCOUNT", 100)
    office, other = await make_office(ctx), await make_office(ctx, slug="ben", service=False)
    home = office.remote_id.replace("/work/", "/home/")
    ((home_id,),) = await cells(ctx, "SELECT id FROM calendar WHERE remote_id = :home", home=home)
    await change(ctx, "UPDATE calendar SET blocks = true WHERE id = :id", id=home_id)
    office.server.store(home, "a.ics", daily("a@else", 90))
    await pull.pull(ctx, office.accounts, office.policy, home_id)
    for each in (office, other):
        each.server.store(each.remote_id, "b.ics", daily("b@else", 20))
        await each.read()
    assert len(await office.blocks()) == 91
    assert len(await other.blocks()) == 20
    assert await unread_codes(ctx) == [("too-much-work", FROM)]
