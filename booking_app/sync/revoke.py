"""Taking leave of an account that was linked by consent: its push channels are closed, then its grant is revoked."""

from __future__ import annotations

import logging

from booking_app.db.provider_queries import note_token, others_with
from booking_app.domain.clock import to_instant
from booking_app.domain.effects import Done, Outcome, Retry, Work
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.services.provider_apps import Registered
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import KeyMissing, ProviderError, Transient
from booking_app.sync.model import Mode, Opened
from booking_app.sync.oauth import Given
from booking_app.sync.vault import UnreadableSecret

log = logging.getLogger(__name__)

CHANNEL_TRIES = 5
"""So often it is tried to close the push channels before the grant is revoked without that."""
GIVE_UP = 7 * 86400
"""Seconds after which a grant is left to its owner, who can end it at the provider."""


async def revoke(ctx: Context, accounts: Accounts, work: Work) -> Outcome:
    """The handler of the effect `revoke`; the payload is what `provider_queries.let_go` notes of the account.

    A grant that another account here lives on stays: a provider that revokes one token of a person revokes all."""
    provider, subject = str(work.payload["provider"]), str(work.payload["subject"])
    try:
        token = ctx.sealer.open(bytes.fromhex(str(work.payload["sealed"])), work.key)
        app = await _app(ctx, provider)
    except UnreadableSecret:
        # Another process may have the key.
        return _later(ctx, work, KeyMissing())
    try:
        token, left = await _close_channels(ctx, accounts, app, token, work)
        if left is not None:
            if isinstance(left, Transient) and work.attempts < CHANNEL_TRIES:
                raise left
            # Pushes that nobody takes end by themselves; the grant does not.
            log.warning("revoke.channels_left", extra={"work": work.id, "error": str(left)})
        async with ctx.sessions() as db:
            shared = await others_with(db, provider, subject)
        if not shared:
            await accounts.consented.grants.endpoint.revoke(app, token=token)
    except ProviderError as error:
        return _later(ctx, work, error)
    return Done()


def _later(ctx: Context, work: Work, error: ProviderError) -> Outcome:
    if to_instant(ctx.now()) - work.created_at > GIVE_UP:
        log.warning("revoke.given_up", extra={"work": work.id})
        return Done()
    return Retry(reason=str(error), after=error.retry_after if isinstance(error, Transient) else None)


async def _app(ctx: Context, provider: str) -> Registered:
    """The installation's credentials, or none if they were removed meanwhile: revoking needs only the address."""
    app = await provider_apps.registered(ctx, provider)
    vendor = provider_apps.vendor_of(ctx, provider)
    return app or Registered(vendor=vendor, client_id="", secret="", testing=False)


async def _close_channels(
    ctx: Context, accounts: Accounts, app: Registered, token: str, work: Work
) -> tuple[str, ProviderError | None]:
    """End the pushes; the refresh token that is good afterwards, and why they were not ended."""
    channels = work.payload.get("channels")
    if not isinstance(channels, list) or not channels or not app.client_id:
        return token, None
    consented = accounts.consented
    try:
        tokens = await consented.grants.endpoint.refresh(app, refresh=token)
    except ProviderError as error:
        return token, error
    if tokens.refresh:
        # Stored before anything else is done: the earlier one may be good for nothing any more.
        token = tokens.refresh
        async with ctx.sessions.begin() as db:
            await note_token(db, work.id, ctx.sealer.seal(token, work.key))
    mode = Mode(str(work.payload["mode"]))
    notifier = consented.open_notifier(app.vendor.name, Given(tokens.access), app.vendor, mode)
    try:
        for remote_id, resource_id in channels:
            await notifier.close(Opened(remote_id=remote_id, resource_id=resource_id, expires_at=0))
    except ProviderError as error:
        return token, error
    finally:
        await notifier.release()
    return token, None
