"""The same as `test_crash` where calendars are linked by consent: a token may be renewed at the moment of death."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from booking_app import runtime
from booking_app.sync import connect
from booking_app.sync.vault import new_key
from tests.crash_scene import Ahead, Scene, in_two_days, survive_a_move, survive_reading, survive_writing, worker
from tests.factories import make_person, make_service
from tests.office import cells
from tests.radicale_office import make_settings
from tests.simulated_office import callback, signed_in_office
from tests.simulated_owner import ANNA, Owner, owner_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(params=["google", "microsoft"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner_at(request.param) as anna:
        yield anna


@pytest.fixture
async def scene(owner: Owner, database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Anna's calendar is linked and was read once; nothing runs but the worker, when it is told to."""
    keys = (new_key(),)
    settings = make_settings(database_url, tmp_path, secret_keys=keys, **{f"{owner.name}_url": owner.url})
    owner.register(callback(settings, owner.name))
    async with runtime.built(settings) as program:
        ctx = program.context
        person = await make_person(ctx, "anna", weekly=dict.fromkeys(range(7), ((0, 1440),)))
        await make_service(ctx, duration=15, interval=15, cut_off=0)
        office = await signed_in_office(program, owner.name, ANNA, person=person)
        await office.link()
        (first, *_) = await cells(ctx, "SELECT uid::text FROM calendar ORDER BY id")
        await connect.choose(ctx, bookable_id=person, blocks=[first[0]], target=first[0])
        clock = Ahead()
        with worker() as process:
            made = Scene(
                ctx=replace(ctx, now=clock),
                clock=clock,
                owner=owner,
                database=database_url,
                keys=keys,
                process=process,
                start=in_two_days(),
                stand_ins={owner.name: owner.url},
            )
            assert not await made.run("pull")
            yield made


async def test_p28_killed_at_every_step_of_writing_there_is_one_event_and_then_none(scene: Scene, owner: Owner) -> None:
    await survive_writing(scene)
    assert owner.mails == []
    assert await cells(scene.ctx, "SELECT state, failing_since FROM connection") == [("ok", None)]


async def test_killed_between_a_creation_and_its_note_an_owners_move_in_between_stays(scene: Scene) -> None:
    await survive_a_move(scene)


async def test_killed_at_every_step_of_reading_changes_and_cursor_stay_together(scene: Scene) -> None:
    await survive_reading(scene, kills=15)
    assert await cells(scene.ctx, "SELECT state, failing_since FROM connection") == [("ok", None)]
