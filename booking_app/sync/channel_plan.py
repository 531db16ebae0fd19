"""Which push channels should stand, when they are renewed, and what a message may bring about. Pure.

A channel only makes a read come earlier. Whatever is decided here, the regular read goes on as it would without."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from booking_app.sync.errors import AccessLost, ProviderError, Transient

DAY = timedelta(days=1)
LEAST = timedelta(minutes=1)
"""Between two looks at one channel, whatever its provider says of its end."""
UNCONFIRMED = timedelta(days=1)
"""How long a channel is remembered of which no answer came: its first message may still tell how to close it."""
_FIRST, _LONGEST = 30.0, 3600.0
_REFUSED, _REFUSED_LONGEST = 300.0, 6 * 3600.0

Place = int | None
"""What a channel is for: a calendar, by id, or (None) the whole account."""


def secret_for(uid: UUID) -> str:
    """A new secret for a channel: at most 128 characters, which both providers take, of which 192 bits are random.

    It begins with our name of the channel, for messages that carry no other."""
    return f"{uid.hex}.{secrets.token_urlsafe(24)}"


def named_in(secret: str) -> UUID | None:
    """The channel that a secret claims to be of."""
    name, dot, _ = secret.partition(".")
    try:
        return UUID(hex=name) if dot and len(name) == 32 else None
    except ValueError:
        return None


def digest(secret: str) -> bytes:
    """What is stored of it. It is long and random, so one round of hashing is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class ChannelState(StrEnum):
    """As in the table."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"


class Lifecycle(StrEnum):
    """What a provider says of the channel itself (Graph, "Reduce missing subscriptions and change notifications").

    `REAUTHORIZE`: it will end unless it is extended. `REMOVED`: it has ended. `MISSED`: messages were lost."""

    REAUTHORIZE = "reauthorizationRequired"
    REMOVED = "subscriptionRemoved"
    MISSED = "missed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A channel as we know it. `address` is where its messages go; empty until it is first asked for."""

    id: int
    place: Place
    state: ChannelState
    address: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """`open`: the places that need a channel; `close`: the ids of channels that are not wanted any more."""

    open: tuple[Place, ...] = ()
    close: tuple[int, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.open and not self.close


def can_be_pushed_to(public_url: str, *, simulated: bool) -> bool:
    """Whether a provider accepts an address below `public_url`: https only, and not this machine's own name. A
    simulator also takes plain http on this machine (its stand-in for both)."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if simulated:
        return parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))
    return parts.scheme == "https" and bool(host) and not _is_here(host)


def places(used: Collection[int], *, per_calendar: bool) -> frozenset[Place]:
    """What of an account whose calendars `used` are read should have a channel."""
    return frozenset(used) if per_calendar else frozenset({None} if used else ())


def settle(wanted: Collection[Place], held: Sequence[Held], *, address: str, may_open: bool, now: datetime) -> Settled:
    """What is to be opened and closed so that each wanted place has one channel, whose messages go to `address`.

    A channel that is being replaced stays open until the new one stands. Not `may_open`: the account lets nobody in
    just now, so that what stands is left and nothing new is asked for."""
    close: list[int] = []
    covered: set[Place] = set()
    for state in (ChannelState.OPEN, ChannelState.OPENING):
        taken: set[Place] = set()
        mine = [each for each in held if each.state is state]
        for each in sorted(mine, key=lambda one: (one.expires_at or now, one.id), reverse=True):
            over = state is ChannelState.OPEN and each.expires_at is not None and each.expires_at <= now
            elsewhere = each.address not in ("", address)
            if each.place not in wanted or each.place in taken or over or elsewhere:
                close.append(each.id)
            else:
                taken.add(each.place)
        covered |= taken
    missing = sorted(set(wanted) - covered, key=lambda place: place or 0) if may_open else []
    return Settled(open=tuple(missing), close=tuple(sorted(close)))


def renew_at(*, since: datetime, expires_at: datetime, jitter: float) -> datetime:
    """When a channel that was opened or extended at `since` is renewed: a day ahead of its end, or at half its life if
    that is shorter; `jitter` in [0, 1) spreads channels by making it up to a quarter of that earlier."""
    ahead = min(DAY, (expires_at - since) / 2)
    return max(expires_at - ahead * (1 + 0.25 * jitter), since + LEAST)


def try_again_in(error: ProviderError, failures: int, *, jitter: float) -> float:
    """Seconds until a channel is tried again after the failure number `failures` (1 is the first), never less than the
    provider asks for. What it refuses is tried rarely: the regular read does not need it."""
    doubled = 2.0 ** min(failures - 1, 20)
    match error:
        case Transient(retry_after=after):
            return max(min(_FIRST * doubled, _LONGEST) * (1 + 0.2 * jitter), after or 0)
        case AccessLost():
            return _LONGEST * (1 + 0.2 * jitter)
        case _:
            return min(_REFUSED * doubled, _REFUSED_LONGEST) * (1 + 0.2 * jitter)


@dataclass(frozen=True, kw_only=True, slots=True)
class Forward:
    """When a calendar is read next, and which of its reads a push has asked for."""

    due_at: datetime
    pushed_at: datetime


def bring_forward(
    *, due_at: datetime, pushed_at: datetime | None, reading: bool, failing: bool, now: datetime, gap: timedelta
) -> Forward | None:
    """What a push does to a calendar that is due at `due_at`; None: nothing.

    It is read at once. But if the read that a push brought forward last (at `pushed_at`, None once it has found
    something) is not `gap` ago, then at the end of that time: so a flood without changes costs one read in `gap`.
    While the calendar is being read, the push may be about what that read has passed by already: another read
    follows, which the reader sees by `due_at` having changed. A provider that asked for a pause gets it (`failing`)."""
    if failing:
        return None
    when = now
    if pushed_at is not None and now < pushed_at + gap:
        when = pushed_at if pushed_at > now else pushed_at + gap
    if not reading:
        return None if due_at <= when else Forward(due_at=when, pushed_at=when)
    due = when if due_at <= now else min(when, due_at)
    if due == due_at:
        due -= timedelta(microseconds=1)
    return Forward(due_at=due, pushed_at=when)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
