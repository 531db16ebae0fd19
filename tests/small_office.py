"""The engine on a CalDAV server of a kind that does not run here: see `simulators.caldav_small`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from booking_app.services.context import Context
from booking_app.sync import connect, pull
from booking_app.sync.accounts import Accounts
from booking_app.sync.live import Live
from booking_app.sync.model import Credentials
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.caldav import CaldavProvider
from tests.factories import make_person, make_service
from tests.office import Office, cells
from tests.simulators.caldav_faulty import FaultyCaldav
from tests.simulators.caldav_small import SmallCaldav, small_caldav

LOCAL = AddressPolicy(allow_private=True, allow_http=True)


@dataclass(kw_only=True)
class SmallOffice:
    """`office.server` is none in memory: what somebody does in their calendar app is done at `server`."""

    office: Office
    server: SmallCaldav
    front: FaultyCaldav


@contextlib.contextmanager
def running_server() -> Iterator[tuple[SmallCaldav, FaultyCaldav]]:
    server = SmallCaldav()
    with small_caldav(server) as front:
        yield server, front


async def make_small_office(ctx: Context, server: SmallCaldav, front: FaultyCaldav, *, path: str = "") -> SmallOffice:
    """A person whose calendar `work` there was read once; what stands in it by then is known."""

    def open_provider(_provider: str, credentials: Credentials) -> CalendarProvider:
        return CaldavProvider(credentials, policy=LOCAL)

    accounts = Accounts(ctx.sealer, open_provider)
    ctx = replace(ctx, reread=Live(sessions=ctx.sessions, accounts=accounts, deadline=10).reread)
    person = await make_person(ctx, "anna")
    await make_service(ctx, staff=("anna",))
    uid = await connect.connect(
        ctx,
        accounts,
        bookable_id=person,
        preset="other",
        address=front.url + path,
        username="ann",
        secret="secret",
    )
    remote_id = front.url.rstrip("/") + server.path()
    ((calendar_id, work),) = await cells(ctx, "SELECT id, uid::text FROM calendar WHERE remote_id = :at", at=remote_id)
    await connect.choose(ctx, bookable_id=person, blocks=[work], target=work)
    office = Office(
        ctx=ctx,
        server=None,  # type: ignore[arg-type]
        accounts=accounts,
        person=person,
        connection_uid=uid,
        calendar_id=calendar_id,
        remote_id=remote_id,
        policy=SyncPolicy(),
    )
    assert await office.read() is pull.Pulled.READ
    return SmallOffice(office=office, server=server, front=front)
