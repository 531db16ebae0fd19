"""Being asked for a single event, every provider tells one that stands from one that is gone: what the engine confirms
disappearances by, and the control beside them."""

from __future__ import annotations

import pytest

from booking_app.sync.errors import Rejected
from booking_app.sync.model import OwnEvent
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import Backend, GoogleApp, MicrosoftApp
from tests.contract.test_reading import make_event, read


async def stands(provider: CalendarProvider, backend: Backend, key: str) -> bool:
    """As `vanished.is_gone` asks."""
    try:
        found: tuple[OwnEvent, str] | None = await provider.get(backend.calendar, key=key)
    except Rejected:
        return True
    return found is not None


async def test_an_event_of_somebody_else_stands_until_it_is_deleted(
    provider: CalendarProvider, backend: Backend
) -> None:
    names = [backend.app.add(make_event(f"{n}@other")) for n in range(2)]
    first = await read(provider, backend)
    keys = sorted(item.key for item in first.objects)
    assert len(keys) == 2
    assert [await stands(provider, backend, key) for key in keys] == [True, True]
    backend.app.delete(names[0])
    second = await read(provider, backend, first)
    missing = second.gone or (set(keys) - {item.key for item in second.objects} - second.unchanged)
    (gone,) = missing
    assert [key for key in keys if not await stands(provider, backend, key)] == [gone]


@pytest.mark.parametrize("backend", ["google", "microsoft"], indirect=True)
async def test_a_new_calendar_is_in_the_next_list(provider: CalendarProvider, backend: Backend) -> None:
    before = {item.remote_id for item in await provider.list_calendars()}
    assert isinstance(backend.app, GoogleApp | MicrosoftApp)
    backend.app.new_calendar("Holidays")
    (new,) = [item for item in await provider.list_calendars() if item.remote_id not in before]
    assert new.name == "Holidays"
