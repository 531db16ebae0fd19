"""A lot at once in a Google calendar: what one edit does to many occurrences, and what would cost too many requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from booking_app.domain.clock import utc_now
from booking_app.services import calendars
from booking_app.sync import pull
from booking_app.sync.model import Mode
from booking_app.sync.vanished import ONE_BY_ONE
from tests.office import cells
from tests.radicale_office import make_settings, until
from tests.simulated_office import SimulatedOffice, callback, simulated_office
from tests.simulated_owner import ANNA, AtGoogle, owner_at

TOMORROW = (utc_now() + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
WEEKLY = {"recurrence": ["RRULE:FREQ=WEEKLY"]}


@pytest.fixture
def google() -> Iterator[AtGoogle]:
    with owner_at("google") as anna:
        assert isinstance(anna, AtGoogle)
        yield anna


@contextlib.asynccontextmanager
async def linked(
    google: AtGoogle, database_url: str, tmp_path: Path, mode: Mode = Mode.FULL
) -> AsyncIterator[SimulatedOffice]:
    settings = make_settings(database_url, tmp_path, google_url=google.url)
    google.register(callback(settings, "google"))
    async with simulated_office(settings, "google", ANNA, mode=mode) as office:
        yield office


def half_an_hour(start: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "start": {"dateTime": start.isoformat(), "timeZone": "UTC"},
        "end": {"dateTime": (start + timedelta(minutes=30)).isoformat(), "timeZone": "UTC"},
    } | fields


async def read(office: SimulatedOffice) -> tuple[str, bool, int]:
    """Read once more: the account's state, whether the calendar stopped, its failures."""
    since = office.ctx.now()
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE calendar SET failures = 0, due_at = now() + interval '1 hour'"))
    await calendars.read_now(office.ctx, connection_uid=office.uid)

    async def ended() -> bool:
        return bool(
            await cells(
                office.ctx,
                "SELECT 1 FROM calendar WHERE blocks AND lease_until IS NULL"
                " AND (verified_at > CAST(:since AS timestamptz) OR failures > 0)",
                since=since.isoformat(),
            )
        )

    await until(ended, 60)
    (found,) = await cells(
        office.ctx,
        "SELECT connection.state, calendar.stopped, calendar.failures FROM calendar"
        " JOIN connection ON connection.id = connection_id WHERE blocks",
    )
    return found[0], found[1], found[2]


async def starts(office: SimulatedOffice) -> list[int]:
    found = await cells(office.ctx, "SELECT extract(epoch FROM starts_at)::bigint FROM busy_block ORDER BY 1")
    return [row[0] for row in found]


@pytest.mark.parametrize("what", ["moved", "deleted", "ended"])
async def test_p27_an_edit_of_a_series_that_is_read_as_busy_times_is_one_event(
    google: AtGoogle, database_url: str, tmp_path: Path, what: str
) -> None:
    name = google.app.put(half_an_hour(TOMORROW, **WEEKLY), quiet=True)
    for day in range(40):
        google.app.put(half_an_hour(TOMORROW + timedelta(days=day, hours=2)), quiet=True)
    async with linked(google, database_url, tmp_path, Mode.BUSY) as office:
        before = len(await starts(office))
        assert before > 90
        if what == "moved":
            await asyncio.to_thread(google.app.change, name, **half_an_hour(TOMORROW + timedelta(days=1)))
        elif what == "deleted":
            await asyncio.to_thread(google.app.delete, name)
        else:
            last = TOMORROW + timedelta(days=8)
            await asyncio.to_thread(
                google.app.change, name, recurrence=[f"RRULE:FREQ=WEEKLY;UNTIL={last:%Y%m%dT%H%M%SZ}"]
            )
        assert await read(office) == ("ok", False, 0)
        assert await read(office) == ("ok", False, 0)
        after = await starts(office)
        assert len(after) == {"moved": before, "deleted": 40, "ended": 42}[what]
        assert (int((TOMORROW + timedelta(days=7)).timestamp()) in after) is (what == "ended")


async def test_p41_two_hundred_series_that_change_at_once_are_taken_in_within_the_budget(
    google: AtGoogle, database_url: str, tmp_path: Path
) -> None:
    async with linked(google, database_url, tmp_path) as office:
        for number in range(200):
            google.app.put(half_an_hour(TOMORROW + timedelta(minutes=number), **WEEKLY), quiet=True)
        asked = len(google.requests)
        assert await read(office) == ("ok", False, 0)
        assert len(google.requests) - asked < 20
        assert len(set(await starts(office))) >= 200 * 50


async def test_p27_an_owner_who_cleared_a_large_calendar_can_say_so(
    google: AtGoogle, database_url: str, tmp_path: Path
) -> None:
    names = [google.app.put(half_an_hour(TOMORROW + timedelta(minutes=30 * each)), quiet=True) for each in range(600)]
    async with linked(google, database_url, tmp_path) as office:
        assert len(await starts(office)) == 600
        asked = len(google.requests)
        for name in names:
            google.app.calendar.cancel(google.app.calendar.find(name), quiet=True)
        assert (await read(office))[1] is True
        assert len(await starts(office)) == 600
        # The read asks for some of them one by one; what the owner says needs none of that.
        assert len(google.requests) - asked < ONE_BY_ONE + 10
        asked = len(google.requests)
        ((uid,),) = await cells(office.ctx, "SELECT uid::text FROM calendar WHERE blocks")
        said = await pull.accept_changes(
            office.ctx, office.runtime.accounts, office.runtime.policy, calendar_uid=uid, bookable_id=office.person
        )
        assert said == "The calendar is being followed again."
        assert await starts(office) == []
        assert len(google.requests) - asked < 10
