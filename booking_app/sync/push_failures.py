"""What follows from a write that a provider refused or did not answer."""

from __future__ import annotations

import logging

from booking_app.db.locks import lock_connection
from booking_app.db.push_queries import Placed
from booking_app.domain.effects import Outcome, Park, Retry, Work
from booking_app.services.context import Context
from booking_app.sync import health
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import AccessLost, Gone, KeyMissing, ProviderError, Rejected, Transient
from booking_app.sync.policy import setback

log = logging.getLogger(__name__)

PATIENCE = 3
"""So many refusals of one write are taken for bad luck before a person has to look."""
SIGNED_OUT = Retry(reason="Waits for the calendar account to be signed in again.", after=600)


async def failed(ctx: Context, accounts: Accounts, error: ProviderError, place: Placed, work: Work) -> Outcome:
    """What happens next with a write that the provider answered with `error`."""
    log.warning("push.failed", extra={"work": work.id, "error": type(error).__name__, "attempts": work.attempts})
    match error:
        case AccessLost():
            return await _refused(ctx, accounts, place, error, work)
        case KeyMissing():
            return await _without_key(ctx, error)
        case Transient(retry_after=after):
            return Retry(reason=str(error), after=after)
        case Rejected() | Gone():
            return Retry(reason=str(error)) if work.attempts < PATIENCE else Park(reason=str(error))
        case _:
            return Retry(reason=str(error))


async def _without_key(ctx: Context, error: KeyMissing) -> Outcome:
    async with ctx.sessions.begin() as db:
        await health.key_missing(db, ctx.now())
    return Retry(reason=str(error))


async def _refused(ctx: Context, accounts: Accounts, place: Placed, error: AccessLost, work: Work) -> Outcome:
    """One refused request may concern one calendar only: an account is lost when it refuses twice."""
    try:
        provider = await accounts.of(place.connection)
        await provider.list_calendars()
    except AccessLost as again:
        async with ctx.sessions.begin() as db:
            current = await lock_connection(db, place.connection.id or 0)
            if current is not None and current.secret == place.connection.secret:
                await health.lost_access(db, current, setback(again, 1), ctx.now())
        return SIGNED_OUT
    except ProviderError as other:
        return Retry(reason=str(other))
    reason = f"The account works, but this calendar does not take the event. {error}"
    return Retry(reason=reason) if work.attempts < PATIENCE else Park(reason=reason)
