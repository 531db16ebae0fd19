"""A calendar server whose certificate comes from an authority of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from booking_app import runtime
from booking_app.domain.errors import Invalid
from booking_app.runtime import Runtime
from booking_app.services.context import Context
from booking_app.sync import connect
from tests.authority import LONG_AGO, PAST, Authority, tls_before
from tests.factories import make_person
from tests.office import cells
from tests.radicale_office import PASSWORD, USER, make_settings, until
from tests.servers import make_calendar, start_radicale


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[int]:
    """The port of a calendar server, with a calendar, that speaks no TLS itself."""
    server = start_radicale(tmp_path / "dav", {USER: PASSWORD})
    make_calendar(f"{server.home(USER)}work/", user=USER, password=PASSWORD)
    yield urlsplit(server.url).port or 0
    server.stop()


async def connected(program: Runtime, person: int, port: int) -> str:
    return await connect.connect(
        program.context,
        program.accounts,
        bookable_id=person,
        preset="other",
        address=f"https://127.0.0.1:{port}/{USER}/",
        username=USER,
        secret=PASSWORD,
    )


async def test_a_calendar_is_read_when_the_authority_of_its_server_is_trusted(
    database_url: str, ctx: Context, tmp_path: Path, authority: Authority, behind: int
) -> None:
    person = await make_person(ctx)

    async def read() -> bool:
        return (await cells(ctx, "SELECT verified_at IS NOT NULL FROM calendar")) == [(True,)]

    async with tls_before(behind, authority.server()) as port:
        async with runtime.running(make_settings(database_url, tmp_path)) as program:
            with pytest.raises(
                Invalid, match=r"not trusted here; an administrator can name its authority in CA_FILE\."
            ):
                await connected(program, person, port)
        async with runtime.running(make_settings(database_url, tmp_path, ca_file=authority.file)) as program:
            await connected(program, person, port)
            ((work,),) = await cells(ctx, "SELECT uid::text FROM calendar")
            await connect.choose(program.context, bookable_id=person, blocks=[work], target=work)
            await until(read)


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"begins": LONG_AGO, "ends": PAST}, r"The calendar server's certificate has expired\."),
        ({"address": "127.0.0.9"}, r"The calendar server's certificate is for another name\."),
    ],
)
async def test_what_is_wrong_with_the_certificate_of_a_calendar_server_is_named(
    database_url: str,
    ctx: Context,
    tmp_path: Path,
    authority: Authority,
    behind: int,
    certificate: dict[str, Any],
    words: str,
) -> None:
    person = await make_person(ctx)
    settings = make_settings(database_url, tmp_path, ca_file=authority.file)
    async with tls_before(behind, authority.server(**certificate)) as port, runtime.built(settings) as program:
        with pytest.raises(Invalid, match=words):
            await connected(program, person, port)
