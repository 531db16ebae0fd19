"""Access tokens of the accounts that are linked by consent: renewed ahead of their end, by one process at a time.

A provider may hand out a new refresh token each time and forget the old one, so an answer must never get lost: the
grant's row is locked before the provider is asked and the answer is stored in the same transaction; whoever waited
for the lock finds the new token there. A caller that gives up does not break off what has been begun, and an answer
that the database did not take is kept in memory. What remains is a process that dies in the instant between answer and
commit: providers that rotate take the earlier token for a while for that reason. The transaction locks that row alone,
so it stands in no ring with the locks of `db/locks.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from booking_app.db.tables import Connection, Grant
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.services.provider_apps import TESTING_LIFE, Registered
from booking_app.sync.errors import AccessLost, KeyMissing, ProviderError, ProviderRefused, Transient
from booking_app.sync.oauth import Access, TokenEndpoint, Tokens
from booking_app.sync.vault import UnreadableSecret

log = logging.getLogger(__name__)

WIDTH = 4
"""Renewals at a time in one process, at each provider: each holds a connection of the database while it is asked."""
_PAUSE, _LONG_PAUSE, _LONGEST = 2.0, 30.0, 300.0
"""Seconds in which a provider is not asked again after a disturbance, a refusal of this installation, and at most."""


def about(connection: Connection) -> str:
    """What the tokens of a connection are sealed for."""
    return f"grant:{connection.uid}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pause:
    app: Registered
    until: float
    error: Transient


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unsaved:
    """An answer that the database did not take: it counts as long as the token that it came for is the stored one."""

    asked_with: str = field(repr=False)
    tokens: Tokens


class Grants:
    """Hands out the token sources of connections; one a connection and consent, however often it is asked for."""

    def __init__(self, ctx: Context, endpoint: TokenEndpoint) -> None:
        self.ctx = ctx
        self.endpoint = endpoint
        self._sources: dict[int, tuple[bytes, Source]] = {}
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(WIDTH))
        self._pauses: dict[str, _Pause] = {}
        self._told: dict[str, tuple[str, float]] = {}

    def source(self, connection: Connection) -> Source:
        """The access tokens of an account."""
        number = connection.id or 0
        kept = self._sources.get(number)
        if kept is None or kept[0] != connection.secret:
            kept = self._sources[number] = connection.secret, Source(self, connection)
        return kept[1]

    async def app(self, provider: str) -> Registered:
        """The installation's credentials. Raises `ProviderRefused`, which is told, before they are entered, and
        `KeyMissing`."""
        try:
            app = await provider_apps.registered(self.ctx, provider)
        except UnreadableSecret:
            raise KeyMissing from None
        if app is None:
            title = provider_apps.vendor_of(self.ctx, provider).title
            why = "its client id and client secret have not been entered"
            error = ProviderRefused(f"{title} cannot be reached by this installation: {why}.")
            await self._tell(provider, error)
            raise error
        return app

    async def exchange(self, app: Registered, *, code: str, verifier: str, redirect: str) -> Tokens:
        """The tokens of a new consent. Raises what the endpoint raises; a refusal of the installation is told."""
        try:
            tokens = await self.endpoint.exchange(app, code=code, verifier=verifier, redirect=redirect)
        except ProviderRefused as error:
            await self._tell(app.vendor.name, error)
            raise
        await self._works(app)
        return tokens

    async def check(self, provider: str) -> float | None:
        """Whether the provider accepts this installation: opens or closes the incident as is found. How many seconds
        its clock is ahead of ours, None if it does not say. Raises `ProviderRefused` and `Transient`."""
        app = await self.app(provider)
        try:
            ahead = await self.endpoint.check(app)
        except ProviderRefused as error:
            await self._tell(provider, error)
            raise
        await self._works(app)
        return ahead

    async def give_back(self, app: Registered, refresh: str) -> None:
        """Revoke what is not kept, as far as that can be done at once: nobody waits for it."""
        with contextlib.suppress(ProviderError):
            await self.endpoint.revoke(app, token=refresh)

    async def keep_only(self, connections: Collection[int]) -> None:
        """Forget the tokens of all other connections: those are no more."""
        for number in self._sources.keys() - set(connections):
            _, source = self._sources.pop(number)
            await source.finish()

    async def close(self) -> None:
        """Let what has been begun come to its end, then release everything."""
        await self.keep_only(())
        await self.endpoint.close()

    async def renew(self, source: Source, refused: str) -> Access:
        """A token that is not `refused`, from the database or else from the provider."""
        app = await self.app(source.provider)
        async with self._places[source.provider]:
            try:
                access, error = await self._renew(app, source, refused)
            except OperationalError as busy:
                raise Transient("Access could not be renewed, because the database is busy.") from busy
        if isinstance(error, ProviderRefused):
            await self._tell(source.provider, error)
        elif error is None:
            await self._works(app)
        if access is not None:
            return access
        assert error is not None
        raise error

    async def _renew(
        self, app: Registered, source: Source, refused: str
    ) -> tuple[Access | None, AccessLost | Transient | None]:
        """What the database or the provider gives; with an error besides if the provider did not."""
        ctx, seal = self.ctx, self.ctx.sealer
        async with ctx.sessions.begin() as db:
            query = select(Grant).where(col(Grant.connection_id) == source.connection_id).with_for_update()
            grant: Grant | None = await db.scalar(query)
            if grant is None:
                return None, AccessLost("The account has to be connected again.", final=True)
            try:
                refresh = seal.open(grant.refresh, source.about)
                stored = seal.open(grant.access, source.about) if grant.access else ""
            except UnreadableSecret:
                # Perhaps sealed by a process that has the new key already; that one can go on.
                return None, KeyMissing()
            now = ctx.now()
            ends_at, since = grant.access_ends_at or now, grant.refreshed_at or grant.granted_at
            access = Access.living(stored, since, ends_at)
            usable = bool(stored) and stored != refused
            if usable and access.replace_at > now:
                return access, None
            try:
                tokens = await self._ask(app, source, refresh)
            except AccessLost as error:
                return None, _ended(app, grant, error, now)
            except Transient as error:
                log.warning("grant.not_renewed", extra={"connection": source.connection_id, "error": str(error)})
                left = usable and access.good_until > now
                return (replace(access, replace_at=now) if left else None), error
            source.unsaved = _Unsaved(asked_with=refresh, tokens=tokens)
            keep(ctx, grant, tokens, source.about)
            ends_at = now + timedelta(seconds=tokens.lifetime)
        source.unsaved = None
        return Access.living(tokens.access, now, ends_at), None

    async def _ask(self, app: Registered, source: Source, refresh: str) -> Tokens:
        if source.unsaved is not None and source.unsaved.asked_with == refresh:
            return source.unsaved.tokens
        now, pause = self.ctx.elapsed(), self._pauses.get(source.provider)
        if pause is not None and pause.app == app and now < pause.until:
            raise type(pause.error)(str(pause.error), pause.until - now)
        try:
            tokens = await self._refresh(app, refresh)
        except Transient as error:
            wait = max(_LONG_PAUSE if isinstance(error, ProviderRefused) else _PAUSE, error.retry_after or 0)
            until = now + min(wait, _LONGEST)
            self._pauses[source.provider] = _Pause(app=app, until=until, error=error)
            raise
        self._pauses.pop(source.provider, None)
        return tokens

    async def _refresh(self, app: Registered, refresh: str) -> Tokens:
        """A refusal of the installation that one account meets is taken for one only if the provider refuses the
        installation by itself, too: an organisation that locks this program out is no reason to stop all others."""
        try:
            return await self.endpoint.refresh(app, refresh=refresh)
        except ProviderRefused as error:
            await self.endpoint.check(app)
            raise AccessLost(f"{app.vendor.title} does not let this account in: {error.why}.") from error

    async def _works(self, app: Registered) -> None:
        if app.trouble:
            self._told.pop(app.vendor.name, None)
            await provider_apps.accepted(self.ctx, app.vendor.name)

    async def _tell(self, provider: str, error: ProviderRefused) -> None:
        """Open the incident; not for each of hundreds of accounts that meet it at the same time."""
        now, told = self.ctx.elapsed(), self._told.get(provider)
        if told is not None and told[0] == str(error) and now < told[1]:
            return
        self._told[provider] = str(error), now + _LONG_PAUSE
        log.error("provider.refused", extra={"provider": provider, "error": str(error)})
        await provider_apps.refused(self.ctx, provider, str(error))


def keep(ctx: Context, grant: Grant, tokens: Tokens, about: str) -> None:
    """Put an answer into the row. What the provider did not send anew stays."""
    now = ctx.now()
    grant.access = ctx.sealer.seal(tokens.access, about)
    grant.access_ends_at = now + timedelta(seconds=tokens.lifetime)
    grant.refreshed_at = now
    if tokens.refresh:
        grant.refresh = ctx.sealer.seal(tokens.refresh, about)
    if tokens.scopes:
        grant.scopes = " ".join(tokens.scopes)
    if tokens.refresh_lifetime is not None:
        grant.ends_at = now + timedelta(seconds=tokens.refresh_lifetime)


def expected_end(app: Registered, tokens: Tokens, now: datetime) -> datetime | None:
    """When a new grant ends by itself: as the provider says, or after seven days in "Testing"."""
    if tokens.refresh_lifetime is not None:
        return now + timedelta(seconds=tokens.refresh_lifetime)
    return now + TESTING_LIFE if app.testing else None


def _ended(app: Registered, grant: Grant, error: AccessLost, now: datetime) -> AccessLost:
    """Why a grant is over, if that was to be expected."""
    if grant.ends_at is None or now < grant.ends_at:
        return error
    why = ", because this program is in “Testing” there" if app.testing else ""
    return AccessLost(f"{app.vendor.title} ended the link after the time for which it was given{why}.", final=True)


class Source:
    """The `TokenSource` of one consent. All who ask at the same time share one renewal."""

    def __init__(self, grants: Grants, connection: Connection) -> None:
        self.connection_id = connection.id or 0
        self.provider = connection.provider
        self.about = about(connection)
        self.unsaved: _Unsaved | None = None
        self._grants = grants
        self._kept: Access | None = None
        self._refused = ""
        self._renewing: asyncio.Task[Access] | None = None

    async def token(self) -> str:
        now = self._grants.ctx.now()
        if self._kept is not None and now < self._kept.replace_at:
            return self._kept.token
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._grants.renew(self, self._refused))
            self._renewing.add_done_callback(self._renewed)
        if self._kept is not None and now < self._kept.good_until:
            return self._kept.token  # which does not have to wait for an endpoint that is slow, or silent
        # Shielded: the answer may be the only way to the next token, whether or not somebody waits for this one.
        return (await asyncio.shield(self._renewing)).token

    async def refused(self, token: str) -> None:
        self._refused = token
        if self._kept is not None and self._kept.token == token:
            self._kept = None

    async def finish(self) -> None:
        """Wait for a renewal that has been begun."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])

    def _renewed(self, task: asyncio.Task[Access]) -> None:
        self._renewing = None
        if not task.cancelled() and task.exception() is None and task.result().token != self._refused:
            self._kept = task.result()
