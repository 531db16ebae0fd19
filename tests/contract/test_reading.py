"""What every provider reads: complete, incremental, and only what blocks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from booking_app.sync.errors import CursorExpired, Gone
from booking_app.sync.model import Delta, RemoteObject
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import OWNER, ZONE, Backend, ref
from tests.known import holding

LOW, HIGH = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
WINDOW = (int(LOW.timestamp()), int(HIGH.timestamp()))


def local(*parts: int, zone: str = ZONE) -> int:
    return int(datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp())  # type: ignore[misc,arg-type]


def make_event(uid: str = "1@other", *lines: str, start: str = "", end: str = "") -> str:
    times = [start or "DTSTART:20270310T090000Z", end or "DTEND:20270310T100000Z"]
    body = "\n".join(["UID:" + uid, "DTSTAMP:20270101T000000Z", *times, "SUMMARY:Something private", *lines])
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\nBEGIN:VEVENT\n{body}\nEND:VEVENT\nEND:VCALENDAR"


async def read(provider: CalendarProvider, backend: Backend, before: Delta | None = None) -> Delta:
    known = {item.key: item.etag for item in before.objects} if before else {}
    cursor = before.cursor if before else None
    return await provider.changes(backend.calendar, cursor=cursor, known=holding(known), window=WINDOW)


def times(*objects: RemoteObject) -> list[tuple[int, int]]:
    return sorted((busy.start, busy.end) for item in objects for busy in item.busy)


async def test_the_account_lists_its_calendar(provider: CalendarProvider, backend: Backend) -> None:
    listed = {item.remote_id: item for item in await provider.list_calendars()}
    assert backend.calendar.remote_id in listed
    assert listed[backend.calendar.remote_id].can_write
    assert listed[backend.calendar.remote_id].name


async def test_an_empty_calendar_is_read_completely(provider: CalendarProvider, backend: Backend) -> None:
    delta = await read(provider, backend)
    assert delta == Delta(objects=(), cursor=delta.cursor, full=True, zone=delta.zone)
    assert delta.cursor


async def test_the_first_read_has_every_event_and_no_content(provider: CalendarProvider, backend: Backend) -> None:
    for number in range(3):
        backend.app.add(make_event(f"{number}@other"))
    delta = await read(provider, backend)
    assert delta.full
    assert sorted(item.uid for item in delta.objects) == ["0@other", "1@other", "2@other"]
    assert all(item.etag and item.own is None and not item.problems for item in delta.objects)
    assert times(*delta.objects) == [(local(2027, 3, 10, 10), local(2027, 3, 10, 11))] * 3
    assert "private" not in repr(delta)


async def test_nothing_changed_is_no_change(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event())
    first = await read(provider, backend)
    again = await read(provider, backend, first)
    assert again.objects == ()
    assert again.gone == frozenset()
    assert again.unchanged in (frozenset(), {first.objects[0].key})


async def test_an_added_event_comes_with_the_next_read(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event("old@other"))
    first = await read(provider, backend)
    backend.app.add(make_event("new@other"))
    second = await read(provider, backend, first)
    assert [item.uid for item in second.objects] == ["new@other"]
    assert not second.gone


async def test_a_moved_event_keeps_its_key_and_changes_its_version(
    provider: CalendarProvider, backend: Backend
) -> None:
    name = backend.app.add(make_event())
    first = await read(provider, backend)
    backend.app.change(name, make_event(start="DTSTART:20270311T090000Z", end="DTEND:20270311T100000Z"))
    second = await read(provider, backend, first)
    assert [item.key for item in second.objects] == [first.objects[0].key]
    assert second.objects[0].etag != first.objects[0].etag
    assert times(*second.objects) == [(local(2027, 3, 11, 10), local(2027, 3, 11, 11))]


async def test_a_deleted_event_is_gone(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event("stays@other"))
    name = backend.app.add(make_event("leaves@other"))
    first = await read(provider, backend)
    leaving = next(item.key for item in first.objects if item.uid == "leaves@other")
    backend.app.delete(name)
    second = await read(provider, backend, first)
    assert second.objects == ()
    if second.full:
        assert second.unchanged == {item.key for item in first.objects} - {leaving}
    else:
        assert second.gone == {leaving}


async def test_a_full_read_does_not_fetch_what_is_known(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event("known@other"))
    first = await read(provider, backend)
    backend.app.add(make_event("new@other"))
    known = {item.key: item.etag for item in first.objects}
    full = await provider.changes(backend.calendar, cursor=None, known=holding(known), window=WINDOW)
    assert full.full
    assert full.unchanged == set(known)
    assert [item.uid for item in full.objects] == ["new@other"]


async def test_a_cursor_that_the_server_does_not_know_is_expired(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event())
    for cursor in ('{"token": "http://example.invalid/none"}', "no cursor at all"):
        with pytest.raises(CursorExpired):
            await provider.changes(backend.calendar, cursor=cursor, known=holding(), window=WINDOW)


async def test_a_calendar_that_does_not_exist_is_gone(provider: CalendarProvider, backend: Backend) -> None:
    missing = ref(backend.nowhere or backend.calendar.remote_id.rstrip("/") + "-missing/")
    with pytest.raises(Gone):
        await provider.changes(missing, cursor=None, known=holding(), window=WINDOW)


async def test_more_events_than_one_batch_arrive_all(provider: CalendarProvider, backend: Backend) -> None:
    for number in range(55):
        backend.app.add(make_event(f"{number}@other"))
    delta = await read(provider, backend)
    assert {item.uid for item in delta.objects} == {f"{number}@other" for number in range(55)}


@pytest.mark.parametrize(
    "line",
    ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", f"ATTENDEE;PARTSTAT=DECLINED:mailto:{OWNER}"],
    ids=["transparent", "cancelled", "declined"],
)
async def test_p15_what_no_longer_takes_time_no_longer_blocks(
    provider: CalendarProvider, backend: Backend, line: str
) -> None:
    invitation = "ORGANIZER:mailto:boss@example.com"
    name = backend.app.add(make_event("1@other", invitation))
    first = await read(provider, backend)
    assert times(*first.objects) == [(local(2027, 3, 10, 10), local(2027, 3, 10, 11))]
    assert len(await provider.busy_now(backend.calendar, window=WINDOW)) == 1
    backend.app.change(name, make_event("1@other", invitation, line))
    second = await read(provider, backend, first)
    assert {each.key for each in second.objects} | second.gone == {first.objects[0].key}
    assert times(*second.objects) == []
    assert await provider.busy_now(backend.calendar, window=WINDOW) == ()


async def test_busy_now_sees_a_change_at_once_and_cuts_to_the_window(
    provider: CalendarProvider, backend: Backend
) -> None:
    window = (local(2027, 3, 10, 10, 30), local(2027, 3, 11))
    assert await provider.busy_now(backend.calendar, window=window) == ()
    backend.app.add(make_event())
    backend.app.add(
        make_event("s@other", "RRULE:FREQ=DAILY", start="DTSTART:20250101T200000Z", end="DTEND:20250101T203000Z")
    )
    # Graph adds the day to the UID of an occurrence.
    found = sorted(
        (uid[: len("1@other")], busy.start, busy.end)
        for uid, busy in await provider.busy_now(backend.calendar, window=window)
    )
    assert found == [
        ("1@other", local(2027, 3, 10, 10, 30), local(2027, 3, 10, 11)),
        ("s@other", local(2027, 3, 10, 21), local(2027, 3, 10, 21, 30)),
    ]


async def test_busy_now_places_all_day_events_in_the_owners_zone(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event(start="DTSTART;VALUE=DATE:20270310", end="DTEND;VALUE=DATE:20270311"))
    early = (local(2027, 3, 10, 0, 0), local(2027, 3, 10, 0, 30))  # still the 9th in UTC
    after = (local(2027, 3, 11, 0, 0), local(2027, 3, 11, 0, 30))  # still the 10th in UTC
    assert len(await provider.busy_now(backend.calendar, window=early)) == 1
    assert await provider.busy_now(backend.calendar, window=after) == ()
