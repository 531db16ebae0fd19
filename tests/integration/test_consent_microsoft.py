"""Our side of OAuth against a Microsoft that rotates refresh tokens and asks for administrators."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from booking_app.services import provider_apps
from booking_app.services.link_words import NotLinked
from booking_app.sync import connect
from booking_app.sync.model import Mode
from tests.office import cells
from tests.radicale_office import make_settings, until
from tests.rows import change
from tests.simulated_office import SimulatedOffice, callback, eventually, simulated_office
from tests.simulated_owner import ANNA, AtMicrosoft
from tests.simulators.microsoft.serve import microsoft_simulator


@pytest.fixture
def owner() -> Iterator[AtMicrosoft]:
    with microsoft_simulator() as world:
        yield AtMicrosoft(world)


@pytest.fixture
async def office(owner: AtMicrosoft, database_url: str, tmp_path: Path) -> AsyncIterator[SimulatedOffice]:
    settings = make_settings(database_url, tmp_path, microsoft_url=owner.url)
    owner.register(callback(settings, "microsoft"))
    async with simulated_office(settings, "microsoft", ANNA) as made:
        yield made


async def state(office: SimulatedOffice) -> str:
    found: str = (await cells(office.ctx, "SELECT state FROM connection WHERE uid::text = :u", u=office.uid))[0][0]
    return found


async def test_tokens_that_rotate_are_followed(office: SimulatedOffice, owner: AtMicrosoft) -> None:
    owner.world.rotate = True
    for _ in range(3):
        (grant,) = owner.world.consents.grants
        before = list(grant.refresh)
        owner.world.consents.expire_access()

        async def renewed(grant=grant, before=before) -> bool:  # type: ignore[no-untyped-def]
            return bool(grant.refresh != before)

        await until(renewed)
        assert len(grant.refresh) == 1

    async def works() -> bool:
        return await state(office) == "ok"

    await until(works)
    refused = [path for _, path, status in owner.panel.log if path.endswith("/token") and status >= 400]
    assert refused == []


async def test_busy_only_asks_less_and_is_widened_later(office: SimulatedOffice, owner: AtMicrosoft) -> None:
    owner.world.add_user("other@person.example")
    office.email = "other@person.example"
    linked = await office.link(mode=Mode.BUSY)
    scopes = owner.world.consents.grants[-1].scopes
    assert {each for each in scopes if each.startswith("Calendars")} == {"Calendars.ReadBasic"}
    query = "SELECT bool_or(can_write) FROM calendar JOIN connection c ON c.id = connection_id WHERE c.uid::text = :u"
    assert await cells(office.ctx, query, u=linked.uid) == [(False,)]
    assert (await office.link(again=linked.uid)).writes
    assert "Calendars.ReadWrite" in owner.world.consents.grants[-1].scopes


async def test_who_needs_an_administrator_is_told_so(office: SimulatedOffice, owner: AtMicrosoft) -> None:
    owner.world.add_user("other@person.example").blocked = True
    office.email = "other@person.example"
    with pytest.raises(NotLinked) as refused:
        await office.link()
    assert refused.value.code.value == "admin_consent"
    assert await cells(office.ctx, "SELECT 1 FROM provider_app WHERE turned_back_at IS NOT NULL") == [(1,)]


async def test_another_account_does_not_take_the_place_of_the_linked_one(
    office: SimulatedOffice, owner: AtMicrosoft
) -> None:
    owner.world.add_user("other@person.example")
    office.email = "other@person.example"
    with pytest.raises(NotLinked) as refused:
        await office.link(again=office.uid)
    assert refused.value.code.value == "other_account"
    office.email = ANNA
    with pytest.raises(NotLinked) as taken:
        await office.link()
    assert taken.value.code.value == "taken"


async def test_p22_an_expired_secret_is_one_incident_and_costs_nobody_the_link(
    office: SimulatedOffice, owner: AtMicrosoft
) -> None:
    owner.world.apps["client"].expired_secret = True
    owner.world.consents.expire_access()

    async def alarmed() -> bool:
        return await cells(office.ctx, "SELECT 1 FROM alert WHERE closed_at IS NULL") != []

    await until(alarmed)
    await eventually(office, "SELECT 1 FROM calendar WHERE failures > 1", 60)
    assert await cells(office.ctx, "SELECT subject FROM alert") == [("provider:microsoft",)]
    assert await state(office) in ("ok", "slowed")
    owner.world.apps["client"].expired_secret = False
    owner.world.apps["client"].secret = "renewed-secret"
    await provider_apps.save(office.ctx, provider="microsoft", client_id="client", secret="renewed-secret")

    async def over() -> bool:
        return await state(office) == "ok" and not await alarmed()

    await until(over)


async def test_leaving_forgets_the_tokens_though_microsoft_has_no_way_to_revoke(
    office: SimulatedOffice, owner: AtMicrosoft
) -> None:
    await connect.disconnect(office.ctx, bookable_id=office.person, connection_uid=office.uid, future_events="keep")

    async def gone() -> bool:
        kept = "SELECT 1 FROM oauth_grant UNION ALL SELECT 1 FROM connection UNION ALL SELECT 1 FROM outbox"
        return await cells(office.ctx, kept) == []

    await until(gone)


async def test_who_was_linked_is_known_again_under_another_registration(
    office: SimulatedOffice, owner: AtMicrosoft
) -> None:
    """The `sub` of a person differs from client to client; their object in the tenant does not."""
    owner.world.app("client2", "secret2", [f"{office.ctx.public_url}/oauth/microsoft/callback"])
    owner.world.apps["client"].removed = True
    owner.world.consents.expire_access()
    await provider_apps.save(office.ctx, provider="microsoft", client_id="client2", secret="secret2")

    async def lost() -> bool:
        return await state(office) == "needs_sign_in"

    await until(lost)
    again = await office.link(again=office.uid)
    assert again.uid == office.uid
    assert await state(office) == "ok"
    with pytest.raises(NotLinked) as taken:
        await office.link()
    assert taken.value.code.value == "taken"


async def test_who_was_stored_under_the_name_for_one_client_is_known_too(
    office: SimulatedOffice, owner: AtMicrosoft
) -> None:
    stored = (await cells(office.ctx, "SELECT subject FROM connection"))[0][0]
    tenant, _, person = stored.partition("/")
    assert tenant
    assert person
    user = next(each for each in owner.world.users.values() if each.oid == person)
    digest = hashlib.sha256(f"{user.oid} client".encode()).digest()
    pairwise = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    await change(office.ctx, "UPDATE connection SET subject = :s", s=pairwise)
    with pytest.raises(NotLinked) as taken:
        await office.link()
    assert taken.value.code.value == "taken"
    assert (await office.link(again=office.uid)).uid == office.uid
    assert await cells(office.ctx, "SELECT subject FROM connection") == [(stored,)]
