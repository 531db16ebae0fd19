"""What providers tell us over HTTP: verified, noted, answered alike; at most one early read comes of anything."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from booking_app import runtime
from booking_app.api.app import create_api
from booking_app.api.protection import BODY_LIMIT
from booking_app.api.webhooks import MOST_ITEMS
from booking_app.db.tables import Calendar, Channel, Connection
from booking_app.feed import listening
from booking_app.services import calendars
from booking_app.services.context import Context
from booking_app.services.notices import ALL_STRANGERS, STRANGERS
from booking_app.sync import channels
from booking_app.sync.channel_plan import digest
from booking_app.sync.model import CalendarRef, Delta, Known
from booking_app.sync.providers.memory import MemoryProvider
from tests.conftest import Clock
from tests.factories import at
from tests.integration.test_api import settings
from tests.office import cells
from tests.push_office import (
    PushOffice,
    Standing,
    google_headers,
    make_push_office,
    microsoft_event,
    microsoft_item,
    push,
)

VENDORS = pytest.mark.parametrize("provider", ["google", "microsoft"])
STATUS = {"google": 204, "microsoft": 202}
_LOCK = text("SELECT 1 FROM calendar WHERE id = :id FOR NO KEY UPDATE")
GOOGLE, MICROSOFT = "/api/webhooks/google", "/api/webhooks/microsoft"
NINE, TEN, ELEVEN = at("2027-03-02 09:00"), at("2027-03-02 10:00"), at("2027-03-02 11:00")


@pytest.fixture
async def client(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole API of a program whose workers stand still."""
    given = settings(database_url, tmp_path, trusted_proxy_hops=1)
    async with runtime.built(given, now=clock, elapsed=clock.elapsed) as program:
        monkeypatch.setattr(runtime, "_running", [program])
        transport = httpx.ASGITransport(app=create_api())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def make_open(ctx: Context, clock: Clock, provider: str) -> tuple[PushOffice, Standing]:
    """An office with a channel, a while after its last read."""
    office = await make_push_office(ctx, provider)
    await office.keep()
    clock.advance(seconds=5)
    return office, office.pushes.all()[0]


def is_plain(answer: httpx.Response, provider: str) -> bool:
    """What every message is answered, whatever it was."""
    return (answer.status_code, answer.content) == (STATUS[provider], b"") and "set-cookie" not in answer.headers


# What a push does


@VENDORS
async def test_a_push_makes_the_calendar_due_at_once(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office, standing = await make_open(ctx, clock, provider)
    office.add_event("dentist", NINE, TEN)
    assert await office.read_due() == 0
    assert is_plain(await push(client, provider, standing), provider)
    assert (await office.calendar()).due_at == clock()
    assert await office.read_due() == 1
    assert await _blocks(office) == [(NINE, TEN)]
    calendar = await office.calendar()
    assert (calendar.verified_at, calendar.changed_at, calendar.pushed_at) == (clock(), clock(), None)


async def test_a_push_wakes_the_readers_of_every_process(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, standing = await make_open(ctx, clock, "google")
    heard: list[tuple[str, frozenset[int]]] = []
    hub = runtime.current().hub
    hub.tell_first(lambda change: heard.append((change.topic, change.ids)))
    async with listening(runtime.current().settings.database_url, hub):
        await push(client, "google", standing)
        async with asyncio.timeout(20):
            while not heard:
                await asyncio.sleep(0.01)
    assert heard == [("due", frozenset({office.work.id}))]


async def test_a_push_for_an_account_concerns_all_its_calendars_that_are_used(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    assert is_plain(await push(client, "microsoft", standing), "microsoft")
    assert (await office.calendar()).due_at == clock()
    assert (await office.calendar(office.home)).pushed_at is None
    await office.use(office.work, office.home)
    await office.read_due()
    clock.advance(seconds=20)
    await push(client, "microsoft", standing)
    assert (await office.calendar(office.home)).due_at == clock()


async def test_a_push_during_a_read_is_followed_by_one_more_read(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    office.add_event("dentist", NINE, TEN)
    await push(client, "google", standing)
    asked = MemoryProvider.changes
    pushed = 0

    async def changes(
        self: MemoryProvider, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        nonlocal pushed
        delta = await asked(self, calendar, cursor=cursor, known=known, window=window)
        if not pushed:
            # The answer is on its way when somebody changes something else, of which we are told three times.
            office.add_event("lunch", TEN, ELEVEN)
            for _ in range(3):
                pushed += 1
                await push(client, "google", standing)
        return delta

    monkeypatch.setattr(MemoryProvider, "changes", changes)
    assert await office.read_due() == 2
    calendar = await office.calendar()
    assert calendar.due_at > clock() + timedelta(seconds=10)
    assert len(office.server.read(office.work.remote_id)) == 2
    assert (await _blocks(office)) == [(NINE, TEN), (TEN, ELEVEN)]


async def _blocks(office: PushOffice) -> list[tuple[int, int]]:
    found = await cells(
        office.ctx,
        "SELECT extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint FROM busy_block ORDER BY 1",
    )
    return [(row[0], row[1]) for row in found]


@VENDORS
async def test_each_change_is_read_at_once_however_soon_they_follow(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office, standing = await make_open(ctx, clock, provider)
    for number in range(10):
        clock.advance(seconds=1)
        office.add_event(f"event-{number}", NINE + number * 900, NINE + number * 900 + 900)
        await push(client, provider, standing)
        assert await office.read_due() == 1
    assert len(await _blocks(office)) == 10


async def test_a_pause_that_the_provider_asked_for_is_kept(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    later = clock() + timedelta(minutes=5)
    await office.set(office.work, failures=1, due_at=later)
    await push(client, "google", standing)
    assert (await office.calendar()).due_at == later


# What changes nothing


@VENDORS
@pytest.mark.parametrize("messages", [1, 1000])
async def test_a_flood_brings_at_most_one_early_read(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str, messages: int
) -> None:
    office, standing = await make_open(ctx, clock, provider)
    started = clock()
    answers = []
    for _ in range(messages):
        clock.advance(seconds=11 / messages)
        answers.append(await push(client, provider, standing))
        await office.read_due()
    assert all(is_plain(each, provider) for each in answers)
    assert len(office.reads) == 1
    # In a minute of it: one early read each read interval.
    while clock() < started + timedelta(seconds=60):
        clock.advance(seconds=0.5)
        await push(client, provider, standing)
        await office.read_due()
    assert len(office.reads) <= 60 / office.policy.hot + 1


@VENDORS
async def test_repeated_and_reordered_messages_bring_one_early_read(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office, standing = await make_open(ctx, clock, provider)
    sent = [google_headers(standing) for _ in range(20)]
    random.Random(3).shuffle(sent)
    for headers in sent * 3:
        clock.advance(seconds=0.1)
        if provider == "google":
            await client.post(GOOGLE, headers=headers)
        else:
            await client.post(MICROSOFT, json={"value": [microsoft_item(standing)]})
        await office.read_due()
    assert len(office.reads) == 1
    [row] = await office.channels()
    assert row.last_number == (standing.number if provider == "google" else 0)


async def test_a_message_that_is_not_newer_than_another_is_stale(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    old = google_headers(standing)
    await client.post(GOOGLE, headers=google_headers(standing))
    await office.read_due()
    due = (await office.calendar()).due_at
    clock.advance(seconds=30)
    assert is_plain(await client.post(GOOGLE, headers=old), "google")
    assert (await office.calendar()).due_at == due


def forged(standing: Standing) -> list[dict[str, str]]:
    """Messages that are not of the channel, in every way that comes to mind."""
    good = google_headers(standing)
    return [
        good | {"X-Goog-Channel-Token": standing.secret + "x"},
        good | {"X-Goog-Channel-Token": standing.secret[:-1]},
        good | {"X-Goog-Channel-Token": ""},
        good | {"X-Goog-Channel-Token": "x" * 5000},
        {name: value for name, value in good.items() if name != "X-Goog-Channel-Token"},
        good | {"X-Goog-Channel-ID": str(uuid4())},
        good | {"X-Goog-Channel-ID": "nonsense' OR 1=1 --"},
        good | {"X-Goog-Channel-ID": ""},
        good | {"X-Goog-Message-Number": "-1"},
        good | {"X-Goog-Message-Number": "0"},
        good | {"X-Goog-Message-Number": "9" * 40},
        good | {"X-Goog-Message-Number": "²"},
        {},
    ]


async def test_forged_messages_of_google_change_nothing(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, standing = await make_open(ctx, clock, "google")
    before = await _state(office)
    for headers in forged(standing):
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        assert is_plain(await client.post(GOOGLE, headers=raw), "google"), headers
    assert await _state(office) == before
    assert (await office.app()).pushed_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"value": 1}',
        b'{"value": [1, null, "x", [], {}]}',
        b'{"value": [{"clientState": 5, "subscriptionId": {}}]}',
        b'{"value": [{"clientState": "\\ud800.x"}]}',
        b'{"value": [{"clientState": "' + b"0" * 32 + b'.x", "subscriptionId": "\\u0000"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_what_is_no_notification_changes_nothing(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, body: bytes
) -> None:
    office, _ = await make_open(ctx, clock, "microsoft")
    before = await _state(office)
    assert is_plain(await client.post(MICROSOFT, content=body), "microsoft")
    assert await _state(office) == before


async def test_each_item_of_a_batch_is_verified_by_itself(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    bad = microsoft_item(standing, clientState=standing.secret[:-1] + "!")
    before = await _state(office)
    assert is_plain(await client.post(MICROSOFT, json={"value": [bad] * 3}), "microsoft")
    assert await _state(office) == before
    batch = [bad, microsoft_item(standing), microsoft_event(standing, "surprise")]
    assert is_plain(await client.post(MICROSOFT, json={"value": batch}), "microsoft")
    assert (await office.calendar()).due_at == clock()


async def test_a_batch_of_a_thousand_is_taken_whole(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    item = microsoft_item(standing, resourceData={"@odata.id": f"Users/{'A' * 70}/Events/{'B' * 160}", "id": "B" * 160})
    batch = json.dumps({"value": [item] * MOST_ITEMS})
    assert len(batch) > 700 * MOST_ITEMS
    assert is_plain(await client.post(MICROSOFT, content=batch), "microsoft")
    assert (await office.calendar()).due_at == clock()


async def test_a_secret_of_one_provider_opens_nothing_at_the_other(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    before = await _state(office)
    assert is_plain(await client.post(MICROSOFT, json={"value": [microsoft_item(standing)]}), "microsoft")
    assert await _state(office) == before


async def test_a_greeting_only_shows_that_the_address_works(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    due = (await office.calendar()).due_at
    assert is_plain(await client.post(GOOGLE, headers=google_headers(standing, state="sync")), "google")
    calendar = await office.calendar()
    assert (calendar.due_at, calendar.pushed_at) == (due, None)
    assert (await office.app()).pushed_at == clock()


async def test_a_channel_that_is_closed_says_nothing_more(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    assert is_plain(await client.post(GOOGLE, headers=google_headers(standing, state="sync")), "google")
    await office.use(office.home)
    await channels.settle(ctx, office.accounts)
    before = await office.calendar()
    await push(client, "google", standing)
    assert (await office.calendar()).due_at == before.due_at
    await office.keep()
    assert is_plain(await push(client, "google", standing), "google")


async def _state(office: PushOffice) -> list[tuple[object, ...]]:
    """All that a message could have changed."""
    calendar = await cells(office.ctx, "SELECT due_at, pushed_at, lease_until FROM calendar ORDER BY id")
    channel = await cells(office.ctx, "SELECT state, due_at, last_number, notified_at FROM channel ORDER BY id")
    return [*calendar, *channel]


async def test_strangers_cost_a_look_up_now_and_then_and_else_one_hash(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    await push(client, "google", standing)
    statements: list[str] = []
    engine = runtime.current().sessions.kw["bind"]
    assert isinstance(engine, AsyncEngine)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for number in range(2 * STRANGERS):
        headers = google_headers(standing) | {"X-Goog-Channel-ID": str(uuid4()), "X-Forwarded-For": "192.0.2.1"}
        await client.post(GOOGLE, headers=headers)
        # Somebody who knows the name of a channel but not its secret costs nothing in the database at all.
        headers = google_headers(standing) | {"X-Goog-Channel-Token": f"wrong-{number}"}
        await client.post(GOOGLE, headers=headers)
    assert len(statements) == STRANGERS
    for number in range(2 * ALL_STRANGERS):
        headers = google_headers(standing) | {
            "X-Goog-Channel-ID": str(uuid4()),
            "X-Forwarded-For": f"198.51.{number // 250}.{number % 250}",
        }
        await client.post(GOOGLE, headers=headers)
    assert len(statements) <= ALL_STRANGERS
    # The provider itself, whose channel is known, is not kept out by them.
    clock.advance(seconds=20)
    await office.read_due()
    await push(client, "google", standing)
    assert (await office.calendar()).due_at == clock()


async def colleagues(office: PushOffice, number: int) -> list[str]:
    """So many more accounts with a channel each; the secrets of these."""
    secrets = []
    async with office.ctx.sessions.begin() as db:
        for name in range(number):
            uid = uuid4()
            secrets.append(f"{uid.hex}.{name}")
            other = Connection(
                bookable_id=office.person, provider=office.provider, label="other", username=f"o{name}", secret=b""
            )
            db.add(other)
            await db.flush()
            account = other.id or 0
            calendar = Calendar(
                connection_id=account,
                bookable_id=office.person,
                remote_id=f"memory://o{name}/work/",
                name="work",
                blocks=True,
                due_at=office.ctx.now() + timedelta(hours=1),
            )
            channel = Channel(
                uid=uid,
                connection_id=account,
                secret_hash=digest(secrets[-1]),
                remote_id=f"sub{name}",
                state="open",
                due_at=office.ctx.now() + timedelta(days=1),
            )
            db.add_all([calendar, channel])
    return secrets


async def test_a_batch_costs_as_many_statements_as_a_single_message(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    secrets = await colleagues(office, 49)
    strange = [microsoft_item(standing, clientState=f"{uuid4().hex}.strange") for _ in range(10)]
    statements: list[str] = []
    engine = runtime.current().sessions.kw["bind"]
    assert isinstance(engine, AsyncEngine)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert is_plain(await client.post(MICROSOFT, json={"value": [microsoft_item(standing)]}), "microsoft")
    alone = len(statements)
    statements.clear()
    clock.advance(minutes=1)
    await office.read_due()
    statements.clear()
    batch = [*strange, microsoft_item(standing), *(microsoft_item(standing, clientState=each) for each in secrets)]
    assert is_plain(await client.post(MICROSOFT, json={"value": batch}), "microsoft")
    assert len(statements) <= alone
    late = "SELECT count(*) FROM calendar WHERE blocks AND due_at > :now"
    assert await cells(office.ctx, late, now=clock()) == [(0,)]


async def test_many_genuine_channels_are_no_strangers(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, standing = await make_open(ctx, clock, "google")
    notices = runtime.current().notices
    for _ in range(2 * STRANGERS):
        notices._doors.clear()
        assert is_plain(await push(client, "google", standing), "google")
    [row] = await office.channels()
    assert row.last_number == standing.number


async def test_the_body_of_a_request_is_limited(client: httpx.AsyncClient) -> None:
    answer = await client.post(MICROSOFT, content=b" " * (BODY_LIMIT + 1))
    assert answer.status_code == 413


# Handshake and lifecycle


@pytest.mark.parametrize(
    ("encoded", "token"),
    [
        ("abc", b"abc"),
        (
            "Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+522a8e7e",
            b"Validation: Testing client application reachability for subscription Request-Id: 522a8e7e",
        ),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", b"<script>alert(1)</script>"),
        ("a%2Bb%20c%26d%3De", b"a+b c&d=e"),
        ("%C3%A9%E2%82%AC", "é€".encode()),
        ("%ff%00", b"\xff\x00"),
        ("", b""),
    ],
)
async def test_the_handshake_gives_the_token_back_byte_by_byte(
    client: httpx.AsyncClient, encoded: str, token: bytes
) -> None:
    address = httpx.URL("http://test" + MICROSOFT, query=f"a=1&validationToken={encoded}".encode())
    answer = await client.post(address, headers={"Content-Type": "text/plain; charset=utf-8"})
    assert (answer.status_code, answer.content) == (200, token)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_handshake_takes_no_token_without_end(client: httpx.AsyncClient) -> None:
    answer = await client.post(MICROSOFT, params={"validationToken": "x" * 4000})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_addresses_take_nothing_but_messages(client: httpx.AsyncClient) -> None:
    for address in (GOOGLE, MICROSOFT, MICROSOFT + "?validationToken=x"):
        assert (await client.get(address)).status_code in (404, 405)


async def test_a_subscription_that_has_to_be_reauthorized_is_extended_once(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    clock.advance(hours=1)
    due = (await office.calendar()).due_at
    for _ in range(5):
        said = {"value": [microsoft_event(standing, "reauthorizationRequired")]}
        assert is_plain(await client.post(MICROSOFT, json=said), "microsoft")
        await office.keep()
    assert [verb for verb, _ in office.pushes.calls] == ["open", "extend"]
    assert (await office.calendar()).due_at == due


async def test_a_subscription_that_was_removed_is_opened_anew_and_its_calendars_are_read(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    await office.use(office.work, office.home)
    await office.read_due()
    clock.advance(seconds=20)
    office.pushes.standing.clear()
    said = {"value": [microsoft_event(standing, "subscriptionRemoved")] * 2}
    for _ in range(3):
        assert is_plain(await client.post(MICROSOFT, json=said), "microsoft")
    assert (await office.calendar()).due_at == (await office.calendar(office.home)).due_at == clock()
    await office.keep()
    [row] = await office.channels()
    assert (row.state, row.remote_id) == ("open", office.pushes.all()[0].remote_id)
    assert row.remote_id != standing.remote_id
    assert [verb for verb, _ in office.pushes.calls].count("open") == 2


async def test_missed_messages_are_made_up_for_by_a_read(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, standing = await make_open(ctx, clock, "microsoft")
    await client.post(MICROSOFT, json={"value": [microsoft_event(standing, "missed")]})
    assert (await office.calendar()).due_at == clock()


# First messages, lost answers, renewal


@VENDORS
async def test_the_first_message_may_come_before_the_answer(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office = await make_push_office(ctx, provider)
    clock.advance(seconds=5)

    async def early(standing: Standing) -> None:
        assert is_plain(await push(client, provider, standing), provider)

    office.pushes.before_answer = early
    await office.keep()
    assert (await office.calendar()).due_at == clock()
    assert await office.states() == ["open"]


@VENDORS
async def test_a_channel_whose_answer_was_lost_is_closed_once_a_message_names_it(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office = await make_push_office(ctx, provider)

    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    office.pushes.after_answer = die
    with pytest.raises(Died):
        await office.keep()
    office.pushes.after_answer = None
    [lost] = office.pushes.all()
    clock.advance(seconds=channels.LEASE.total_seconds() + 1)
    await office.keep()
    [_, left] = office.pushes.all()
    await office.read_due()
    office.reads.clear()
    clock.advance(seconds=20)
    # Both deliver: it is one early read all the same.
    await push(client, provider, left)
    await push(client, provider, lost)
    assert await office.read_due() == 1
    await office.keep()
    assert office.pushes.all() == [left]
    assert await office.states() == ["open"]


async def test_during_a_renewal_both_channels_count(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    office, old = await make_open(ctx, clock, "google")
    clock.advance(days=6)
    await office.read_due()
    office.reads.clear()

    async def between(new: Standing) -> None:
        for standing in (old, new):
            office.add_event(f"event-{standing.uid}", NINE, TEN)
            clock.advance(seconds=1)
            await push(client, "google", standing)
            assert await office.read_due() == 1

    office.pushes.before_answer = between
    await office.keep()
    assert len(office.reads) == 2


@VENDORS
async def test_p06_p08_losing_every_message_leaves_the_regular_read(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, provider: str
) -> None:
    office, _ = await make_open(ctx, clock, provider)
    await office.set(office.work, hot_until=clock() + timedelta(hours=1))
    office.add_event("dentist", NINE, TEN)
    began = clock()
    while not await _blocks(office):
        clock.advance(seconds=1)
        await office.read_due()
    assert clock() - began <= timedelta(seconds=office.policy.hot + 1)
    figures = (await calendars.sync_page(ctx)).figures
    assert figures.without_push == 1.0


async def test_the_share_of_changes_without_a_push_is_measured(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    assert (await calendars.sync_page(ctx)).figures.without_push is None
    for number in range(4):
        clock.advance(seconds=70)
        office.add_event(f"event-{number}", NINE + number * 900, NINE + number * 900 + 900)
        if number:
            await push(client, "google", standing)
        await office.read_due()
    assert (await calendars.sync_page(ctx)).figures.without_push == 0.25


async def test_that_pushes_arrive_is_noted_at_most_once_a_minute(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    seen = set()
    for _ in range(13):
        await push(client, "google", standing)
        seen.add((await office.app()).pushed_at)
        clock.advance(seconds=10)
    assert len(seen) == 3


async def test_a_calendar_that_is_being_stored_keeps_nobody_waiting(
    ctx: Context, clock: Clock, client: httpx.AsyncClient
) -> None:
    office, standing = await make_open(ctx, clock, "google")
    async with ctx.sessions.begin() as db:
        await db.execute(_LOCK, {"id": office.work.id})
        async with asyncio.timeout(20):
            for _ in range(5):
                assert is_plain(await push(client, "google", standing), "google")
    await runtime.current().notices.close()
    assert (await office.calendar()).due_at == clock()


async def test_a_database_that_is_too_busy_asks_the_provider_to_come_again(
    ctx: Context, clock: Clock, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, standing = await make_open(ctx, clock, "google")
    await client.post(GOOGLE, headers=google_headers(standing))

    def busy() -> None:
        raise PoolTimeout("no connection is free")

    monkeypatch.setattr(runtime.current().notices._ctx.sessions, "begin", busy)
    answer = await client.post(GOOGLE, headers=google_headers(standing))
    assert answer.status_code == 503


async def test_counters_say_what_became_of_messages(ctx: Context, clock: Clock, client: httpx.AsyncClient) -> None:
    _, standing = await make_open(ctx, clock, "google")
    await push(client, "google", standing)
    await client.post(GOOGLE, headers=google_headers(standing) | {"X-Goog-Channel-Token": "x"})
    shown = (await client.get("/metrics")).text
    for outcome in ("taken", "refused"):
        assert f'booking_app_notices_total{{outcome="{outcome}",provider="google"}}' in shown
    assert 'booking_app_notice_seconds_count{provider="google"}' in shown
    assert standing.secret not in shown
    assert json.dumps(standing.uid) not in shown
