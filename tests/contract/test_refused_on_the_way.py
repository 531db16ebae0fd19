"""Refusals that are not the provider's own (a proxy's, a front end's): they say nothing of an account or an event."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from booking_app.sync.errors import AccessLost, Gone, Transient
from booking_app.sync.provider import CalendarProvider
from tests.contract.backends import Backend
from tests.contract.test_reading import read
from tests.contract.test_writing import make_draft
from tests.simulators.panel import Panel

API = {"google": "^/calendar/v3/", "microsoft": "^/v1.0/"}
SHAPED = {
    "google": {"error": {"code": 0, "errors": [{"domain": "global", "reason": "forbidden"}]}},
    "microsoft": {"error": {"code": "ErrorAccessDenied", "message": "no"}},
}
BODIES: list[object] = [b"", b"<html>Access denied</html>", {}, {"error": "denied"}, {"error": {"message": "denied"}}]

pytestmark = pytest.mark.parametrize("backend", ["google", "microsoft"], indirect=True)


@pytest.fixture
def panel(backend: Backend, request: pytest.FixtureRequest) -> Iterator[Panel]:
    found: Panel = request.getfixturevalue(f"{backend.name}_world").panel
    yield found
    found.heal()


@pytest.mark.parametrize("body", BODIES)
async def test_p22_p26_what_a_stranger_refuses_confirms_nothing(
    backend: Backend, provider: CalendarProvider, panel: Panel, body: object
) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    before = await read(provider, backend)
    statuses = (401, 403, 404, 410) if backend.name == "google" else (401, 403, 404)
    for status in statuses:
        panel.fault("*", API[backend.name], status=status, body=body, times=None)
        for attempt in (
            lambda: provider.list_calendars(),
            lambda: provider.get(backend.calendar, key=written.key),
            lambda: provider.remove(backend.calendar, key=written.key, etag=written.etag),
            lambda: provider.put(backend.calendar, make_draft(summary="x"), key=written.key, etag=written.etag),
            lambda: read(provider, backend),
            lambda: read(provider, backend, before),
        ):
            with pytest.raises(Transient):
                await attempt()
        panel.heal()
    assert await provider.get(backend.calendar, key=written.key) is not None


@pytest.mark.parametrize("status", [401, 403])
async def test_what_the_provider_refuses_in_its_own_words_is_a_refusal(
    backend: Backend, provider: CalendarProvider, panel: Panel, status: int
) -> None:
    panel.fault("*", API[backend.name], status=status, body=SHAPED[backend.name], times=None)
    with pytest.raises(AccessLost) as refused:
        await provider.list_calendars()
    assert not refused.value.final


async def test_a_deleted_event_is_gone_in_the_providers_own_words(
    backend: Backend, provider: CalendarProvider, panel: Panel
) -> None:
    written = await provider.put(backend.calendar, make_draft(), key=None, etag=None)
    await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    await provider.remove(backend.calendar, key=written.key, etag=written.etag)
    with pytest.raises(Gone):
        await provider.put(backend.calendar, make_draft(summary="x"), key=written.key, etag=written.etag)
