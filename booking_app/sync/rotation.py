"""Changing the key: everything that is sealed is sealed anew with the first of SECRET_KEYS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.engine import Sessions
from booking_app.sync.vault import UnreadableSecret, Vault

_BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotation:
    """`renewed` values carry the first key now; `unreadable` ones open with none of the keys and stay as they are."""

    renewed: int = 0
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sealed:
    """Where sealed values stand: `select` gives (id, what it was sealed for, value) after `:last`, in order. `of` is
    the table whose rows are locked, if it reads several."""

    select: str
    update: str
    first: Any
    of: str = ""


_PLACES = (
    _Sealed(
        select="SELECT id, 'connection:' || uid, secret FROM connection WHERE id > :last ORDER BY id",
        update="UPDATE connection SET secret = :value WHERE id = :id",
        first=0,
    ),
    _Sealed(
        select="SELECT g.connection_id, 'grant:' || c.uid, g.refresh FROM oauth_grant g"
        " JOIN connection c ON c.id = g.connection_id WHERE g.connection_id > :last ORDER BY g.connection_id",
        update="UPDATE oauth_grant SET refresh = :value WHERE connection_id = :id",
        first=0,
        of="g",
    ),
    _Sealed(
        select="SELECT g.connection_id, 'grant:' || c.uid, g.access FROM oauth_grant g"
        " JOIN connection c ON c.id = g.connection_id"
        " WHERE g.connection_id > :last AND g.access <> '' ORDER BY g.connection_id",
        update="UPDATE oauth_grant SET access = :value WHERE connection_id = :id",
        first=0,
        of="g",
    ),
    _Sealed(
        select="SELECT provider, 'provider:' || provider, secret FROM provider_app"
        " WHERE provider > :last AND secret <> '' ORDER BY provider",
        update="UPDATE provider_app SET secret = :value WHERE provider = :id",
        first="",
    ),
    _Sealed(
        select="SELECT state_hash, 'consent:' || encode(state_hash, 'hex'), verifier FROM consent_attempt"
        " WHERE state_hash > :last ORDER BY state_hash",
        update="UPDATE consent_attempt SET verifier = :value WHERE state_hash = :id",
        first=b"",
    ),
    _Sealed(
        select="SELECT id, 'booking:' || id, token_sealed FROM booking WHERE id > :last ORDER BY id",
        update="UPDATE booking SET token_sealed = :value WHERE id = :id",
        first="00000000-0000-0000-0000-000000000000",
    ),
    _Sealed(
        select="SELECT key, 'booking:' || (answer->>'id'), sealed FROM idempotency_key"
        " WHERE key > :last AND answer ? 'id' ORDER BY key",
        update="UPDATE idempotency_key SET sealed = :value WHERE key = :id",
        first="",
    ),
    _Sealed(
        select="SELECT id, key, decode(payload->>'sealed', 'hex') FROM outbox"
        " WHERE id > :last AND payload ? 'sealed' ORDER BY id",
        update="UPDATE outbox SET payload = jsonb_set(payload, '{sealed}', to_jsonb(encode(:value, 'hex')))"
        " WHERE id = :id",
        first=0,
    ),
)


async def rotate(sessions: Sessions, vault: Vault) -> Rotation:
    """Seal everything with the vault's first key, a batch a transaction, so that the program can go on meanwhile.

    Run it once with the new key first and the old one behind it in SECRET_KEYS; then the old one can go, unless
    something is named as unreadable."""
    renewed, unreadable = 0, []
    for place in _PLACES:
        last = place.first
        while last is not None:
            async with sessions.begin() as db:
                last, count, lost = await _batch(db, vault, place, last)
            renewed += count
            unreadable += lost
    return Rotation(renewed=renewed, unreadable=tuple(unreadable))


async def _batch(db: AsyncSession, vault: Vault, place: _Sealed, last: Any) -> tuple[Any, int, list[str]]:
    """(the last id of the batch or None at the end, how many were renewed, what could not be read)."""
    lock = f" OF {place.of}" if place.of else ""
    rows = (await db.execute(text(f"{place.select} LIMIT {_BATCH} FOR UPDATE{lock}"), {"last": last})).all()
    renewed, lost = 0, []
    for number, about, sealed in rows:
        try:
            value = vault.renew(bytes(sealed), about)
        except UnreadableSecret:
            lost.append(about)
            continue
        if value is not None:
            await db.execute(text(place.update), {"id": number, "value": value})
            renewed += 1
    return (rows[-1][0] if len(rows) == _BATCH else None), renewed, lost
