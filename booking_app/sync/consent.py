"""Linking accounts by consent: to the provider's consent page and back (RFC 6749 section 4.1, PKCE of RFC 7636).

The way back is open once, for ten minutes, and only to the browser session that set out. As with a password, linking
only looks: nothing is read for availability or written before the person has chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from booking_app.db.provider_queries import others_with
from booking_app.db.tables import Connection, ConsentAttempt
from booking_app.domain.errors import NotFound
from booking_app.services import provider_apps
from booking_app.services.accounts import SignedIn, token_hash
from booking_app.services.context import Context
from booking_app.services.link_words import LinkError, NotLinked
from booking_app.services.provider_apps import Registered
from booking_app.sync import health
from booking_app.sync.accounts import Accounts
from booking_app.sync.consent_store import store
from booking_app.sync.errors import AccessLost, ProviderError, ProviderRefused
from booking_app.sync.linked import has_room, mine
from booking_app.sync.model import Mode, RemoteCalendar
from booking_app.sync.oauth import Given, Tokens, may_write, missing
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.vault import UnreadableSecret

VALID = timedelta(minutes=10)
TRY_LIMIT = 20.0
"""Seconds that somebody who comes back waits for the list of their calendars."""
_STATE = 43
"""Characters of a state: 32 random bytes."""
_VERIFIER = 64
"""Characters of the code verifier: RFC 7636, section 4.1, wants 43 to 128."""
_ADMIN = ("AADSTS90094", "AADSTS90095", "AADSTS65001")
"""Microsoft, error codes: an administrator of the organisation has to consent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """`uid` of the connection. Not `writes`: nothing can be written there, although that was asked for."""

    uid: str
    writes: bool


async def start(
    ctx: Context,
    accounts: Accounts,
    *,
    person: SignedIn,
    session: str,
    provider: str,
    mode: Mode | None = None,
    connection_uid: str | None = None,
) -> str:
    """The address of the consent page for a person whose session cookie has the value `session`.

    With `connection_uid` that account is linked anew, with at least what it could do before. Raises `NotLinked`."""
    app = await _app(accounts, provider)
    if person.bookable_id is None:
        raise NotLinked(LinkError.STATE)
    hint = None
    if connection_uid is None:
        async with ctx.sessions() as db:
            if not await has_room(db, person.bookable_id):
                raise NotLinked(LinkError.FULL)
    else:
        connection = await _known(ctx, person.bookable_id, provider, connection_uid)
        hint = connection.username or None
        mode = Mode.FULL if Mode.FULL in (mode, Mode(connection.mode)) else Mode.BUSY
    mode = mode or Mode.FULL
    state, verifier = secrets.token_urlsafe(32), generate_token(_VERIFIER)
    key = token_hash(state)
    async with ctx.sessions.begin() as db:
        db.add(
            ConsentAttempt(
                state_hash=key,
                session_hash=token_hash(session),
                bookable_id=person.bookable_id,
                provider=provider,
                mode=mode.value,
                connection_uid=None if connection_uid is None else UUID(connection_uid),
                verifier=ctx.sealer.seal(verifier, _about(key)),
                expires_at=ctx.now() + VALID,
            )
        )
    return str(
        prepare_grant_uri(
            app.vendor.authorize,
            app.client_id,
            "code",
            redirect_uri=provider_apps.redirect_address(ctx, provider),
            scope=" ".join(app.vendor.scopes[mode]),
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            login_hint=hint,
            **app.vendor.asks,
        )
    )


async def finish(
    ctx: Context, accounts: Accounts, *, session: str | None, provider: str, answer: Mapping[str, str]
) -> Linked:
    """Take what the consent page sent back, and store the account with its calendars listed.

    An account that is linked anew keeps every choice. Raises `NotLinked`; then nothing was stored."""
    attempt = await _used(ctx, session, provider, answer.get("state", ""))
    if "error" in answer or not answer.get("code"):
        why = _refusal(answer)
        if why is LinkError.ADMIN_CONSENT:
            await provider_apps.turned_back(ctx, provider)
        raise NotLinked(why)
    try:
        verifier = ctx.sealer.open(attempt.verifier, _about(attempt.state_hash))
    except UnreadableSecret:
        raise NotLinked(LinkError.EXPIRED) from None
    app = await _app(accounts, provider)
    tokens = await _exchange(ctx, accounts, app, code=answer["code"], verifier=verifier)
    mode = Mode(attempt.mode)
    granted = tokens.scopes or app.vendor.scopes[mode]
    try:
        if not tokens.refresh or not tokens.subject:
            raise NotLinked(LinkError.PROVIDER)
        left_out = missing(app.vendor, mode, granted)
        if left_out:
            raise NotLinked(LinkError.MISSING, left_out)
        found = await _calendars(ctx, accounts, app, tokens, mode)
        uid = await store(ctx, app, attempt, tokens, found)
    except BaseException:
        # Whatever it was (a database that restarts, somebody who closed the browser): nobody here could end it later.
        await _let_go(ctx, accounts, app, tokens)
        raise
    return Linked(uid=uid, writes=mode is Mode.BUSY or may_write(app.vendor, mode, granted))


def _about(state_hash: bytes) -> str:
    return f"consent:{state_hash.hex()}"


async def _app(accounts: Accounts, provider: str) -> Registered:
    try:
        return await accounts.consented.grants.app(provider)
    except (NotFound, ProviderError):
        raise NotLinked(LinkError.PROVIDER) from None


async def _known(ctx: Context, bookable_id: int, provider: str, connection_uid: str) -> Connection:
    try:
        async with ctx.sessions() as db:
            connection = await mine(db, bookable_id, connection_uid)
    except NotFound:
        raise NotLinked(LinkError.STATE) from None
    if connection.provider != provider:
        raise NotLinked(LinkError.STATE)
    return connection


async def _used(ctx: Context, session: str | None, provider: str, state: str) -> ConsentAttempt:
    """The attempt of this session, which is over with that. Whatever does not fit is the same refusal, and leaves what
    somebody else has begun as it is; what cannot fit does not reach the database."""
    if session is None or not provider_apps.is_vendor(provider) or len(state) != _STATE:
        raise NotLinked(LinkError.STATE)
    async with ctx.sessions.begin() as db:
        attempt: ConsentAttempt | None = await db.scalar(
            delete(ConsentAttempt)
            .where(
                col(ConsentAttempt.state_hash) == token_hash(state),
                col(ConsentAttempt.session_hash) == token_hash(session),
                col(ConsentAttempt.provider) == provider,
            )
            .returning(ConsentAttempt)
        )
    if attempt is None:
        raise NotLinked(LinkError.STATE)
    if attempt.expires_at <= ctx.now():
        raise NotLinked(LinkError.EXPIRED)
    return attempt


def _refusal(answer: Mapping[str, str]) -> LinkError:
    """What an error of the consent page means (RFC 6749, section 4.1.2.1)."""
    name, words = answer.get("error", ""), answer.get("error_description", "")
    if name in ("consent_required", "admin_policy_enforced", "org_internal") or any(each in words for each in _ADMIN):
        return LinkError.ADMIN_CONSENT
    return LinkError.DENIED if name == "access_denied" else LinkError.PROVIDER


async def _exchange(ctx: Context, accounts: Accounts, app: Registered, *, code: str, verifier: str) -> Tokens:
    redirect = provider_apps.redirect_address(ctx, app.vendor.name)
    try:
        tokens = await accounts.consented.grants.exchange(app, code=code, verifier=verifier, redirect=redirect)
    except AccessLost:
        raise NotLinked(LinkError.EXPIRED) from None
    except ProviderError:
        raise NotLinked(LinkError.PROVIDER) from None
    return tokens


async def _calendars(
    ctx: Context, accounts: Accounts, app: Registered, tokens: Tokens, mode: Mode
) -> tuple[RemoteCalendar, ...]:
    opened: CalendarProvider | None = None
    try:
        opened = accounts.consented.open_provider(app.vendor.name, Given(tokens.access), app.vendor, mode)
        async with asyncio.timeout(TRY_LIMIT):
            found = await opened.list_calendars()
    except TimeoutError:
        raise NotLinked(LinkError.PROVIDER) from None
    except ProviderError as error:
        if isinstance(error, ProviderRefused):
            async with ctx.sessions.begin() as db:
                await health.installation_refused(db, app.vendor.name, str(error), ctx.now())
        raise NotLinked(LinkError.PROVIDER) from None
    finally:
        if opened is not None:
            await opened.close()
    if not found:
        raise NotLinked(LinkError.PROVIDER)
    return found


async def _let_go(ctx: Context, accounts: Accounts, app: Registered, tokens: Tokens) -> None:
    """Give back what was granted and is not kept, unless an account here lives on it: a provider that revokes one
    token of a person revokes all."""
    if not tokens.refresh:
        return
    with contextlib.suppress(OperationalError):
        async with ctx.sessions() as db:
            if not await others_with(db, app.vendor.name, tokens.subject):
                await accounts.consented.grants.give_back(app, tokens.refresh)
