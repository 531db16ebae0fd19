"""The in-memory server's faults, which the sync engine is tested with."""

from __future__ import annotations

import pytest

from booking_app.sync.errors import AccessLost, CursorExpired, Gone, Transient
from booking_app.sync.ical import write_event
from booking_app.sync.model import CalendarRef, EventDraft
from booking_app.sync.providers.memory import MemoryProvider, MemoryServer
from tests.known import holding

START = 1_804_669_200
WINDOW = (START - 86_400, START + 86_400)


def make_draft(uid: str = "a@booking-app") -> EventDraft:
    return EventDraft(uid=uid, start=START, end=START + 1800, summary="Haircut")


def make_scene() -> tuple[MemoryServer, MemoryProvider, CalendarRef]:
    server = MemoryServer(passwords={"ann": "secret"})
    calendar = CalendarRef(remote_id=server.add_calendar("ann", "work"), zone="UTC")
    return server, MemoryProvider(server, account="ann", password="secret"), calendar


async def test_a_fault_strikes_as_often_as_told_and_only_its_verbs() -> None:
    server, provider, calendar = make_scene()
    server.fail(lambda: Transient("busy", 3), verbs=frozenset({"changes"}), times=1)
    assert await provider.list_calendars()
    with pytest.raises(Transient):
        await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
    assert (await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)).full


async def test_a_lost_reply_has_done_its_work() -> None:
    server, provider, calendar = make_scene()
    server.lose_replies()
    with pytest.raises(Transient):
        await provider.put(calendar, make_draft(), key=None, etag=None)
    assert len(server.read(calendar.remote_id)) == 1
    await provider.put(calendar, make_draft(), key=None, etag=None)
    assert len(server.read(calendar.remote_id)) == 1


async def test_a_server_can_lose_the_end_of_its_reply_and_forget_its_cursors() -> None:
    server, provider, calendar = make_scene()
    for name in ("a", "b", "c"):
        server.store(calendar.remote_id, f"{name}.ics", write_event(make_draft(f"{name}@elsewhere")))
    first = await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
    server.hidden = 2
    assert len((await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)).objects) == 1
    server.heal()
    server.expire_cursors(calendar.remote_id)
    with pytest.raises(CursorExpired):
        await provider.changes(calendar, cursor=first.cursor, known=holding(), window=WINDOW)


async def test_a_changed_password_and_a_dropped_calendar_are_told_apart() -> None:
    server, provider, calendar = make_scene()
    server.passwords["ann"] = "new"
    with pytest.raises(AccessLost):
        await provider.busy_now(calendar, window=WINDOW)
    server.passwords["ann"] = "secret"
    server.drop_calendar(calendar.remote_id)
    with pytest.raises(Gone):
        await provider.busy_now(calendar, window=WINDOW)
