"""Consents and their tokens: codes, refresh tokens, access tokens. Source: "Using OAuth 2.0 for Web Server
Applications" and "Refresh token expiration"."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ACCESS_SECONDS = 3599
CODE_SECONDS = 600
TESTING_DAYS = 7
UNUSED_DAYS = 183
LIVE_TOKENS = 100


@dataclass(kw_only=True)
class App:
    """An OAuth client and its project. Change `secret` to break it. While `testing`, only `test_users` may consent
    (empty: everybody). `api_enabled`: the Calendar API is switched on there. `removed`: somebody deleted the client."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    testing: bool = False
    test_users: frozenset[str] = frozenset()
    api_enabled: bool = True
    removed: bool = False


@dataclass(kw_only=True)
class Grant:
    """One refresh token and what hangs on it. `refresh` None: an online grant. `ended` says why it died."""

    app: App
    email: str
    scopes: frozenset[str]
    made: datetime
    refresh: str | None = None
    used: datetime | None = None
    ended: str = ""


@dataclass(kw_only=True)
class Code:
    grant: Grant
    redirect_uri: str
    expires: datetime
    challenge: str = ""
    method: str = ""
    nonce: str = ""
    used: bool = False


@dataclass(kw_only=True)
class Access:
    grant: Grant
    expires: datetime
    scopes: frozenset[str] = field(default_factory=frozenset)


class Consents:
    """All of it in one place; every method may be called from any thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.grants: list[Grant] = []
        self.codes: dict[str, Code] = {}
        self.access: dict[str, Access] = {}
        self._lock = threading.RLock()

    def granted(self, app: App, email: str) -> frozenset[str]:
        """What the person has allowed the client in all live grants."""
        live = [grant for grant in self.grants if grant.app is app and grant.email == email and not grant.ended]
        return frozenset().union(*(grant.scopes for grant in live))

    def consent(self, app: App, email: str, scopes: frozenset[str], *, offline: bool) -> Grant:
        """A new grant; the oldest of more than a hundred dies."""
        with self._lock:
            refresh = f"1//0{secrets.token_urlsafe(60)}" if offline else None
            grant = Grant(app=app, email=email, scopes=scopes, made=self.now(), refresh=refresh)
            self.grants.append(grant)
            live = [
                item
                for item in self.grants
                if item.app is app and item.email == email and item.refresh and not item.ended
            ]
            for item in live[:-LIVE_TOKENS]:
                item.ended = "too many tokens"
            return grant

    def issue(self, grant: Grant, scopes: frozenset[str] | None = None) -> str:
        """A new access token."""
        token = f"ya29.{secrets.token_urlsafe(90)}"
        expires = self.now() + timedelta(seconds=ACCESS_SECONDS)
        with self._lock:
            self.access[token] = Access(grant=grant, expires=expires, scopes=scopes or grant.scopes)
        return token

    def grant_of(self, refresh: str) -> Grant | None:
        """The live grant of a refresh token."""
        for grant in self.grants:
            if grant.refresh == refresh and not self._dead(grant):
                return grant
        return None

    def ended(self, refresh: str) -> str:
        """Why a refresh token died; empty if it lives or never was."""
        return next((grant.ended for grant in self.grants if grant.refresh == refresh), "")

    def lives_until(self, grant: Grant) -> datetime | None:
        """When a refresh token of an app in testing dies, unless it opens nothing but the person's identity."""
        identity = {"openid", "email", "profile"}
        if grant.app.testing and any(scope.rpartition(".")[2] not in identity for scope in grant.scopes):
            return grant.made + timedelta(days=TESTING_DAYS)
        return None

    def _dead(self, grant: Grant) -> bool:
        until = self.lives_until(grant)
        if not grant.ended and until is not None and self.now() >= until:
            grant.ended = "the app is in testing"
        if not grant.ended and self.now() - (grant.used or grant.made) > timedelta(days=UNUSED_DAYS):
            grant.ended = "unused"
        return bool(grant.ended)

    def check(self, token: str) -> Access | None:
        """The access token's standing; None if it opens nothing (any more)."""
        access = self.access.get(token)
        if access is None or self.now() >= access.expires or access.grant.ended:
            return None
        return access

    def revoke(self, app: App | None, email: str, why: str = "revoked") -> None:
        """End everything the person allowed (the client); `why` "invalid_rapt" for a Workspace's session control."""
        with self._lock:
            for grant in self.grants:
                if grant.email == email and app in (None, grant.app):
                    grant.ended = grant.ended or why

    def expire_access(self) -> None:
        """Every access token is over now; refresh tokens live."""
        with self._lock:
            for access in self.access.values():
                access.expires = self.now()


def scope_text(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
