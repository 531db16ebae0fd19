"""What an admin enters about this installation at a provider: checked, sealed, never shown again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from booking_app.db.tables import Calendar, Connection
from booking_app.domain.errors import Invalid, NotFound
from booking_app.feed import Hub, listening
from booking_app.services import provider_apps
from booking_app.services.context import Context
from tests.factories import make_calendar, make_person
from tests.office import cells

GOOGLE_ID = "123-abc.apps.googleusercontent.com"
MICROSOFT_ID = "11111111-2222-3333-4444-555555555555"
SECRET = "GOCSPX-planted-client-secret"


async def view(ctx: Context, provider: str) -> provider_apps.AppView:
    return next(each for each in await provider_apps.listed(ctx) if each.provider == provider)


async def test_what_nobody_set_up_is_listed_with_the_addresses_to_register(ctx: Context) -> None:
    google, microsoft = await provider_apps.listed(ctx)
    assert (google.ready, google.redirect, google.webhook) == (
        False,
        "https://book.example.com/oauth/google/callback",
        "https://book.example.com/api/webhooks/google",
    )
    assert microsoft.redirect == "https://book.example.com/oauth/microsoft/callback"
    assert await provider_apps.linkable(ctx) == ()
    assert await provider_apps.registered(ctx, "google") is None


async def test_the_secret_is_sealed_and_in_no_view(ctx: Context) -> None:
    await provider_apps.save(ctx, provider="google", client_id=f" {GOOGLE_ID} ", secret=SECRET, testing=True)
    found = await view(ctx, "google")
    assert (found.ready, found.client_id, found.has_secret, found.testing) == (True, GOOGLE_ID, True, True)
    assert SECRET not in repr(await provider_apps.listed(ctx))
    ((sealed,),) = await cells(ctx, "SELECT secret FROM provider_app")
    assert SECRET.encode() not in bytes(sealed)
    app = await provider_apps.registered(ctx, "google")
    assert app is not None
    assert app.secret == SECRET
    assert SECRET not in repr(app)


async def test_an_empty_secret_keeps_the_stored_one(ctx: Context) -> None:
    await provider_apps.save(ctx, provider="microsoft", client_id=MICROSOFT_ID, secret="first")
    await provider_apps.save(ctx, provider="microsoft", client_id=MICROSOFT_ID, tenant="Contoso.com", cloud="usgov")
    app = await provider_apps.registered(ctx, "microsoft")
    assert app is not None
    assert app.secret == "first"
    assert app.vendor.token == "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token"
    assert app.vendor.api == "https://graph.microsoft.us/v1.0/"


@pytest.mark.parametrize(
    ("provider", "fields", "field"),
    [
        ("google", {"client_id": ""}, "client_id"),
        ("google", {"client_id": "123"}, "client_id"),
        ("google", {"client_id": f"a b{GOOGLE_ID}"}, "client_id"),
        ("google", {"client_id": GOOGLE_ID, "secret": ""}, "secret"),
        ("google", {"client_id": GOOGLE_ID, "secret": "two words"}, "secret"),
        ("microsoft", {"client_id": GOOGLE_ID}, "client_id"),
        ("microsoft", {"client_id": MICROSOFT_ID, "secret": MICROSOFT_ID}, "secret"),
        ("microsoft", {"client_id": MICROSOFT_ID, "cloud": "moon"}, "cloud"),
        ("microsoft", {"client_id": MICROSOFT_ID, "tenant": "https://contoso.com"}, "tenant"),
        ("microsoft", {"client_id": MICROSOFT_ID, "tenant": "consumers", "cloud": "china"}, "tenant"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    ctx: Context, provider: str, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await provider_apps.save(ctx, provider=provider, **{"secret": SECRET, **fields})  # type: ignore[arg-type]
    assert refused.value.field == field
    assert await cells(ctx, "SELECT 1 FROM provider_app") == []


async def test_only_providers_that_are_linked_by_consent_have_credentials(ctx: Context) -> None:
    with pytest.raises(NotFound):
        await provider_apps.save(ctx, provider="caldav", client_id=GOOGLE_ID, secret=SECRET)


async def test_a_simulator_stands_in_and_takes_any_client_id(ctx: Context) -> None:
    ctx = replace(ctx, stand_ins={"google": "http://127.0.0.1:9001"})
    await provider_apps.save(ctx, provider="google", client_id="sim", secret=SECRET)
    app = await provider_apps.registered(ctx, "google")
    assert app is not None
    assert (app.vendor.token, app.vendor.simulated) == ("http://127.0.0.1:9001/token", True)
    assert (await view(ctx, "google")).simulated


async def test_credentials_are_not_forgotten_while_accounts_need_them(ctx: Context) -> None:
    await provider_apps.save(ctx, provider="google", client_id=GOOGLE_ID, secret=SECRET)
    calendar = await make_calendar(ctx, await make_person(ctx))
    async with ctx.sessions.begin() as db:
        connection = (await cells(ctx, "SELECT connection_id FROM calendar WHERE id = :id", id=calendar))[0][0]
        found = await db.get(Connection, connection)
        assert found is not None
        found.provider = "google"
    assert (await view(ctx, "google")).accounts == 1
    with pytest.raises(Invalid) as refused:
        await provider_apps.forget(ctx, provider="google")
    assert refused.value.field == "provider"
    async with ctx.sessions.begin() as db:
        await db.delete(await db.get_one(Connection, connection))
    await provider_apps.forget(ctx, provider="google")
    assert not (await view(ctx, "google")).ready


async def test_p22_all_calendars_of_a_provider_are_told_of_however_many(ctx: Context, database_url: str) -> None:
    person = await make_person(ctx)
    async with ctx.sessions.begin() as db:
        connection = Connection(bookable_id=person, provider="google", label="Google", username="anna", secret=b"x")
        db.add(connection)
        await db.flush()
        rows = [
            Calendar(
                connection_id=connection.id or 0,
                bookable_id=person,
                remote_id=str(number),
                name="c",
                blocks=True,
                due_at=ctx.now() + timedelta(hours=1),
            )
            for number in range(1700)  # PostgreSQL takes fewer than 8,000 bytes at once
        ]
        db.add_all(rows)
        await db.flush()
        ids = {each.id for each in rows}
    hub, told = Hub(), set[int]()
    async with listening(database_url, hub):
        with hub.subscribe("due", "outbox") as news:
            await provider_apps.save(ctx, provider="google", client_id=GOOGLE_ID, secret=SECRET)
            while told != ids:
                for change in await news.next(5):
                    told |= change.ids if change.topic == "due" else set()
    await provider_apps.refused(ctx, "google", "The client secret is wrong.")
    await provider_apps.accepted(ctx, "google")
    assert (await view(ctx, "google")).trouble == ""
