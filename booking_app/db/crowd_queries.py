"""What strangers have booked: counted before one more, listed and removed as a burst."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.engine import Reader
from booking_app.domain.crowding import Crowd, Policy

_POLICY = text("SELECT confirm_after, most_upcoming FROM booking_policy")


async def load_policy(db: Reader) -> Policy:
    """What the admins have set."""
    row = (await db.execute(_POLICY)).one()
    return Policy(confirm_after=row.confirm_after, most_upcoming=row.most_upcoming)


async def store_policy(db: AsyncSession, policy: Policy) -> None:
    change = text("UPDATE booking_policy SET confirm_after = :confirm_after, most_upcoming = :most_upcoming")
    await db.execute(change, {"confirm_after": policy.confirm_after, "most_upcoming": policy.most_upcoming})


_CROWD = text(
    """
SELECT p.confirm_after, p.most_upcoming,
  (SELECT count(*) FROM booking k JOIN appointment a ON a.id = k.appointment_id
   WHERE k.mailbox = :mailbox AND k.state = 'confirmed' AND upper(a.during) > to_timestamp(:now)) AS upcoming,
  (SELECT count(*) FROM booking WHERE mailbox = :mailbox AND created_at > to_timestamp(:now - 3600)) AS lately,
  (SELECT count(*) FROM booking WHERE source = :source AND created_at > to_timestamp(:now - 3600)) AS from_address
FROM booking_policy p
"""
)


async def load_crowd(db: AsyncSession, mailbox: str, source: bytes, now: int) -> tuple[Policy, Crowd]:
    """What one more booking is judged by; the truth until the transaction ends, after `lock_marks` of both."""
    row = (await db.execute(_CROWD, {"mailbox": mailbox, "source": source, "now": now})).one()
    policy = Policy(confirm_after=row.confirm_after, most_upcoming=row.most_upcoming)
    return policy, Crowd(upcoming=row.upcoming, lately=row.lately, from_address=row.from_address)


_AWAIT = text(
    """
WITH kept AS (
  UPDATE appointment SET hold_expires_at = to_timestamp(:expires), visitor = NULL
  WHERE id = :appointment_id AND state = 'held' AND hold_expires_at > to_timestamp(:now) RETURNING id
), occupied AS (
  UPDATE occupancy SET expires_at = to_timestamp(:expires) FROM kept WHERE active AND appointment_id = kept.id
)
INSERT INTO unconfirmed (appointment_id, token_hash, key, digest, request, created_at)
SELECT id, :token_hash, :key, :digest, CAST(:request AS jsonb), to_timestamp(:now) FROM kept
ON CONFLICT DO NOTHING RETURNING appointment_id
"""
)


async def store_unconfirmed(
    db: AsyncSession,
    *,
    appointment_id: int,
    token_hash: bytes,
    key: str | None,
    digest: bytes,
    request: Mapping[str, Any],
    expires: int,
    now: int,
) -> bool:
    """Let a hold stand until `expires` for a booking that is to be confirmed; under the lock of its bookables. False
    if the hold stands no longer, or waits for a confirmation already."""
    values = {
        "appointment_id": appointment_id,
        "token_hash": token_hash,
        "key": key,
        "digest": digest,
        "request": json.dumps(request),
        "expires": expires,
        "now": now,
    }
    return (await db.execute(_AWAIT, values)).scalar() is not None


_UNCONFIRMED = """
SELECT u.token_hash, u.digest, u.request, a.uid, date_part('epoch', lower(a.during))::int8 AS start,
       date_part('epoch', upper(a.during))::int8 AS end, date_part('epoch', a.hold_expires_at)::int8 AS expires,
       array(SELECT b.slug FROM occupancy o JOIN bookable b ON b.id = o.bookable_id
             WHERE o.appointment_id = a.id ORDER BY b.id) AS staff,
       array(SELECT b.name FROM occupancy o JOIN bookable b ON b.id = o.bookable_id
             WHERE o.appointment_id = a.id ORDER BY b.id) AS names,
       s.name AS service_name, s.location, s.preparation
FROM unconfirmed u JOIN appointment a ON a.id = u.appointment_id JOIN service s ON s.id = a.service_id
WHERE a.hold_expires_at > to_timestamp(:now) AND
"""
_BY_TOKEN = text(_UNCONFIRMED + "u.token_hash = :value")
_BY_KEY = text(_UNCONFIRMED + "u.key = :value")


async def unconfirmed_by_token(db: Reader, token_hash: bytes, now: int) -> Row[Any] | None:
    """The booking that waits for this link, unless its time has run out."""
    return (await db.execute(_BY_TOKEN, {"value": token_hash, "now": now})).one_or_none()


async def unconfirmed_by_key(db: Reader, key: str, now: int) -> Row[Any] | None:
    """The booking that waits and was asked for with this idempotency key."""
    return (await db.execute(_BY_KEY, {"value": key, "now": now})).one_or_none()


_BURSTS = text(
    """
WITH made AS (
  SELECT k.source, k.mailbox, k.created_at, k.id FROM booking k JOIN appointment a ON a.id = k.appointment_id
  WHERE k.created_at > to_timestamp(:since) AND k.created_at <= to_timestamp(:until) AND k.state = 'confirmed'
    AND lower(a.during) > to_timestamp(:until)
)
SELECT 'address' AS kind, encode(source, 'hex') AS value, count(*) AS bookings, count(DISTINCT mailbox) AS others,
       date_part('epoch', min(created_at))::int8 AS first, date_part('epoch', max(created_at))::int8 AS last
FROM made WHERE source IS NOT NULL GROUP BY source
UNION ALL
SELECT 'mailbox', mailbox, count(*), count(DISTINCT source), date_part('epoch', min(created_at))::int8,
       date_part('epoch', max(created_at))::int8
FROM made WHERE mailbox <> '' GROUP BY mailbox
UNION ALL
SELECT 'all', '', count(*), count(DISTINCT mailbox), date_part('epoch', min(created_at))::int8,
       date_part('epoch', max(created_at))::int8
FROM made HAVING count(*) > 0
ORDER BY bookings DESC, kind, value LIMIT :most
"""
)


async def bursts(db: Reader, since: int, until: int, most: int) -> Sequence[Row[Any]]:
    """(kind, value, bookings, others, first, last) of what was booked in (since, until] and still lies ahead: by
    network address, by mail address, and all of it; the largest first."""
    return (await db.execute(_BURSTS, {"since": since, "until": until, "most": most})).all()


_WHICH = """
SELECT k.appointment_id FROM booking k JOIN appointment a ON a.id = k.appointment_id
WHERE k.created_at > to_timestamp(:since) AND k.created_at <= to_timestamp(:until) AND k.state = 'confirmed'
  AND a.state = 'confirmed' AND lower(a.during) > to_timestamp(:until)
  AND (:kind = 'all' OR :kind = 'address' AND encode(k.source, 'hex') = :value
       OR :kind = 'mailbox' AND k.mailbox = :value)
"""
_PEOPLE = text(
    "SELECT DISTINCT bookable_id FROM occupancy WHERE appointment_id IN (:which:)".replace(":which:", _WHICH)
)
_REMOVE = text(
    """
WITH ended AS (
  UPDATE appointment SET state = 'cancelled', sequence = sequence + 1, conflict = NULL,
         conflict_kind = NULL
  WHERE id IN (
    :which:) RETURNING id
), freed AS (
  UPDATE occupancy SET active = false FROM ended WHERE appointment_id = ended.id RETURNING bookable_id, appointment_id
), told AS (
  UPDATE booking SET state = 'cancelled', cancelled_at = to_timestamp(:now), cancelled_by = 'admin'
  FROM ended WHERE appointment_id = ended.id AND state = 'confirmed' RETURNING booking.id
), unsent AS (
  DELETE FROM outbox USING told WHERE effect = 'mail' AND payload ->> 'booking_id' = told.id::text
), events AS (
  INSERT INTO outbox (effect, key, payload, generation, created_at, due_at, attempts, reason, parked)
  SELECT 'calendar', concat(f.appointment_id, ':', f.bookable_id), '{}'::jsonb, 1, to_timestamp(:now),
         to_timestamp(:now), 0, '', false
  FROM freed f
  WHERE EXISTS (SELECT FROM mirror m WHERE m.appointment_id = f.appointment_id AND m.bookable_id = f.bookable_id)
     OR EXISTS (SELECT FROM calendar c JOIN connection n ON n.id = c.connection_id
                WHERE c.bookable_id = f.bookable_id AND c.target AND n.state <> 'disconnected')
  ON CONFLICT (effect, key) DO UPDATE SET generation = outbox.generation + 1, created_at = excluded.created_at,
    due_at = least(outbox.due_at, excluded.due_at), attempts = 0, parked = false
)
SELECT count(*) FROM told
""".replace(":which:", _WHICH)
)


async def people_of_burst(db: Reader, kind: str, value: str, since: int, until: int) -> Collection[int]:
    """Ids of the bookables whose time it takes."""
    values = {"kind": kind, "value": value, "since": since, "until": until}
    return list((await db.scalars(_PEOPLE, values)).all())


async def remove_burst(db: AsyncSession, kind: str, value: str, since: int, until: int, now: int) -> int:
    """Cancel all of it without a word to anybody, have its events removed, and forget mails about it that were not
    sent yet; how many bookings. Under the lock of its bookables."""
    values = {"kind": kind, "value": value, "since": since, "until": until, "now": now}
    removed: int = (await db.execute(_REMOVE, values)).scalar_one()
    return removed


_REMOVE_HOLDS = text(
    """
DELETE FROM appointment a USING occupancy o
WHERE o.appointment_id = a.id AND a.state = 'held'
  AND (:kind = 'address' AND encode(a.source, 'hex') = :value)
RETURNING o.bookable_id
"""
)


async def remove_holds_of(db: AsyncSession, kind: str, value: str) -> Collection[int]:
    """Let go of what the same network address keeps; ids of the bookables that are free now. Under their lock."""
    return set((await db.scalars(_REMOVE_HOLDS, {"kind": kind, "value": value})).all())


async def known_mailbox(db: Reader, mark: bytes) -> bool:
    """Whether somebody showed that they read the mail of this box."""
    wanted = text("SELECT true FROM known_mailbox WHERE mark = :mark")
    return (await db.execute(wanted, {"mark": mark})).scalar() is not None


async def know_mailbox(db: AsyncSession, mark: bytes, now: int) -> None:
    """Note that somebody reads the mail of this box."""
    note = text(
        "INSERT INTO known_mailbox (mark, confirmed_at) VALUES (:mark, to_timestamp(:now))"
        " ON CONFLICT (mark) DO UPDATE SET confirmed_at = excluded.confirmed_at"
    )
    await db.execute(note, {"mark": mark, "now": now})
