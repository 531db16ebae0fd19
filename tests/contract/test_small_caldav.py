"""CalDAV servers unlike those that run here, each as a small strict server with that one difference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from booking_app.sync import limits
from booking_app.sync.errors import Gone, Rejected
from booking_app.sync.model import CalendarRef, Credentials, Delta, RemoteCalendar
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.caldav_read import BATCH
from tests.contract.backends import LOCAL, ref
from tests.contract.test_reading import WINDOW, make_event, times
from tests.contract.test_writing import make_draft
from tests.known import holding
from tests.simulators.caldav_faulty import Answer, Fault, FaultyCaldav, Forward, Request, is_put
from tests.simulators.caldav_small import Collection, SmallCaldav, small_caldav


@pytest.fixture
def server() -> SmallCaldav:
    return SmallCaldav()


@pytest.fixture
def front(server: SmallCaldav) -> Iterator[FaultyCaldav]:
    with small_caldav(server) as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Place:
    provider: CaldavProvider
    calendar: CalendarRef


@pytest.fixture
async def place(server: SmallCaldav, front: FaultyCaldav) -> AsyncIterator[Place]:
    credentials = Credentials(address=front.url, username="ann", secret="secret")
    provider = CaldavProvider(credentials, policy=LOCAL)
    yield Place(provider=provider, calendar=ref(front.url.rstrip("/") + server.path()))
    await provider.close()


async def test_all_batches_of_a_calendar_have_room_for_so_many_blocks_together(
    server: SmallCaldav, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCKS", 500)
    for number in range(2 * BATCH):
        rule = "DAILY" if number % 10 == 0 else "YEARLY"
        server.add(f"{number:03}.ics", make_event(f"{number}@other", f"RRULE:FREQ={rule}"))
    delta = await read(place, {}, None)
    assert len(delta.objects) == 2 * BATCH
    unread = {each.key.rpartition("/")[2] for each in delta.objects if each.problems}
    assert 0 < len(unread) < 10
    assert all(name.endswith("0.ics") for name in unread)
    assert sum(len(each.busy) for each in delta.objects) <= 500


# 201 to a conditional update


def drop_before_put(server: SmallCaldav, key: str) -> Fault:
    """The owner deletes the event just before the first write of it arrives."""
    waiting = [key.rpartition("/")[2]]

    def fault(request: Request, forward: Forward) -> Answer:
        if waiting:
            server.drop(waiting.pop())
        return forward(request)

    return fault


async def test_a_deletion_is_not_undone_by_an_update_that_the_server_takes_for_a_creation(
    server: SmallCaldav, front: FaultyCaldav, place: Place
) -> None:
    server.hears_conditions = False
    for late in (False, True):
        written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
        if late:
            front.heal()
            front.add(drop_before_put(server, written.key), when=is_put)
            front.add(server)
        else:
            server.drop(written.key.rpartition("/")[2])
        with pytest.raises(Gone):
            await place.provider.put(place.calendar, make_draft(sequence=2), key=written.key, etag=written.etag)
        assert server.calendars["work"].objects == {}


async def test_a_server_that_says_created_to_every_put_keeps_the_event(server: SmallCaldav, place: Place) -> None:
    server.always_created = True
    written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
    later = make_draft(summary="Shave", sequence=2)
    again = await place.provider.put(place.calendar, later, key=written.key, etag=written.etag)
    found = await place.provider.get(place.calendar, key=again.key)
    assert found is not None
    assert found[1] == again.etag
    assert "Shave" in server.calendars["work"].objects[again.key.rpartition("/")[2]][1]


async def test_what_its_owner_writes_over_an_undone_deletion_is_left_alone(
    server: SmallCaldav, front: FaultyCaldav, place: Place
) -> None:
    server.hears_conditions = False
    written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
    name = written.key.rpartition("/")[2]
    deleted = drop_before_put(server, written.key)

    def owner_steps_in(request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        if answer.status == 204:
            server.add(name, server.calendars["work"].objects[name][1].replace("Main Street", "Side Street"))
        return answer

    front.heal()
    front.add(deleted, when=is_put)
    front.add(owner_steps_in, when=is_put)
    front.add(server)
    with pytest.raises(Rejected):
        await place.provider.put(place.calendar, make_draft(sequence=2), key=written.key, etag=written.etag)
    assert "Side Street" in server.calendars["work"].objects[name][1]


# Versions that begin again, tokens that are forgotten


async def read(place: Place, held: dict[str, str], cursor: str | None) -> Delta:
    """Read, and hold what was shown from then on."""
    delta = await place.provider.changes(place.calendar, cursor=cursor, known=holding(held), window=WINDOW)
    if delta.full:
        shown = {item.key for item in delta.objects} | delta.unchanged
        for key in held.keys() - shown:
            del held[key]
    for key in delta.gone:
        held.pop(key, None)
    held.update((item.key, item.etag) for item in delta.objects)
    return delta


@pytest.mark.parametrize("by_etag_only", [False, True])
async def test_an_event_that_took_the_name_and_version_of_a_deleted_one_is_read(
    server: SmallCaldav, place: Place, by_etag_only: bool
) -> None:
    server.counts_anew, server.by_etag_only = True, by_etag_only
    key = server.add("a.ics", make_event())
    server.add("b.ics", make_event("2@other"))
    held: dict[str, str] = {}
    first = await read(place, held, None)
    server.drop("a.ics")
    server.add("a.ics", make_event(start="DTSTART:20270310T150000Z", end="DTEND:20270310T160000Z"))
    assert server.calendars["work"].objects["a.ics"][0] == held[key]
    again = await read(place, held, first.cursor)
    assert key in {item.key for item in again.objects}
    assert times(*(item for item in again.objects if item.key == key)) == [(1804690800, 1804694400)]


@pytest.mark.parametrize("left", [0, 1, 70])
@pytest.mark.parametrize("added", [0, 1])
async def test_what_was_deleted_is_missed_though_a_forgotten_token_is_answered_with_the_whole_list(
    server: SmallCaldav, place: Place, left: int, added: int
) -> None:
    server.forgets = True
    gone = [server.add(f"gone{n}.ics", make_event(f"g{n}@other")) for n in range(3)]
    for n in range(left):
        server.add(f"stays{n}.ics", make_event(f"s{n}@other"))
    held: dict[str, str] = {}
    first = await read(place, held, None)
    for n in range(3):
        server.drop(f"gone{n}.ics")
    for n in range(added):
        server.add(f"new{n}.ics", make_event(f"n{n}@other"))
    server.forget_tokens()
    await read(place, held, first.cursor)
    assert not held.keys() & set(gone)
    assert len(held) == left + added


async def test_a_list_of_changes_is_believed_when_what_it_does_not_mention_stands(
    server: SmallCaldav, place: Place
) -> None:
    for n in range(5):
        server.add(f"e{n}.ics", make_event(f"{n}@other"))
    held: dict[str, str] = {}
    first = await read(place, held, None)
    server.drop("e0.ics")
    server.log.clear()
    second = await read(place, held, first.cursor)
    assert not second.full
    assert second.gone == {server.path("e0.ics")}
    assert [report for method, _, report in server.log if method == "REPORT"] == ["sync-collection"]


# Which calendars there are, and whose


@pytest.mark.parametrize(
    "kinds",
    [
        "<collection/><C:calendar/><C:schedule-outbox/>",
        "<collection/><C:schedule-inbox/><C:calendar/>",
        '<collection/><C:calendar/><shared xmlns="http://calendarserver.org/ns/"/>',
        '<collection/><C:calendar/><notification xmlns="http://calendarserver.org/ns/"/>',
    ],
)
@pytest.mark.parametrize("path", ["", "calendars/ann/work/"])
async def test_what_is_a_calendar_among_other_things_is_a_calendar(
    server: SmallCaldav, front: FaultyCaldav, kinds: str, path: str
) -> None:
    server.calendars["work"].kinds = kinds
    assert [item.remote_id for item in await listed(front, path)] == [f"{front.url}calendars/ann/work/"]


@pytest.mark.parametrize(
    "kinds",
    [
        "<collection/><C:schedule-outbox/>",
        '<collection/><calendar xmlns="http://elsewhere.invalid/"/>',
        '<collection/><C:calendar/><deleted-calendar xmlns="http://nextcloud.com/ns"/>',
    ],
)
async def test_what_is_no_calendar_is_not_listed(server: SmallCaldav, front: FaultyCaldav, kinds: str) -> None:
    server.calendars["other"] = Collection(kinds=kinds)
    assert [item.name for item in await listed(front)] == ["work"]


async def test_a_calendar_may_have_any_name(server: SmallCaldav, front: FaultyCaldav) -> None:
    server.calendars = {"outbox": Collection(), "notifications": Collection()}
    assert [item.name for item in await listed(front)] == ["outbox", "notifications"]


@pytest.mark.parametrize("path", ["", "principals/ann", "calendars/ann/", "calendars/ann/work"])
async def test_the_account_says_under_which_addresses_its_owner_is_invited(
    server: SmallCaldav, front: FaultyCaldav, path: str
) -> None:
    server.addresses = ["mailto:Ann.Owner@example.org", "urn:uuid:5F1C", "/principals/ann/"]
    (calendar,) = await listed(front, path)
    assert calendar.addresses == {"ann.owner@example.org", "urn:uuid:5f1c", "/principals/ann/"}


async def test_a_calendar_is_listed_though_its_server_says_nothing_of_its_user(
    server: SmallCaldav, front: FaultyCaldav
) -> None:
    front.heal()
    front.answer(403, when=lambda request: request.path.startswith("/principals"))
    front.add(server)
    (calendar,) = await listed(front, "calendars/ann/work/")
    assert (calendar.name, calendar.addresses) == ("work", frozenset())


# Addresses that lead elsewhere


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("calendars/ann/wrok/", "There is no calendar at this address."),
        ("calendars/bob/", "neither a calendar nor this user's account"),
        ("calendars/bob/work/", "This user may not read what is at this address."),
        ("principals/bob/", "neither a calendar nor this user's account"),
        ("some/page.html", "There is no calendar at this address."),
    ],
)
async def test_an_address_that_is_not_this_users_connects_to_nothing_else(
    front: FaultyCaldav, path: str, why: str
) -> None:
    with pytest.raises(Rejected) as raised:
        await listed(front, path)
    assert why in str(raised.value)
    assert f"are at {front.url}principals/ann/" in str(raised.value)


@pytest.mark.parametrize("path", ["", ".well-known/caldav", "principals/", "principals/ann", "calendars/"])
async def test_an_address_at_or_above_the_account_leads_to_it(front: FaultyCaldav, path: str) -> None:
    assert [item.name for item in await listed(front, path)] == ["work"]


async def listed(front: FaultyCaldav, path: str = "") -> tuple[RemoteCalendar, ...]:
    credentials = Credentials(address=front.url + path, username="ann", secret="secret")
    provider = CaldavProvider(credentials, policy=LOCAL)
    try:
        return await provider.list_calendars()
    finally:
        await provider.close()
