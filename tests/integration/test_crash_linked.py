"""The same as `test_crash` where calendars are linked by consent: a token may be renewed at the moment of death."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from booking_app import runtime
from booking_app.domain.clock import from_instant, utc_now
from booking_app.services import booking, manage
from booking_app.sync import connect
from booking_app.sync.vault import new_key
from tests.factories import make_person, make_request, make_service
from tests.integration.test_crash import Scene, finish, in_two_days, worker
from tests.office import cells
from tests.radicale_office import make_settings
from tests.simulated_office import callback, signed_in_office
from tests.simulated_owner import ANNA, AtGoogle, AtMicrosoft, Owner, owner_at

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
        with worker() as process:
            made = Scene(
                ctx=replace(ctx, now=utc_now),
                database=database_url,
                keys=keys,
                url="",
                process=process,
                start=in_two_days(),
                stand_ins={owner.name: owner.url},
            )
            assert not await made.run("pull")
            yield made


def expire(owner: Owner) -> None:
    """The next request needs another access token, for which Microsoft gives another refresh token, too."""
    assert isinstance(owner, AtGoogle | AtMicrosoft)
    owner.world.consents.expire_access()


def stands(owner: Owner, start: int) -> bool:
    """Whether exactly one event stands, at that time."""
    (only,) = owner.texts().values()
    moment = from_instant(start)
    return f"{moment:%Y-%m-%dT%H:%M}" in only


async def test_p28_killed_at_every_step_of_writing_there_is_one_event_and_then_none(scene: Scene, owner: Owner) -> None:
    for kill_at in itertools.count(1):
        start = scene.next_slot()
        receipt = await booking.book(scene.ctx, make_request(start))
        expire(owner)
        created = await finish(scene, kill_at)
        assert stands(owner, start)
        assert await scene.state() == (1, 0)

        moved_to = scene.next_slot()
        await manage.reschedule(scene.ctx, receipt.token, moved_to)
        expire(owner)
        moved = await finish(scene, kill_at)
        assert stands(owner, moved_to)
        assert await scene.state() == (1, 0)

        assert not await scene.run("pull")
        (found,) = await cells(scene.ctx, "SELECT count(*) FROM appointment WHERE state = 'confirmed'")
        assert found[0] == 1

        await manage.cancel(scene.ctx, receipt.token)
        cancelled = await finish(scene, kill_at)
        assert owner.texts() == {}
        assert await scene.state() == (0, 0)
        if not (created or moved or cancelled):
            break
    assert kill_at > 10
    assert scene.kills >= 60
    assert owner.mails == []
    assert await cells(scene.ctx, "SELECT state, failing_since FROM connection") == [("ok", None)]
    assert await cells(scene.ctx, "SELECT 1 FROM calendar WHERE stopped OR failures > 0") == []


async def test_killed_at_every_step_of_reading_changes_and_cursor_stay_together(scene: Scene, owner: Owner) -> None:
    expected: set[int] = set()
    last: tuple[str, int] | None = None

    async def blocks() -> set[int]:
        found = await cells(scene.ctx, "SELECT extract(epoch FROM starts_at)::bigint FROM busy_block")
        assert len(found) == len(set(found))
        return {row[0] for row in found}

    async def cursor() -> str:
        return str((await cells(scene.ctx, "SELECT cursor FROM calendar WHERE blocks"))[0][0])

    async def due() -> None:
        async with scene.ctx.sessions.begin() as db:
            await db.execute(text("UPDATE calendar SET due_at = now()"))

    for kill_at in itertools.count(1):
        before, old = set(expected), await cursor()
        start = scene.next_slot()
        event = owner.put(start)
        expected.add(start)
        if last is not None:
            owner.delete(last[0])
            expected.discard(last[1])
        last = event, start
        expire(owner)
        await due()
        died = await scene.run("pull", kill_at)
        assert await blocks() == (before if await cursor() == old else expected)
        if died:
            await due()
            await scene.run("pull", 1 + (kill_at + 4) % 9)
            assert await blocks() == (before if await cursor() == old else expected)
        await due()
        assert not await scene.run("pull")
        assert await blocks() == expected
        if not died:
            break
    assert kill_at > 6
    assert scene.kills >= 15
    assert await cells(scene.ctx, "SELECT state, failing_since FROM connection") == [("ok", None)]
