"""What travels between us and a provider's token endpoint. Secrets are in no `repr`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from booking_app.services.provider_apps import Registered
from booking_app.sync.errors import AccessLost
from booking_app.sync.model import Mode
from booking_app.sync.vendors import GRAPH_BASIC, GRAPH_READ, GRAPH_WRITE, Vendor

AHEAD = timedelta(minutes=5)
"""So long before its end a token is replaced; one that lives for less than twice that, at half its life."""
LEAST = timedelta(minutes=1)
"""What is left at least of a token that is handed out because there is no newer one to be had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """An access token, when it is to be replaced, and how long it may be used if that takes time."""

    token: str = field(repr=False)
    replace_at: datetime
    good_until: datetime

    @staticmethod
    def living(token: str, since: datetime, ends_at: datetime) -> Access:
        """One that lives from `since` until `ends_at`."""
        return Access(token=token, replace_at=ends_at - min(AHEAD, (ends_at - since) / 2), good_until=ends_at - LEAST)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """An answer of the token endpoint. `lifetime` in seconds from now, of the access token.

    `refresh` is empty when the one in use stays. `refresh_lifetime` in seconds, None if the provider does not say
    that the grant ends by itself. `scopes` is empty when exactly what was asked for was granted. `subject` and `email`
    come from the id token, empty without one; `pairwise` is what names the same person to this client alone, where
    that is not the subject."""

    access: str = field(repr=False)
    lifetime: int
    refresh: str = field(default="", repr=False)
    refresh_lifetime: int | None = None
    scopes: tuple[str, ...] = ()
    subject: str = ""
    email: str = ""
    pairwise: str = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whatever the person may be stored as."""
        return tuple(each for each in (self.subject, self.pairwise) if each)


class TokenEndpoint(Protocol):
    """Every method raises only `sync.errors.ProviderError`s: `AccessLost` when the person has to consent again,
    `ProviderRefused` when this installation is not accepted, `Transient` when there is no usable answer."""

    async def exchange(self, app: Registered, *, code: str, verifier: str, redirect: str) -> Tokens:
        """The tokens for the code that the consent page handed out."""
        ...

    async def refresh(self, app: Registered, *, refresh: str) -> Tokens:
        """New tokens for the refresh token."""
        ...

    async def revoke(self, app: Registered, *, token: str) -> None:
        """End the grant of a refresh token at the provider; one that is over already is success, and so is a provider
        that has no way to do it."""
        ...

    async def check(self, app: Registered) -> float | None:
        """Ask whether the client is accepted, for nobody's account; how many seconds the provider's clock is ahead of
        ours, None if it does not say."""
        ...

    async def close(self) -> None:
        """Release network resources."""
        ...


class Given:
    """The `TokenSource` of a token that is not stored yet: a refused one is not replaced."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._refused = False

    async def token(self) -> str:
        if self._refused:
            raise AccessLost("The provider does not take the access that it gave.")
        return self._token

    async def refused(self, token: str) -> None:
        self._refused = self._refused or token == self._token


_IMPLIED = {
    GRAPH_READ.lower(): (GRAPH_WRITE.lower(),),
    GRAPH_BASIC.lower(): (GRAPH_READ.lower(), GRAPH_WRITE.lower()),
}
"""What is granted along with something wider."""


def missing(vendor: Vendor, mode: Mode, granted: Collection[str]) -> tuple[str, ...]:
    """The scopes without which nothing works and which were not granted, in the order in which they are asked for."""
    have = {_short(each) for each in granted}
    return tuple(each for each in vendor.scopes[mode] if each in vendor.required[mode] and not _has(have, each))


def may_write(vendor: Vendor, mode: Mode, granted: Collection[str]) -> bool:
    """Whether events can be written: asked for and not unticked."""
    return mode is Mode.FULL and _has({_short(each) for each in granted}, vendor.writes)


def _has(have: Collection[str], scope: str) -> bool:
    wanted = _short(scope)
    return wanted in have or any(each in have for each in _IMPLIED.get(wanted, ()))


def _short(scope: str) -> str:
    """Microsoft names its own scopes with or without the address of the resource."""
    return scope.rpartition("/")[2].lower()
