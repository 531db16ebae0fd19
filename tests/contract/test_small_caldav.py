"""CalDAV servers unlike those that run here, each as a small strict server with that one difference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from booking_app.sync.errors import Gone, Rejected
from booking_app.sync.model import CalendarRef, Credentials
from booking_app.sync.providers.caldav import CaldavProvider
from tests.contract.backends import LOCAL, ref
from tests.contract.test_writing import make_draft
from tests.simulators.caldav_faulty import Answer, FaultyCaldav, Forward, Request, is_put
from tests.simulators.caldav_small import SmallCaldav, small_caldav


@pytest.fixture
def server() -> SmallCaldav:
    return SmallCaldav()


@pytest.fixture
def front(server: SmallCaldav) -> Iterator[FaultyCaldav]:
    with small_caldav(server) as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Place:
    provider: CaldavProvider
    calendar: CalendarRef


@pytest.fixture
async def place(server: SmallCaldav, front: FaultyCaldav) -> AsyncIterator[Place]:
    credentials = Credentials(address=front.url, username="ann", secret="secret")
    provider = CaldavProvider(credentials, policy=LOCAL)
    yield Place(provider=provider, calendar=ref(front.url.rstrip("/") + server.path()))
    await provider.close()


# 201 to a conditional update


async def test_a_deletion_is_not_undone_by_an_update_that_the_server_takes_for_a_creation(
    server: SmallCaldav, place: Place
) -> None:
    server.hears_conditions = False
    written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
    server.drop(written.key.rpartition("/")[2])
    for etag in (written.etag, None):
        with pytest.raises(Gone):
            await place.provider.put(place.calendar, make_draft(sequence=2), key=written.key, etag=etag)
        assert server.calendars["work"].objects == {}


async def test_a_server_that_says_created_to_every_put_keeps_the_event(server: SmallCaldav, place: Place) -> None:
    server.always_created = True
    written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
    later = make_draft(summary="Shave", sequence=2)
    again = await place.provider.put(place.calendar, later, key=written.key, etag=written.etag)
    found = await place.provider.get(place.calendar, key=again.key)
    assert found is not None and found[1] == again.etag
    assert "Shave" in server.calendars["work"].objects[again.key.rpartition("/")[2]][1]


async def test_what_its_owner_writes_over_an_undone_deletion_is_left_alone(
    server: SmallCaldav, front: FaultyCaldav, place: Place
) -> None:
    server.hears_conditions = False
    written = await place.provider.put(place.calendar, make_draft(), key=None, etag=None)
    name = written.key.rpartition("/")[2]
    server.drop(name)

    def owner_steps_in(request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        if answer.status == 204:
            server.add(name, server.calendars["work"].objects[name][1].replace("Main Street", "Side Street"))
        return answer

    front.heal()
    front.add(owner_steps_in, when=is_put)
    front.add(server)
    with pytest.raises(Rejected):
        await place.provider.put(place.calendar, make_draft(sequence=2), key=written.key, etag=written.etag)
    assert "Side Street" in server.calendars["work"].objects[name][1]
