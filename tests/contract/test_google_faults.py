"""Google on a bad day: quotas, dead cursors, broken pages, lost answers. And what it is never asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booking_app.domain.appointment import ConnectionState
from booking_app.sync import vendors
from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    EditConflict,
    Gone,
    ProviderRefused,
    Rejected,
    Transient,
)
from booking_app.sync.model import Delta, Mode
from booking_app.sync.policy import setback
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.budget import Bucket, Budget, a_minute
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.google import GoogleProvider
from booking_app.sync.providers.google_write import id_for
from tests.contract.backends import LOCAL, OWNER, ZONE, Backend, Lent, google_backend
from tests.contract.test_reading import WINDOW, read, times
from tests.contract.test_writing import make_draft
from tests.known import holding
from tests.simulators.google.errors import ApiError, api_disabled, backend, scope_missing
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import CalendarApp, GoogleWorld
from tests.unit.test_google_sync import act

DAY = datetime(2027, 3, 10, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleWorld]:
    with google_simulator() as world:
        yield world


@pytest.fixture
def world(running: GoogleWorld) -> Iterator[GoogleWorld]:
    clock = running.panel.clock
    yield running
    running.panel.clock = clock
    running.panel.heal()
    running.page_cap, running.empty_every = None, 0
    running.freebusy_errors.clear()


@pytest.fixture
def google(world: GoogleWorld) -> Backend:
    return google_backend(world)


@pytest.fixture
async def provider(google: Backend) -> AsyncIterator[CalendarProvider]:
    opened = google.open()
    yield opened
    await opened.close()


def app_of(world: GoogleWorld) -> CalendarApp:
    return world.user(OWNER).calendar()


def timed(start: datetime = DAY, minutes: int = 60, **fields: Any) -> dict[str, Any]:
    ends = start + timedelta(minutes=minutes)
    return {
        "summary": "Planted secret",
        "description": "Planted secret",
        "location": "Planted secret",
        "start": {"dateTime": start.isoformat(), "timeZone": ZONE},
        "end": {"dateTime": ends.isoformat(), "timeZone": ZONE},
    } | fields


def span(start: datetime, minutes: int = 60) -> tuple[int, int]:
    return int(start.timestamp()), int((start + timedelta(minutes=minutes)).timestamp())


async def test_p09_a_thousand_events_in_small_pages_arrive_all_or_not_at_all(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app = app_of(world)
    for number in range(1000):
        app.put(timed(DAY + timedelta(minutes=5 * number), 5), quiet=True)
    world.page_cap, world.empty_every = 10, 7
    world.break_quota("429", after=36)
    with pytest.raises(Transient):
        await read(provider, google)
    delta = await read(provider, google)
    assert len(delta.objects) == 1000
    assert len(times(*delta.objects)) == 1000


@pytest.mark.parametrize(("shape", "least"), [("user-403", 5), ("project-403", 5), ("429", 5), ("abuse-403", 3600)])
async def test_p41_every_shape_of_a_quota_is_waited_out_and_costs_nobody_the_account(
    world: GoogleWorld, provider: CalendarProvider, google: Backend, shape: str, least: float
) -> None:
    world.break_quota(shape)
    with pytest.raises(Transient) as caught:
        await read(provider, google)
    what = setback(caught.value, 1)
    assert what.state is ConnectionState.SLOWED
    assert least <= what.wait < 2 * least
    assert (await read(provider, google)).full


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (backend(), Transient),
        (ApiError(503, "backendError", "later", headers={"Retry-After": "17"}), Transient),
        (scope_missing(), AccessLost),
        (api_disabled(), ProviderRefused),
        (ApiError(403, "forbidden", "no"), AccessLost),
    ],
)
async def test_p26_an_error_is_never_gone(
    world: GoogleWorld, provider: CalendarProvider, google: Backend, error: ApiError, meaning: type[Exception]
) -> None:
    written = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    before = await read(provider, google)
    attempts: tuple[Callable[[CalendarProvider], Awaitable[object]], ...] = (
        lambda asked: asked.get(google.calendar, key=written.key),
        lambda asked: asked.find(google.calendar, uid=make_draft().uid),
        lambda asked: read(asked, google, before),
        lambda asked: read(asked, google),
        lambda asked: asked.remove(google.calendar, key=written.key, etag=written.etag),
    )
    for attempt in attempts:
        world.refuse(error)
        asked = google.open()
        with pytest.raises(meaning) as caught:
            await attempt(asked)
        await asked.close()
        if error.headers.get("Retry-After"):
            assert isinstance(caught.value, Transient)
            assert caught.value.retry_after == 17
    assert await provider.get(google.calendar, key=written.key) is not None


async def test_p41_an_account_that_is_told_to_wait_sends_nothing_until_then(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    world.refuse(ApiError(429, "rateLimitExceeded", "slower", headers={"Retry-After": "4"}))
    with pytest.raises(Transient):
        await provider.list_calendars()
    world.panel.requests.clear()
    for _ in range(3):
        with pytest.raises(Transient) as caught:
            await provider.put(google.calendar, make_draft(), key=None, etag=None)
        assert 0 < (caught.value.retry_after or 0) <= 4
    assert not world.panel.requests
    await asyncio.sleep(caught.value.retry_after or 0)
    assert await provider.list_calendars()


@pytest.mark.parametrize(
    "how", [{"drop": "before"}, {"cut": 0.5}, {"truncate": 0.5}, {"status": 200, "body": b"<html>"}]
)
async def test_p17_an_answer_that_breaks_off_or_is_no_answer_is_a_disturbance(
    world: GoogleWorld, provider: CalendarProvider, google: Backend, how: dict[str, Any]
) -> None:
    app_of(world).put(timed())
    world.panel.fault("GET", "/events$", times=2, **how)
    with pytest.raises(Transient):
        await read(provider, google)


async def test_a_dead_cursor_is_named_and_the_next_read_is_whole(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app_of(world).put(timed())
    before = await read(provider, google)
    world.expire_sync_tokens()
    with pytest.raises(CursorExpired):
        await read(provider, google, before)
    for nonsense in ("", "not json", '{"token": "never", "mode": "full"}', '{"token": "x", "mode": "busy"}'):
        if nonsense:
            with pytest.raises(CursorExpired):
                await provider.changes(google.calendar, cursor=nonsense, known=holding(), window=WINDOW)
    assert len((await read(provider, google)).objects) == 1


async def test_a_full_read_downloads_nothing_that_is_known(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app = app_of(world)
    app.put(timed())
    app.put(timed(recurrence=["RRULE:FREQ=DAILY;COUNT=5"]))
    first = await read(provider, google)
    known = {item.key: item.etag for item in first.objects}
    again = await provider.changes(google.calendar, cursor=None, known=holding(known), window=WINDOW)
    assert (again.objects, again.unchanged, again.full) == ((), frozenset(known), True)


async def test_the_live_look_asks_once_when_nothing_is_busy_and_takes_unknown_for_no_answer(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    window = span(DAY - timedelta(hours=9), 24 * 60)
    world.panel.requests.clear()
    assert await provider.busy_now(google.calendar, window=window) == ()
    assert [each.path.rpartition("/")[2] for each in world.requests] == ["freeBusy"]
    world.freebusy_errors[google.calendar.remote_id] = "internalError"
    with pytest.raises(Transient):
        await provider.busy_now(google.calendar, window=window)
    world.freebusy_errors.clear()
    written = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    app_of(world).put(timed(DAY, 90))
    found = await provider.busy_now(google.calendar, window=window)
    assert written.key == id_for(make_draft().uid)
    assert {uid for uid, _ in found} >= {make_draft().uid}
    assert (make_draft().uid, make_draft().start, make_draft().end) in {
        (uid, each.start, each.end) for uid, each in found
    }
    assert span(DAY, 90) in {(each.start, each.end) for uid, each in found if uid != make_draft().uid}
    world.refuse(scope_missing(), path="freeBusy$", times=None)
    assert await provider.busy_now(google.calendar, window=window) == found


async def test_what_free_busy_knows_and_the_list_does_not_explain_blocks(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    window = span(DAY - timedelta(hours=9), 24 * 60)
    app_of(world).put(timed())
    body = {"kind": "calendar#events", "items": []}
    world.panel.fault("GET", "/events$", status=200, body=body)
    found = await provider.busy_now(google.calendar, window=window)
    assert [(uid, (each.start, each.end)) for uid, each in found] == [("", span(DAY))]


async def test_p28_the_id_of_a_deleted_event_is_brought_back_or_left(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    first = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    await provider.remove(google.calendar, key=first.key, etag=first.etag)
    again = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    assert len(google.app.texts()) == 1
    await provider.remove(google.calendar, key=again.key, etag=again.etag)
    world.refuse(ApiError(403, "forbidden", "no"), method="PATCH")
    with pytest.raises(AccessLost):
        await provider.put(google.calendar, make_draft(), key=None, etag=None)
    world.refuse(ApiError(400, "invalid", "Invalid"), method="PATCH")
    fresh = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    assert fresh.key == id_for(make_draft().uid, 1)
    assert len(google.app.texts()) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_p28_a_lost_answer_makes_no_second_event(
    world: GoogleWorld, provider: CalendarProvider, google: Backend, method: str
) -> None:
    key = etag = None
    if method == "PATCH":
        written = await provider.put(google.calendar, make_draft(), key=None, etag=None)
        key, etag = written.key, written.etag
    draft = make_draft(summary="Later")
    world.panel.fault(method, "/events", drop="after")
    with pytest.raises(Transient):
        await provider.put(google.calendar, draft, key=key, etag=etag)
    written = await provider.put(google.calendar, draft, key=key, etag=etag)
    assert len(google.app.texts()) == 1
    found = await provider.get(google.calendar, key=written.key)
    assert found is not None


async def test_p30_what_was_not_kept_as_written_is_not_called_written(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    draft = make_draft()
    written = await provider.put(google.calendar, draft, key=None, etag=None)
    stored = app_of(world).get(written.key)
    world.panel.fault("PATCH", "/events", status=200, body={"id": written.key, "etag": '"1"'})
    moved = make_draft(start=draft.start + 3600, end=draft.end + 3600)
    with pytest.raises(Rejected):
        await provider.put(google.calendar, moved, key=written.key, etag=written.etag)
    assert app_of(world).get(written.key) == stored


async def test_somebody_elses_event_is_neither_gone_nor_ours(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    name = app_of(world).put(timed())
    with pytest.raises(Rejected):
        await provider.get(google.calendar, key=name)
    app_of(world).delete(name)
    assert await provider.get(google.calendar, key=name) is None
    assert await provider.get(google.calendar, key="neverwas") is None
    with pytest.raises(Gone):
        await provider.put(google.calendar, make_draft(), key="neverwas", etag='"1"')


async def test_p29_p33_reading_writes_nothing_and_writing_mails_nobody(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app_of(world).put(timed(attendees=[{"email": "guest@example.com"}, {"email": OWNER}]))
    world.mails.clear()
    world.panel.requests.clear()
    await provider.list_calendars()
    before = await read(provider, google)
    await read(provider, google, before)
    await provider.busy_now(google.calendar, window=WINDOW)
    assert {each.method for each in world.requests if "freeBusy" not in each.path} == {"GET"}
    written = await provider.put(google.calendar, make_draft(), key=None, etag=None)
    written = await provider.put(google.calendar, make_draft(summary="x"), key=written.key, etag=written.etag)
    with pytest.raises(EditConflict):
        await provider.remove(google.calendar, key=written.key, etag='"0"')
    await provider.remove(google.calendar, key=written.key, etag=written.etag)
    assert world.mails == []


async def test_nothing_is_asked_of_other_events_but_when_they_are(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app = app_of(world)
    app.put(timed(extendedProperties={"private": {"diary": "Planted secret"}}))
    series = app.put(timed(recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"]))
    world.panel.requests.clear()
    first = await read(provider, google)
    app.change(series, recurrence=["RRULE:FREQ=WEEKLY;COUNT=5"])
    second = await read(provider, google, first)
    live = await provider.busy_now(google.calendar, window=WINDOW)
    with pytest.raises(Rejected):
        await provider.get(google.calendar, key=series)
    assert second.objects
    assert "Planted" not in repr((first, second, live))
    asked = [dict(each.query).get("fields", "") for each in world.requests if each.method == "GET"]
    assert all(asked)
    for word in ("summary", "description", "location", "email", "displayName", "htmlLink", "private)", "private,"):
        assert not [fields for fields in asked if word in fields]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("seed", range(20))
async def test_p09_following_the_changes_blocks_what_reading_afresh_blocks(
    world: GoogleWorld, mode: Mode, seed: int
) -> None:
    """Random edits of singles, series and their instances, in small pages."""
    chance = random.Random(seed)
    world.panel.clock = lambda: datetime(2027, 3, 1, 8, tzinfo=UTC)
    google = google_backend(world, mode)
    world.page_cap = chance.choice([None, 1, 3])
    app = app_of(world)
    provider = google.open()
    held: dict[str, list[tuple[int, int]]] = {}
    etags: dict[str, str] = {}
    cursor: str | None = None
    operations = ("put", "series", "series", "move", "rule", "delete", "instance", "instance", "cancel", "decline")
    for _ in range(12):
        for _ in range(chance.randrange(3)):
            act(app, chance.choice(operations), chance.randrange(20), chance.randrange(20))
        delta: Delta = await provider.changes(google.calendar, cursor=cursor, known=holding(etags), window=WINDOW)
        cursor = delta.cursor
        for key in delta.gone:
            held.pop(key, None)
            etags.pop(key, None)
        for item in delta.objects:
            held[item.key] = sorted((busy.start, busy.end) for busy in item.busy)
            etags[item.key] = item.etag
        fresh = await provider.changes(google.calendar, cursor=None, known=holding(), window=WINDOW)
        expected = {item.key: sorted((b.start, b.end) for b in item.busy) for item in fresh.objects if item.busy}
        assert {key: spans for key, spans in held.items() if spans} == expected
    await provider.close()


async def test_busy_times_only_reads_and_never_writes(world: GoogleWorld) -> None:
    google = google_backend(world, Mode.BUSY)
    app = app_of(world)
    app.put(timed())
    app.put(timed(DAY + timedelta(days=1), recurrence=["RRULE:FREQ=DAILY;COUNT=3"]))
    provider = google.open()
    try:
        (listed,) = await provider.list_calendars()
        assert not listed.can_write
        first = await read(provider, google)
        assert times(*first.objects) == [span(DAY + timedelta(days=day)) for day in range(4)]
        assert len(await provider.busy_now(google.calendar, window=WINDOW)) == 4
        app.put(timed(DAY + timedelta(days=9)))
        second = await read(provider, google, first)
        assert times(*second.objects) == [span(DAY + timedelta(days=9))]
        with pytest.raises(Rejected):
            await provider.put(google.calendar, make_draft(), key=None, etag=None)
        known = {item.key: item.etag for item in first.objects}
        later = (span(DAY + timedelta(days=2), 0)[0] + 7200, WINDOW[1])
        moved_on = await provider.changes(google.calendar, cursor=None, known=holding(known), window=later)
        assert len(moved_on.outside) == 3
    finally:
        await provider.close()


async def test_calendars_are_listed_with_their_roles_and_zones(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    user = world.user(OWNER)
    user.add_calendar("Family", zone="America/New_York")
    world.add_user("boss@example.com").calendar().share(OWNER, "writer")
    listed = {each.name: each for each in await provider.list_calendars()}
    assert (listed["Family"].zone, listed["Family"].can_write) == ("America/New_York", True)
    assert listed["boss@example.com"].can_write is False
    assert {address for each in listed.values() for address in each.addresses} == {OWNER}


async def test_a_refused_token_is_replaced_once(
    world: GoogleWorld, google: Backend, provider: CalendarProvider
) -> None:
    refused: list[str] = []

    class Fresh:
        async def token(self) -> str:
            return "stale" if not refused else world.consents.issue(grant)

        async def refused(self, token: str) -> None:
            refused.append(token)

    vendor = vendors.google(world.url)
    grant = world.consents.consent(world.apps["contract"], OWNER, frozenset(vendor.scopes[Mode.FULL]), offline=True)
    budget = Budget(user=a_minute(1000), project=a_minute(1000))
    opened = GoogleProvider(Fresh(), vendor=vendor, mode=Mode.FULL, policy=LOCAL, expand=expand_inline, budget=budget)
    assert await opened.list_calendars()
    assert refused == ["stale"]
    world.consents.expire_access()
    body = {"error": {"code": 401, "errors": [{"domain": "global", "reason": "authError"}]}}
    world.panel.fault("GET", "calendarList", status=401, body=body, times=None)
    with pytest.raises(AccessLost):
        await opened.list_calendars()
    assert len(refused) == 3
    await opened.close()


def test_p41_a_budget_is_kept_by_each_account_and_by_all() -> None:
    project = Bucket(rate=1, size=5, left=5)
    accounts = [Budget(user=Bucket(rate=0.5, size=2, left=2), project=project) for _ in range(4)]
    assert [each.take(0) for each in accounts for _ in range(2)][:5] == [0.0] * 5
    assert accounts[3].take(0) == pytest.approx(1)
    assert accounts[0].take(0) == pytest.approx(2)
    assert accounts[3].take(1) == 0
    assert accounts[0].take(1) > 0
    sent = sum(a.take(second / 10) == 0 for second in range(20, 620) for a in accounts)
    assert sent <= 60 + 5
    assert sent >= 55


async def test_p41_out_of_budget_is_a_wait_and_no_request(world: GoogleWorld, google: Backend) -> None:
    spent = Budget(user=Bucket(rate=0.1, size=1, left=0), project=a_minute(1000))
    opened = GoogleProvider(
        Lent("t"), vendor=vendors.google(world.url), mode=Mode.FULL, policy=LOCAL, expand=expand_inline, budget=spent
    )
    spent.user.at = 1e12
    world.panel.requests.clear()
    with pytest.raises(Transient) as caught:
        await opened.list_calendars()
    assert caught.value.retry_after == pytest.approx(10)
    assert world.requests == []
    await opened.close()


LOOSE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:board@corp
RECURRENCE-ID:20270304T090000Z
DTSTART:20270304T090000Z
DTEND:20270304T100000Z
SUMMARY:Board
END:VEVENT
BEGIN:VEVENT
UID:board@corp
RECURRENCE-ID:20270311T090000Z
DTSTART:20270311T090000Z
DTEND:20270311T100000Z
SUMMARY:Board
END:VEVENT
END:VCALENDAR
"""


async def test_an_invitation_to_one_occurrence_does_not_free_another(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    """Of somebody else's series two occurrences are shown; a round of changes brings only the one that changed."""
    app = app_of(world)
    app.put_ical(LOOSE)
    first = await read(provider, google)
    both = times(*first.objects)
    assert len(both) == 2
    earlier, later = list(app.calendar.events)
    app.change(earlier, attendees=[{"email": OWNER, "responseStatus": "accepted"}])
    second = await read(provider, google, first)
    assert times(*second.objects) == both
    assert not second.gone
    with world.lock:
        app.calendar.cancel(app.calendar.events[earlier])
    with pytest.raises(CursorExpired):
        await read(provider, google, second)  # one that is cancelled does not even say what it belonged to
    known = {each.key: each.etag for each in second.objects}
    third = await provider.changes(google.calendar, cursor=None, known=holding(known), window=WINDOW)
    assert times(*third.objects) == both[1:]
    with world.lock:
        app.calendar.cancel(app.calendar.events[later])
    assert (await read(provider, google)).objects == ()
    (key,) = known
    assert await provider.get(google.calendar, key=key) is None


async def test_p13_the_zone_of_the_calendar_is_told_with_every_read(
    world: GoogleWorld, provider: CalendarProvider, google: Backend
) -> None:
    app = app_of(world)
    app.put({"start": {"date": "2027-03-10"}, "end": {"date": "2027-03-11"}})
    first = await read(provider, google)
    assert first.zone == google.calendar.zone
    app.calendar.zone = "America/Los_Angeles"
    again = await read(provider, google, first)
    assert (again.objects, again.zone) == ((), "America/Los_Angeles")
