"""What every provider writes: conditionally, once, read back, without invitations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from booking_app.sync.errors import EditConflict, Gone
from booking_app.sync.ical import draft_fields
from booking_app.sync.model import EventDraft
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import Backend
from tests.contract.test_reading import WINDOW, local, make_event, read


def make_draft(**overrides: object) -> EventDraft:
    values: dict[str, object] = {
        "uid": "0a1b2c3d-1111@booking-app",
        "start": local(2027, 3, 10, 9),
        "end": local(2027, 3, 10, 9, 45),
        "summary": "Haircut: Zoë O'Neil, “VIP”; \\ 2 people",
        "description": "Wash first.\nBring: tea, milk; sugar\n\nhttps://book.example/manage/abc?x=1,2&y=3\n"
        + "long " * 60,
        "location": "Main Street 1, Haarlem",
        "url": "https://book.example/manage/abc?x=1,2&y=3",
        "sequence": 1,
    }
    return EventDraft(**(values | overrides))  # type: ignore[arg-type]


async def test_a_written_event_stands_as_drafted(provider: CalendarProvider, backend: Backend) -> None:
    draft = make_draft()
    written = await provider.put(backend.calendar, draft, key=None, etag=None)
    found = await provider.get(backend.calendar, key=written.key)
    assert found is not None
    own, etag = found
    assert etag == written.etag
    assert (own.uid, own.start, own.end, own.cancelled) == (draft.uid, draft.start, draft.end, False)
    assert own.fields == draft_fields(draft if backend.keeps_link else replace(draft, url=""))


async def test_p28_writing_twice_without_a_key_makes_one_event(provider: CalendarProvider, backend: Backend) -> None:
    first = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    second = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    assert first == second
    assert len(backend.app.texts()) == 1


async def test_p28_a_repeat_with_newer_content_updates_the_first_attempt(
    provider: CalendarProvider, backend: Backend
) -> None:
    first = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    later = make_draft(start=local(2027, 3, 11, 9), end=local(2027, 3, 11, 10), sequence=2)
    second = await provider.put(backend.calendar, later, key=None, etag=None)
    assert second.key == first.key
    assert len(backend.app.texts()) == 1
    assert [busy.start for _, busy in await provider.busy_now(backend.calendar, window=WINDOW)] == [later.start]


async def test_p28_the_same_uid_under_another_name_is_found_and_used(
    provider: CalendarProvider, backend: Backend
) -> None:
    if not backend.by_uid:
        pytest.skip("an event of ours is known by its mark, which no copy of its UID carries")
    draft = make_draft()
    backend.app.add(make_event(draft.uid, start="DTSTART:20270310T060000Z", end="DTEND:20270310T070000Z"))
    written = await provider.put(backend.calendar, draft, key=None, etag=None)
    assert len(backend.app.texts()) == 1
    found = await provider.get(backend.calendar, key=written.key)
    assert found is not None
    assert found[0].start == draft.start


async def test_p29_no_stored_event_invites_anybody(provider: CalendarProvider, backend: Backend) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    await provider.put(backend.calendar, make_draft(sequence=2, summary="New"), key=written.key, etag=written.etag)
    (text,) = backend.app.texts()
    unfolded = text.replace("\r\n ", "").replace("\n ", "").upper()
    assert "BEGIN:VEVENT" in unfolded
    for word in ("\nATTENDEE", "\nORGANIZER", "\nMETHOD", "BEGIN:VALARM"):
        assert word not in unfolded


async def test_own_events_are_recognised_among_others(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event())
    draft = make_draft()
    written = await provider.put(backend.calendar, draft, key=None, etag=None)
    delta = await read(provider, backend)
    own = [item for item in delta.objects if item.own]
    assert [(item.key, item.etag, item.uid) for item in own] == [(written.key, written.etag, draft.uid)]
    assert own[0].own is not None
    assert (own[0].own.fields == draft_fields(draft)) is backend.lists_texts


async def test_an_update_is_conditional(provider: CalendarProvider, backend: Backend) -> None:
    draft = make_draft()
    first = await provider.put(backend.calendar, draft, key=None, etag=None)
    moved = replace(draft, start=draft.start + 3600, end=draft.end + 3600, sequence=2)
    second = await provider.put(backend.calendar, moved, key=first.key, etag=first.etag)
    assert second.key == first.key
    assert second.etag != first.etag
    with pytest.raises(EditConflict):
        await provider.put(backend.calendar, replace(draft, sequence=3), key=first.key, etag=first.etag)
    found = await provider.get(backend.calendar, key=first.key)
    assert found is not None
    assert found[0].start == moved.start


async def test_a_repeated_update_whose_answer_was_lost_succeeds(provider: CalendarProvider, backend: Backend) -> None:
    draft = make_draft()
    first = await provider.put(backend.calendar, draft, key=None, etag=None)
    moved = replace(draft, start=draft.start + 3600, end=draft.end + 3600, sequence=2)
    second = await provider.put(backend.calendar, moved, key=first.key, etag=first.etag)
    assert await provider.put(backend.calendar, moved, key=first.key, etag=first.etag) == second


async def test_a_foreign_edit_is_a_conflict_and_is_kept(provider: CalendarProvider, backend: Backend) -> None:
    draft = make_draft()
    written = await provider.put(backend.calendar, draft, key=None, etag=None)
    edited = make_event(draft.uid, start="DTSTART:20270312T090000Z", end="DTEND:20270312T100000Z")
    backend.app.change(written.key, edited)
    with pytest.raises(EditConflict):
        await provider.put(backend.calendar, replace(draft, sequence=2), key=written.key, etag=written.etag)
    with pytest.raises(EditConflict):
        await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    found = await provider.get(backend.calendar, key=written.key)
    assert found is not None
    assert found[0].start == local(2027, 3, 12, 10)
    assert found[0].fields != draft_fields(draft)


async def test_an_event_cancelled_by_its_owner_is_seen_as_cancelled(
    provider: CalendarProvider, backend: Backend
) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    backend.app.change(written.key, make_event(make_draft().uid, "STATUS:CANCELLED"))
    found = await provider.get(backend.calendar, key=written.key)
    # Where cancelling is deleting, there is no such event any more.
    assert found is None or found[0].cancelled


async def test_an_update_of_a_deleted_event_does_not_bring_it_back(
    provider: CalendarProvider, backend: Backend
) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    backend.app.delete(written.key)
    for etag in (written.etag, None):
        with pytest.raises(Gone):
            await provider.put(backend.calendar, make_draft(sequence=2), key=written.key, etag=etag)
    assert backend.app.texts() == []


async def test_removing_twice_is_success_and_get_confirms(provider: CalendarProvider, backend: Backend) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    await provider.remove(backend.calendar, key=written.key, etag=None)
    assert await provider.get(backend.calendar, key=written.key) is None
    assert backend.app.texts() == []
