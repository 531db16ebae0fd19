"""What this installation is registered as at the providers that are linked by consent: shown, saved, forgotten.

The secret goes in and never comes out on a page: a view only says whether there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import col

from booking_app.db import provider_queries
from booking_app.db.alerts import close_alerts, open_alert
from booking_app.db.changes import announce
from booking_app.db.tables import Connection, ProviderApp
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid, NotFound
from booking_app.services.context import Context
from booking_app.sync import vendors
from booking_app.sync.vendors import CLOUDS, Vendor

NAMES = ("google", "microsoft")
"""The providers that are linked by consent, in the order in which they are shown."""
TESTING_LIFE = timedelta(days=7)
"""How long grants last while the consent screen is in "Testing" (Google, "Using OAuth 2.0", refresh token expiry)."""
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TENANT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE)
_SHARED = ("common", "organizations", "consumers")
_GOOGLE_ENDING = ".apps.googleusercontent.com"


@dataclass(frozen=True, kw_only=True)
class AppView:
    """A provider on the admin's page. Instants are epoch seconds. `ready`: people can link accounts of it.

    `redirect` and `webhook` are the addresses to register there; `trouble` says why the provider refuses this
    installation, empty while it does not; `closed` why it refuses everybody's requests although it hands out access,
    empty again once one succeeds; `accounts` counts the accounts that are linked; `simulated`: a simulator stands in
    for it."""

    provider: str
    title: str
    ready: bool
    client_id: str
    has_secret: bool
    cloud: str
    tenant: str
    testing: bool
    trouble: str
    closed: str
    redirect: str
    webhook: str
    accounts: int
    consented_at: int | None
    turned_back_at: int | None
    pushed_at: int | None
    updated_at: int | None
    simulated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What requests to a provider are signed with; for the server only. `trouble` as in the table."""

    vendor: Vendor
    client_id: str
    secret: str = field(repr=False)
    testing: bool
    trouble: str = field(default="", compare=False)


def about(provider: str) -> str:
    """What the secret of an installation is sealed for."""
    return f"provider:{provider}"


def alert_subject(provider: str) -> str:
    """The one alert that a provider refuses this installation."""
    return f"provider:{provider}"


def api_alert_subject(provider: str) -> str:
    """The one alert that it hands out access and refuses the requests all the same."""
    return f"{alert_subject(provider)}:api"


def refusing(subject: str) -> str:
    """The provider that an alert is about; empty for any other alert."""
    kind, _, rest = subject.partition(":")
    return rest.partition(":")[0] if kind == "provider" else ""


def redirect_address(ctx: Context, provider: str) -> str:
    """Where people come back to from the consent page."""
    return f"{ctx.public_url}/oauth/{provider}/callback"


def webhook_address(ctx: Context, provider: str) -> str:
    """Where the provider tells of changes."""
    return f"{ctx.public_url}/api/webhooks/{provider}"


def is_vendor(provider: str) -> bool:
    """Whether accounts of this provider are linked by consent instead of a password."""
    return provider in NAMES


def vendor_of(ctx: Context, provider: str, *, cloud: str = "", tenant: str = "common") -> Vendor:
    """Its addresses and scopes, of a simulator if one stands in for it. Raises `NotFound`."""
    base = ctx.stand_ins.get(provider, "")
    if provider == "google":
        return vendors.google(base)
    if provider == "microsoft":
        return vendors.microsoft(base, cloud=cloud if cloud in CLOUDS else "", tenant=tenant)
    raise NotFound("There is no such provider.")


async def registered(ctx: Context, provider: str) -> Registered | None:
    """The installation's credentials; None until an admin has entered them. Raises `NotFound` for no such provider,
    and what the sealer raises for a secret that no configured key opens."""
    if not is_vendor(provider):
        raise NotFound("There is no such provider.")
    async with ctx.sessions() as db:
        app = await db.get(ProviderApp, provider)
    if app is None or not app.client_id or not app.secret:
        return None
    return Registered(
        vendor=vendor_of(ctx, provider, cloud=app.cloud, tenant=app.tenant),
        client_id=app.client_id,
        secret=ctx.sealer.open(app.secret, about(provider)),
        testing=app.testing,
        trouble=app.trouble,
    )


async def listed(ctx: Context) -> tuple[AppView, ...]:
    """All providers that can be linked by consent, also those that nobody has set up."""
    async with ctx.sessions() as db:
        apps = {each.provider: each for each in await db.scalars(select(ProviderApp))}
        accounts = await provider_queries.linked_accounts(db)
        closed = {name: await provider_queries.incident(db, api_alert_subject(name)) or "" for name in NAMES}
    return tuple(_view(ctx, name, apps.get(name), accounts.get(name, 0), closed[name]) for name in NAMES)


async def linkable(ctx: Context) -> tuple[AppView, ...]:
    """The providers that people can link accounts of."""
    return tuple(each for each in await listed(ctx) if each.ready)


async def save(
    ctx: Context,
    *,
    provider: str,
    client_id: str,
    secret: str = "",
    cloud: str = "",
    tenant: str = "common",
    testing: bool = False,
) -> None:
    """Store the credentials; an empty `secret` keeps the one that is stored. What the provider refused before is
    forgotten and tried anew: its calendars are read at once, its waiting writes done.

    `cloud` and `tenant` are Microsoft's, `testing` is Google's. Raises `Invalid` naming the field, `NotFound`."""
    vendor = vendor_of(ctx, provider)
    client_id, secret = client_id.strip(), secret.strip()
    tenant = tenant.strip().lower() or "common"
    _check_client(vendor, client_id)
    if provider == "microsoft":
        testing = False
        _check_place(cloud, tenant)
    else:
        cloud, tenant = "", "common"
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        app = await db.get(ProviderApp, provider, with_for_update=True)
        if app is None:
            app = ProviderApp(provider=provider, updated_at=now)
            db.add(app)
        if secret:
            _check_secret(vendor, secret)
            app.secret = ctx.sealer.seal(secret, about(provider))
        elif not app.secret:
            raise Invalid("secret", "Enter the client secret.")
        app.client_id, app.cloud, app.tenant, app.testing = client_id, cloud, tenant, testing
        app.trouble, app.updated_at = "", now
        await db.flush()
        if testing:
            # They end after seven days also when the client leaves "Testing" later.
            await provider_queries.expect_ends(db, provider, TESTING_LIFE)
        await close_alerts(db, [alert_subject(provider), api_alert_subject(provider)], now)
        await provider_queries.try_again(db, provider, now)


async def refused(ctx: Context, provider: str, reason: str) -> None:
    """The provider does not accept this installation: one incident for the admins, whoever's account met it."""
    async with ctx.sessions.begin() as db:
        await provider_queries.note_trouble(db, provider, reason)
        await open_alert(
            db,
            subject=alert_subject(provider),
            message=(
                f"{reason} Until the credentials are mended, no account that is connected to it can be read or "
                "written. Nobody has to connect theirs again."
            ),
            now=ctx.now(),
        )
        await announce(db, "sync")


async def accepted(ctx: Context, provider: str) -> None:
    """It does again: what waited for that is done now."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        await provider_queries.note_trouble(db, provider, "")
        await close_alerts(db, [alert_subject(provider)], now)
        await provider_queries.try_again(db, provider, now)


async def turned_back(ctx: Context, provider: str) -> None:
    """Somebody came back with nothing, because only an administrator of their organisation may allow access."""
    async with ctx.sessions.begin() as db:
        await provider_queries.note_turned_back(db, provider, ctx.now())


async def forget(ctx: Context, *, provider: str) -> None:
    """Remove the credentials. Raises `Invalid` naming `provider` while accounts are linked through them."""
    vendor = vendor_of(ctx, provider)
    async with ctx.sessions.begin() as db:
        app = await db.get(ProviderApp, provider, with_for_update=True)
        many = await db.scalar(select(func.count()).where(col(Connection.provider) == provider))
        if many:
            accounts = "1 account is" if many == 1 else f"{many} accounts are"
            raise Invalid(
                "provider", f"{accounts} connected to {vendor.title}. Disconnect first, or replace the credentials."
            )
        if app is not None:
            await db.delete(app)
        await close_alerts(db, [alert_subject(provider), api_alert_subject(provider)], ctx.now())


def _check_client(vendor: Vendor, client_id: str) -> None:
    if not client_id:
        raise Invalid("client_id", "Enter the client id.")
    if len(client_id) > 255 or not client_id.isprintable() or " " in client_id:
        raise Invalid("client_id", "This is not a client id: it has no blanks and at most 255 characters.")
    if vendor.simulated:
        return
    if vendor.name == "google" and not client_id.endswith(_GOOGLE_ENDING):
        raise Invalid("client_id", f"A client id of Google ends with {_GOOGLE_ENDING}.")
    if vendor.name == "microsoft" and not _GUID.fullmatch(client_id):
        raise Invalid("client_id", "Enter the “Application (client) ID”, which looks like 8 digits, then 4-4-4-12.")


def _check_secret(vendor: Vendor, secret: str) -> None:
    if len(secret) > 1000 or not secret.isprintable() or " " in secret:
        raise Invalid("secret", "This is not a client secret: it has no blanks and at most 1000 characters.")
    if vendor.name == "microsoft" and _GUID.fullmatch(secret):
        raise Invalid("secret", "This is the ID of the secret. Copy what stands in the column “Value” instead.")


def _check_place(cloud: str, tenant: str) -> None:
    if cloud not in CLOUDS:
        raise Invalid("cloud", "Choose one of the clouds.")
    if tenant not in _SHARED and not _GUID.fullmatch(tenant) and not _TENANT.fullmatch(tenant):
        raise Invalid("tenant", "Enter common, organizations, consumers, or the tenant's id or domain.")
    if cloud and tenant == "consumers":
        raise Invalid("tenant", "A national cloud has no personal accounts. Enter organizations or the tenant.")


def _view(ctx: Context, name: str, app: ProviderApp | None, accounts: int, closed: str) -> AppView:
    app = app or ProviderApp(provider=name)
    vendor = vendor_of(ctx, name, cloud=app.cloud, tenant=app.tenant)
    moments = (app.consented_at, app.turned_back_at, app.pushed_at, app.updated_at)
    consented_at, turned_back_at, pushed_at, updated_at = (
        None if each is None else to_instant(each) for each in moments
    )
    return AppView(
        provider=name,
        title=vendor.title,
        ready=bool(app.client_id and app.secret),
        client_id=app.client_id,
        has_secret=bool(app.secret),
        cloud=app.cloud,
        tenant=app.tenant,
        testing=app.testing,
        trouble=app.trouble,
        closed=closed,
        redirect=redirect_address(ctx, name),
        webhook=webhook_address(ctx, name),
        accounts=accounts,
        consented_at=consented_at,
        turned_back_at=turned_back_at,
        pushed_at=pushed_at,
        updated_at=updated_at,
        simulated=vendor.simulated,
    )
