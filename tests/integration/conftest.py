"""What several files of this folder start from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from booking_app.runtime import Runtime
from booking_app.services.context import Context
from tests.conftest import Clock
from tests.linked_office import LinkedOffice, make_linked_office
from tests.tabs import program, program_settings
from tests.token_server import TokenServer, token_server


@pytest.fixture
def world() -> Iterator[TokenServer]:
    """What stands in for a provider's token endpoint."""
    with token_server() as started:
        yield started


@pytest.fixture
async def running(
    database_url: str, clock: Clock, world: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    """The program whose pages are called, with `world` for its providers."""
    async with program(program_settings(database_url, world), clock, monkeypatch) as started:
        yield started


@pytest.fixture
async def office(ctx: Context, world: TokenServer) -> AsyncIterator[LinkedOffice]:
    """A program whose people link calendars in memory."""
    made = await make_linked_office(ctx, world)
    yield made
    await made.close()
