"""The whole program with one person whose calendar is linked by consent at a simulated provider."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import timedelta

from booking_app.config import Settings
from booking_app.db.tables import Account
from booking_app.runtime import Runtime, running
from booking_app.services import accounts as sessions
from booking_app.services import availability, provider_apps
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync import connect, consent
from booking_app.sync.consent import Linked
from booking_app.sync.model import Mode
from tests.consent_page import visit
from tests.factories import make_person, make_service
from tests.office import cells
from tests.radicale_office import until

CLIENT, SECRET = "client", "planted-client-secret"
WRITTEN = "SELECT 1 FROM mirror WHERE key IS NOT NULL AND NOT EXISTS (SELECT FROM outbox WHERE effect = 'calendar')"
"""There are rows when all that was booked stands in the calendars."""


@dataclass(kw_only=True)
class SimulatedOffice:
    """`email` is the person's account at `provider`; their first calendar blocks and receives appointments."""

    runtime: Runtime
    ctx: Context
    person: int
    provider: str
    email: str
    signed_in: SignedIn
    cookie: str
    uid: str = ""

    async def link(
        self, *, mode: Mode | None = Mode.FULL, again: str | None = None, untick: Collection[str] = ()
    ) -> Linked:
        """Off to the consent page and back."""
        accounts = self.runtime.accounts
        address = await consent.start(
            self.ctx,
            accounts,
            person=self.signed_in,
            session=self.cookie,
            provider=self.provider,
            mode=mode,
            connection_uid=again,
        )
        answer = await visit(address, self.email, untick=untick)
        return await consent.finish(self.ctx, accounts, session=self.cookie, provider=self.provider, answer=answer)

    async def choose_first(self, *, target: bool = True) -> int:
        """The first calendar blocks and, as `target`, receives; its id, once it was read."""
        query = "SELECT calendar.id, calendar.uid::text FROM calendar JOIN connection ON connection.id = connection_id"
        found = (await cells(self.ctx, f"{query} WHERE connection.uid::text = :u ORDER BY calendar.id", u=self.uid))[0]
        await connect.choose(self.ctx, bookable_id=self.person, blocks=[found[1]], target=found[1] if target else None)

        async def read() -> bool:
            return bool(
                await cells(self.ctx, "SELECT 1 FROM calendar WHERE id = :i AND verified_at > chosen_at", i=found[0])
            )

        await until(read)
        number: int = found[0]
        return number


def callback(settings: Settings, provider: str) -> str:
    """The address to which the provider sends people back."""
    return f"{settings.public_url}/oauth/{provider}/callback"


async def slots(office: SimulatedOffice) -> tuple[int, ...]:
    """The open starts of two weeks, as somebody sees them who looks at them."""
    now = office.ctx.now()
    span = (int(now.timestamp()), int((now + timedelta(days=14)).timestamp()))
    return (await availability.slots(office.ctx, SlotQuery(service="haircut", span=span))).starts


async def eventually(office: SimulatedOffice, statement: str, seconds: float = 60) -> None:
    """Wait until the query gives rows."""

    async def so() -> bool:
        return await cells(office.ctx, statement) != []

    await until(so, seconds)


async def signed_in_office(
    runtime: Runtime, provider: str, email: str, *, person: int, account: str = "anna@example.com"
) -> SimulatedOffice:
    """`person` is signed in, and the provider's credentials are entered; nothing is linked yet."""
    ctx = runtime.context
    await provider_apps.save(ctx, provider=provider, client_id=CLIENT, secret=SECRET)
    async with ctx.sessions.begin() as db:
        row = Account(email=account, name=account.partition("@")[0].title(), bookable_id=person)
        db.add(row)
        await db.flush()
        cookie = await sessions.start_session(ctx, db, row.id or 0, days=30)
    return SimulatedOffice(
        runtime=runtime,
        ctx=ctx,
        person=person,
        provider=provider,
        email=email,
        signed_in=sessions.view(row),
        cookie=cookie,
    )


async def linked_office(
    runtime: Runtime, provider: str, email: str, *, slug: str = "anna", mode: Mode = Mode.FULL
) -> SimulatedOffice:
    """A new person whose account is linked, and whose first calendar is chosen and read once."""
    person = await make_person(runtime.context, slug)
    office = await signed_in_office(runtime, provider, email, person=person, account=f"{slug}@example.com")
    office.uid = (await office.link(mode=mode)).uid
    await office.choose_first(target=mode is Mode.FULL)
    return office


@contextlib.asynccontextmanager
async def simulated_office(
    settings: Settings, provider: str, email: str, *, mode: Mode = Mode.FULL
) -> AsyncIterator[SimulatedOffice]:
    """Everything running, linked, chosen and read once. The provider knows CLIENT, SECRET and `email`."""
    async with running(settings) as runtime:
        office = await linked_office(runtime, provider, email, mode=mode)
        await make_service(runtime.context, duration=15, interval=15)
        yield office
