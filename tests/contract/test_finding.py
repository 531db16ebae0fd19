"""Every provider finds an event of ours by its name where its owner dragged it, and says so only where it stands."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin

from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import Backend
from tests.contract.test_reading import make_event
from tests.contract.test_writing import make_draft

OTHER = "9f8e7d6c-2222@booking-app"


async def test_an_event_of_ours_is_found_under_its_name(provider: CalendarProvider, backend: Backend) -> None:
    backend.app.add(make_event())
    assert await provider.find(backend.calendar, uid=make_draft().uid) is None
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    other = await provider.put(backend.calendar, make_draft(uid=OTHER), key=None, etag=None)
    assert await provider.find(backend.calendar, uid=make_draft().uid) == written.key
    assert await provider.find(backend.calendar, uid=OTHER) == other.key


async def test_dragged_into_another_calendar_it_is_found_there_and_here_no_more(
    provider: CalendarProvider, backend: Backend
) -> None:
    draft = make_draft()
    written = await provider.put(backend.calendar, draft, key=None, etag=None)
    stays = await provider.put(backend.calendar, make_draft(uid=OTHER), key=None, etag=None)
    remote_id = urljoin(backend.calendar.remote_id, backend.app.drag(written.key))
    there = replace(backend.calendar, remote_id=remote_id)
    assert await provider.find(backend.calendar, uid=draft.uid) is None
    key = await provider.find(there, uid=draft.uid)
    assert key is not None
    found = await provider.get(there, key=key)
    assert found is not None
    assert (found[0].uid, found[0].start, found[0].end) == (draft.uid, draft.start, draft.end)
    assert await provider.find(there, uid=OTHER) is None
    assert await provider.find(backend.calendar, uid=OTHER) == stays.key


async def test_deleted_by_its_owner_it_is_not_found(provider: CalendarProvider, backend: Backend) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    backend.app.delete(written.key)
    assert await provider.find(backend.calendar, uid=make_draft().uid) is None


async def test_removed_by_us_and_written_again_it_is_found_again(provider: CalendarProvider, backend: Backend) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    assert await provider.find(backend.calendar, uid=make_draft().uid) is None
    again = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    assert await provider.find(backend.calendar, uid=make_draft().uid) == again.key
