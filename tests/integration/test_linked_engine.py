"""The main job at Google and at Microsoft, on everything but them: booked is in the calendar, put there closes the
slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from booking_app.domain.clock import utc_now
from booking_app.services import booking, manage
from booking_app.sync import choices
from booking_app.sync.model import Mode
from tests.factories import make_request
from tests.office import cells
from tests.radicale_office import make_settings, read_since, until
from tests.simulated_office import WRITTEN, SimulatedOffice, callback, eventually, simulated_office, slots
from tests.simulated_owner import ANNA, CREATION, Owner, owner_at


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


@pytest.fixture
async def office(owner: Owner, database_url: str, tmp_path: Path) -> AsyncIterator[SimulatedOffice]:
    settings = make_settings(database_url, tmp_path, **{f"{owner.name}_url": owner.url})
    owner.register(callback(settings, owner.name))
    async with simulated_office(settings, owner.name, ANNA) as made:
        yield made


async def written(office: SimulatedOffice, owner: Owner) -> tuple[tuple[int, ...], str, str]:
    """The free times, of which the eleventh was booked, the appointment's token, and its event."""
    starts = await slots(office)
    receipt = await booking.book(office.ctx, make_request(starts[10]))
    await eventually(office, WRITTEN)
    (event,) = owner.texts()
    return starts, receipt.token, event


async def test_p05_a_booking_and_an_event_cross_within_seconds(office: SimulatedOffice, owner: Owner) -> None:
    first, second = (await slots(office))[10:12]
    receipt = await booking.book(office.ctx, make_request(first))
    await eventually(office, WRITTEN)
    (text,) = owner.texts().values()
    assert "Clara Customer" in text
    assert "/manage/" not in text  # whoever is shown the calendar could cancel
    assert "/admin/team?date=" in text
    assert "attendees" not in text
    name = await asyncio.to_thread(owner.put, second)

    async def closed() -> bool:
        return second not in await slots(office)

    await until(closed)
    await asyncio.to_thread(owner.delete, name)

    async def opened() -> bool:
        return second in await slots(office)

    await until(opened)
    await manage.cancel(office.ctx, receipt.token)

    async def empty() -> bool:
        return owner.texts() == {}

    await until(empty)
    assert owner.mails == []


async def test_p25_what_the_owner_does_with_our_event_flows_back(office: SimulatedOffice, owner: Owner) -> None:
    starts, _, event = await written(office, owner)
    await asyncio.to_thread(owner.move, event, starts[20])

    async def followed() -> bool:
        return await cells(office.ctx, "SELECT extract(epoch FROM lower(during))::int FROM appointment") == [
            (starts[20],)
        ]

    await until(followed)
    await asyncio.to_thread(owner.delete, event)
    await eventually(office, "SELECT 1 FROM appointment WHERE state = 'cancelled'")
    assert starts[20] in await slots(office)


async def test_p20_a_revoked_link_waits_and_each_write_happens_once_after_linking_again(
    office: SimulatedOffice, owner: Owner
) -> None:
    starts = await slots(office)
    disturbance = owner.panel.fault("POST", CREATION, status=503, times=None)
    for start in starts[10:13]:
        await booking.book(office.ctx, make_request(start))

    async def tried() -> bool:
        return disturbance.hits > 0

    await until(tried)
    owner.revoke()
    owner.panel.heal()
    await eventually(office, "SELECT 1 FROM connection WHERE state = 'needs_sign_in'")
    await eventually(office, "SELECT 1 FROM alert WHERE subject LIKE 'connection:%' AND tellings = 1")
    assert await slots(office) == ()
    assert await cells(office.ctx, "SELECT count(*) FROM outbox WHERE effect = 'calendar'") == [(3,)]
    assert owner.texts() == {}
    linked = await office.link(mode=None, again=office.uid)
    assert linked.uid == office.uid
    await eventually(office, "SELECT 1 FROM connection WHERE state = 'ok'")
    await eventually(office, "SELECT 1 WHERE 3 = (SELECT count(*) FROM mirror WHERE key IS NOT NULL)")
    assert len(owner.texts()) == 3
    assert await cells(office.ctx, "SELECT blocks, target FROM calendar WHERE blocks") == [(True, True)]

    async def offered() -> bool:
        return starts[30] in await slots(office)

    await until(offered)


async def test_p28_a_write_that_is_repeated_makes_one_event(office: SimulatedOffice, owner: Owner) -> None:
    start = (await slots(office))[10]
    for _ in range(3):
        owner.panel.fault("POST", CREATION, drop="after")
    await booking.book(office.ctx, make_request(start))
    await eventually(office, WRITTEN, 60)
    assert len(owner.texts()) == 1


async def test_busy_times_only_blocks_and_is_never_written_to(owner: Owner, database_url: str, tmp_path: Path) -> None:
    settings = make_settings(database_url, tmp_path, **{f"{owner.name}_url": owner.url})
    owner.register(callback(settings, owner.name))
    async with simulated_office(settings, owner.name, ANNA, mode=Mode.BUSY) as office:
        first, second = (await slots(office))[10:12]
        await asyncio.to_thread(owner.put, first)

        async def closed() -> bool:
            return first not in await slots(office)

        await until(closed)
        await booking.book(office.ctx, make_request(second))
        await eventually(office, "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE effect = 'calendar')")
        assert len(owner.texts()) == 1
        writing = [each for each in owner.requests if each.method in ("POST", "PUT", "PATCH", "DELETE")]
        known = {"token", "freeBusy", "auth", "authorize", "watch", "stop"}
        assert {each.path.rpartition("/")[2] for each in writing} <= known


async def test_an_owner_who_changes_the_text_keeps_the_appointment_and_the_event(
    office: SimulatedOffice, owner: Owner
) -> None:
    starts, token, event = await written(office, owner)
    await asyncio.to_thread(owner.move, event, starts[10])  # a new version, the same time
    await read_since(office.ctx, utc_now())
    assert await cells(office.ctx, "SELECT state FROM appointment") == [("confirmed",)]
    await manage.reschedule(office.ctx, token, start=starts[30])

    async def moved() -> bool:
        return (
            await cells(office.ctx, "SELECT 1 FROM mirror WHERE extract(epoch FROM starts_at) = :s", s=starts[30]) != []
        )

    await until(moved)
    assert list(owner.texts()) == [event]


ADDED: dict[str, dict[str, object]] = {
    "google": {"colorId": "5", "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 7}]}},
    "microsoft": {"categories": ["Red category"], "isReminderOn": True, "reminderMinutesBeforeStart": 7},
}


async def test_p25_a_colour_and_a_reminder_of_the_owners_stay_when_the_event_is_moved(
    office: SimulatedOffice, owner: Owner
) -> None:
    starts, token, event = await written(office, owner)
    await asyncio.to_thread(owner.add, event, **ADDED[owner.name])
    await manage.reschedule(office.ctx, token, starts[20])

    async def moved() -> bool:
        return owner.starts() == [starts[20]]

    await until(moved)
    assert owner.shown(event) == owner.shown(event) | ADDED[owner.name]


PRIVATE: dict[str, tuple[str, str, str]] = {
    "google": ("visibility", "private", "default"),
    "microsoft": ("sensitivity", "private", "normal"),
}


async def test_who_sees_what_our_events_say_is_the_owners_choice(office: SimulatedOffice, owner: Owner) -> None:
    field, closed, open_ = PRIVATE[owner.name]
    _, _, event = await written(office, owner)
    assert owner.shown(event)[field] == closed
    ((uid,),) = await cells(office.ctx, "SELECT uid::text FROM calendar WHERE target")
    for private, shown in ((False, open_), (True, closed)):
        await choices.choose_private(office.ctx, bookable_id=office.person, calendar_uid=uid, private=private)

        async def said(wanted: str = shown) -> bool:
            return bool(owner.shown(event).get(field, "default") == wanted)

        await until(said)
    assert len(owner.texts()) == 1
