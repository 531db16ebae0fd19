"""Consents and their tokens. Sources: Microsoft identity platform, "OAuth 2.0 authorization code flow" and "Refresh
tokens"."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CODE_SECONDS = 600
UNUSED_DAYS = 90
GRAPH = "https://graph.microsoft.com/"
IDENTITY = frozenset({"openid", "profile", "email", "offline_access"})
PERMISSIONS = {
    "User.Read": "Sign you in and read your profile",
    "Calendars.ReadBasic": "Read basic details of your calendars",
    "Calendars.Read": "Read your calendars",
    "Calendars.ReadWrite": "Have full access to your calendars",
    "Calendars.Read.Shared": "Read calendars you can access",
    "Calendars.ReadWrite.Shared": "Read and write to your and shared calendars",
    "MailboxSettings.Read": "Read your mailbox settings",
    "OnlineMeetings.ReadWrite": "Read and create your online meetings",
}
"""What may be asked for, as the consent page words it."""


@dataclass(kw_only=True)
class App:
    """A registered app. Change `secret` to break it; `expired_secret`: its secret ran out. `tenant` empty: anyone may
    use it, else only that tenant's people. `removed`: somebody deleted the registration."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    tenant: str = ""
    expired_secret: bool = False
    removed: bool = False


@dataclass(kw_only=True)
class Grant:
    """What a person allowed an app. `refresh` are its living refresh tokens, with when each was made or used last.
    `ended` says why it died. `demand` is an (error, AADSTS code) with which refreshes are answered."""

    app: App
    email: str
    scopes: frozenset[str]
    refresh: dict[str, datetime] = field(default_factory=dict)
    ended: str = ""
    demand: tuple[str, int] | None = None


@dataclass(kw_only=True)
class Code:
    grant: Grant
    redirect_uri: str
    expires: datetime
    scopes: frozenset[str]
    challenge: str
    method: str
    nonce: str
    long_names: bool
    used: bool = False


@dataclass(kw_only=True)
class Access:
    grant: Grant
    expires: datetime
    scopes: frozenset[str]


class Consents:
    """All of it in one place; every method may be called from any thread. `rotates`: whether a refresh ends the token
    with which it was asked for."""

    def __init__(self, now: Callable[[], datetime], rotates: Callable[[], bool]) -> None:
        self.now = now
        self.rotates = rotates
        self.grants: list[Grant] = []
        self.codes: dict[str, Code] = {}
        self.access: dict[str, Access] = {}
        self.spent: dict[str, str] = {}
        self._lock = threading.RLock()

    def consent(self, app: App, email: str, scopes: frozenset[str]) -> Grant:
        """A new grant; scopes by either name."""
        with self._lock:
            made = Grant(app=app, email=email.lower(), scopes=frozenset(short(each) for each in scopes))
            self.grants.append(made)
            return made

    def widen(self, app: App, email: str, scopes: frozenset[str]) -> Grant:
        """The person's grant to the app, wider by these scopes."""
        with self._lock:
            for found in self.grants:
                if found.app is app and found.email == email and not found.ended:
                    found.scopes |= scopes
                    found.demand = None
                    return found
            return self.consent(app, email, scopes)

    def issue(self, grant: Grant, scopes: frozenset[str] | None = None, *, personal: bool = False) -> str:
        """A new access token."""
        seconds = 3600 + secrets.randbelow(1800)
        random = secrets.token_urlsafe(400)
        token = f"EwB{random}" if personal else f"eyJ0eXAiOiJKV1Qi{random[:20]}.{random[20:450]}.{random[450:]}"
        with self._lock:
            self.access[token] = Access(
                grant=grant,
                expires=self.now() + timedelta(seconds=seconds),
                scopes=(grant.scopes if scopes is None else scopes) & frozenset(PERMISSIONS),
            )
        return token

    def new_refresh(self, grant: Grant, former: str | None = None) -> str:
        token = f"{'M.C5' if former is None else '0.A'}{secrets.token_urlsafe(300)}"
        with self._lock:
            if former is not None:
                if self.rotates():
                    grant.refresh.pop(former, None)
                    self.spent[former] = "rotated"
                else:
                    grant.refresh[former] = self.now()
            grant.refresh[token] = self.now()
        return token

    def grant_of(self, refresh: str) -> Grant | None:
        """The living grant of a living refresh token."""
        with self._lock:
            for grant in self.grants:
                used = grant.refresh.get(refresh)
                if used is None or grant.ended:
                    continue
                if self.now() - used > timedelta(days=UNUSED_DAYS):
                    del grant.refresh[refresh]
                    self.spent[refresh] = "inactive"
                    continue
                return grant
        return None

    def why_dead(self, refresh: str) -> str:
        """Why a refresh token is worth nothing; empty if it never was."""
        ended = next((grant.ended for grant in self.grants if refresh in grant.refresh), "")
        return ended or self.spent.get(refresh, "")

    def check(self, token: str) -> Access | None:
        """The access token's standing; None if it opens nothing (any more)."""
        found = self.access.get(token)
        if found is None or self.now() >= found.expires:
            return None
        return found

    def revoke(self, email: str, why: str = "revoked", *, app: App | None = None) -> None:
        """The person takes back everything they allowed (the app). Refresh tokens die; access tokens live until they
        are over."""
        with self._lock:
            for grant in self.grants:
                if grant.email == email.lower() and app in (None, grant.app):
                    grant.ended = grant.ended or why

    def demand(self, email: str, error: str = "interaction_required", code: int = 50076) -> None:
        """Refreshes of this person's are answered with `error` until they consent again."""
        with self._lock:
            for grant in self.grants:
                if grant.email == email:
                    grant.demand = (error, code)

    def expire_access(self) -> None:
        """Every access token is over now; refresh tokens live."""
        with self._lock:
            for access in self.access.values():
                access.expires = self.now()


def short(scope: str) -> str:
    """A scope without the address of its resource, in Microsoft's spelling."""
    name = scope.removeprefix(GRAPH)
    spelled = {each.lower(): each for each in (*PERMISSIONS, *IDENTITY)}
    return spelled.get(name.lower(), name)


def new_guid() -> str:
    return str(uuid.uuid4())
