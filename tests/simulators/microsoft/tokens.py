"""Consents and tokens at the Microsoft identity platform.

Source: "OAuth 2.0 authorization code flow" and "Refresh tokens in the Microsoft identity platform"."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulators.microsoft.world import MicrosoftWorld

ACCESS_SECONDS = 3_600
CODE_SECONDS = 600
UNUSED_DAYS = 90
RESOURCE = "https://graph.microsoft.com/"
OPENID = frozenset({"openid", "profile", "email", "offline_access"})


@dataclass(kw_only=True)
class App:
    """An app registration. Change `secret` to break it; `expired_secret`: its secret has run out."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    expired_secret: bool = False


@dataclass(kw_only=True)
class Grant:
    """What a person allowed a client; `refresh` are the tokens that still work, newest last."""

    app: App
    email: str
    scopes: frozenset[str]
    used: datetime
    refresh: list[str]
    ended: str = ""


@dataclass(kw_only=True)
class Code:
    grant: Grant
    redirect_uri: str
    expires: datetime
    challenge: str
    used: bool = False


@dataclass(kw_only=True)
class Access:
    grant: Grant
    expires: datetime
    scopes: frozenset[str]


class Consents:
    """All of it in one place; callers hold the world's lock."""

    def __init__(self, world: MicrosoftWorld) -> None:
        self.world = world
        self.grants: list[Grant] = []
        self.codes: dict[str, Code] = {}
        self.access: dict[str, Access] = {}

    def consent(self, app: App, email: str, scopes: frozenset[str]) -> Grant:
        """`scopes` as they are asked for. A refresh token comes only with `offline_access`."""
        plain = frozenset(each.removeprefix(RESOURCE) for each in scopes)
        grant = Grant(app=app, email=email, scopes=plain, used=self.world.now(), refresh=[])
        self.grants.append(grant)
        return grant

    def issue(self, grant: Grant) -> str:
        """A new access token."""
        token = f"EwB{secrets.token_urlsafe(120)}"
        expires = self.world.now() + timedelta(seconds=ACCESS_SECONDS)
        self.access[token] = Access(grant=grant, expires=expires, scopes=grant.scopes)
        return token

    def renew(self, grant: Grant) -> str:
        """A new refresh token; the old ones die at once if the world rotates."""
        if self.world.rotate:
            grant.refresh.clear()
        grant.refresh.append(f"M.C5{secrets.token_urlsafe(120)}")
        return grant.refresh[-1]

    def grant_of(self, refresh: str) -> Grant | None:
        for grant in self.grants:
            if refresh in grant.refresh and not grant.ended:
                if self.world.now() - grant.used > timedelta(days=UNUSED_DAYS):
                    grant.ended = "unused"
                    return None
                return grant
        return None

    def check(self, token: str) -> Access | None:
        access = self.access.get(token)
        if access is None or self.world.now() >= access.expires:
            return None
        return access

    def revoke(self, email: str, why: str = "revoked") -> None:
        """The person removed the app from their account: refresh tokens die, access tokens live until they end."""
        for grant in self.grants:
            if grant.email == email:
                grant.ended = grant.ended or why

    def expire_access(self) -> None:
        for access in self.access.values():
            access.expires = self.world.now()


def scope_text(scopes: frozenset[str]) -> str:
    """As the answers name them: without the resource, and without `offline_access`."""
    return " ".join(sorted(scopes - {"offline_access"}))
