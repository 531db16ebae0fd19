"""Appointments and bookings: the lock, the write in one statement, and the reads by token.

Whoever changes what occupies a bookable first takes `lock_bookables`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.changes import CHANNEL, message
from booking_app.db.engine import Reader
from booking_app.db.pipeline import Step, together
from booking_app.domain.rules import Span

# Not FOR UPDATE: that would also wait for every insert that refers to the bookable, such as a calendar being read.
_LOCK = text(
    """
WITH swept AS (
  UPDATE occupancy SET active = false
  WHERE active AND expires_at <= to_timestamp(:now) AND bookable_id = ANY(:bookables)
)
SELECT id FROM bookable WHERE id = ANY(:bookables) ORDER BY id FOR NO KEY UPDATE
"""
)


async def lock_bookables(db: AsyncSession, bookables: Collection[int], now: int) -> None:
    """Hold the bookables until the transaction ends, in id order, and free what expired holds kept of them.

    What is read in later statements of this transaction is the truth until it ends."""
    await db.execute(*lock_step(bookables, now))


def lock_step(bookables: Collection[int], now: int) -> Step:
    """The statement of `lock_bookables`, to be run together with what reads under the lock."""
    return _LOCK, {"bookables": sorted(bookables), "now": now}


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBooking:
    """All that one booking writes. `before` and `after` in seconds; `answer` is kept for the idempotency key.
    `asked_at` is the moment since when its effects wait, as exact as the clock. `unlooked`: those of the bookables
    whose calendars could not be looked at just before."""

    booking_id: UUID
    uid: UUID
    service_id: int
    span: Span
    bookables: Sequence[int]
    before: int
    after: int
    token_hash: bytes
    token_sealed: bytes
    name: str
    email: str
    mailbox: str
    source: bytes | None
    phone: str
    notes: str
    zone: str
    now: int
    key: str | None
    digest: bytes
    answer: dict[str, Any]
    asked_at: float
    unlooked: Collection[int] = ()


_STORE = text(
    """
WITH given AS (
  SELECT CAST(:key AS text) AS key, CAST(:booking_id AS uuid) AS booking_id, CAST(:service_id AS int8) AS service_id,
         CAST(:bookables AS int8[]) AS bookables, to_timestamp(:now) AS now,
         tstzrange(to_timestamp(:start), to_timestamp(:end)) AS during
), claim AS (
  INSERT INTO idempotency_key (key, digest, answer, sealed, created_at)
  SELECT key, :digest, CAST(:answer AS jsonb), :token_sealed, now FROM given WHERE key IS NOT NULL
  ON CONFLICT (key) DO NOTHING RETURNING key
), made AS (
  INSERT INTO appointment (uid, service_id, during, state, sequence, created_at)
  SELECT :uid, service_id, during, 'confirmed', 0, now FROM given WHERE key IS NULL OR EXISTS (SELECT FROM claim)
  RETURNING id
), booked AS (
  INSERT INTO booking (id, appointment_id, token_hash, token_sealed, name, email, mailbox, source, phone, notes, zone,
                       state, created_at)
  SELECT booking_id, made.id, :token_hash, :token_sealed, :name, :email, :mailbox, :source, :phone, :notes, :zone,
         'confirmed', now
  FROM made, given
), occupied AS (
  INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, active, unlooked_at)
  SELECT bookable, made.id, service_id, during, :before, :after, true,
         -- Whole seconds: a read that was asked for within this one may have come before.
         CASE WHEN bookable = ANY(CAST(:unlooked AS int8[])) THEN now + interval '1 second' END
  FROM made, given, unnest(bookables) AS bookable
  ON CONFLICT DO NOTHING RETURNING bookable_id
), effects AS (
  INSERT INTO outbox (effect, key, payload, generation, created_at, due_at, attempts, reason, parked)
  SELECT effect, wanted.key, payload, 1, to_timestamp(:asked_at), now, 0, '', false FROM given, (
    SELECT 'mail' AS effect, concat('confirmation:', booking_id, ':0:', recipient) AS key,
           jsonb_build_object('booking_id', booking_id, 'kind', 'confirmation', 'sequence', 0,
                              'recipient', recipient) AS payload
    FROM made, given, (
      SELECT 'customer' AS recipient
      UNION ALL SELECT b.id::text FROM bookable b, given WHERE b.id = ANY(bookables) AND b.email <> ''
    ) recipients
    UNION ALL
    SELECT 'calendar', concat(made.id, ':', target.bookable_id), '{}'::jsonb
    FROM made, (
      SELECT DISTINCT c.bookable_id FROM given, calendar c JOIN connection n ON n.id = c.connection_id
      WHERE c.target AND n.state <> 'disconnected' AND c.bookable_id = ANY(bookables)
    ) target
  ) wanted
)
SELECT (SELECT id FROM made) AS appointment_id, (SELECT count(*) FROM occupied) AS occupied,
       pg_notify(:channel, :availability), pg_notify(:channel, :outbox)
"""
)


async def store_booking(db: AsyncSession, new: NewBooking, *, freed: Collection[int] = ()) -> tuple[bool, bool]:
    """Store the booking, its effects and the announcements (`freed` are bookables that a hold let go).

    Returns (claimed, guarded). Not claimed: the idempotency key was used meanwhile, nothing is stored. Not guarded:
    the exclusion constraint refused; the caller rolls back."""
    values = {
        "key": new.key,
        "digest": new.digest,
        "answer": json.dumps(new.answer),
        "token_sealed": new.token_sealed,
        "token_hash": new.token_hash,
        "uid": new.uid,
        "service_id": new.service_id,
        "start": new.span[0],
        "end": new.span[1],
        "now": new.now,
        "asked_at": new.asked_at,
        "booking_id": str(new.booking_id),
        "name": new.name,
        "email": new.email,
        "mailbox": new.mailbox,
        "source": new.source,
        "phone": new.phone,
        "notes": new.notes,
        "zone": new.zone,
        "bookables": sorted(new.bookables),
        "unlooked": sorted(new.unlooked),
        "before": new.before,
        "after": new.after,
        "channel": CHANNEL,
        "availability": message("availability", {*new.bookables, *freed}),
        "outbox": message("outbox"),
    }
    [[(appointment_id, occupied, *_)]] = await together(db, (_STORE, values))
    return appointment_id is not None, occupied == len(new.bookables)


async def first_answer(db: Reader, key: str) -> Row[Any] | None:
    """(digest, answer, sealed) of the request that used the idempotency key first."""
    wanted = text("SELECT digest, answer, sealed FROM idempotency_key WHERE key = :key")
    return (await db.execute(wanted, {"key": key})).one_or_none()


_BOOKING = """
SELECT k.id AS booking_id, k.token_sealed, k.name, k.email, k.phone, k.notes, k.zone, k.state, k.cancelled_by,
       a.id AS appointment_id, a.uid, a.sequence, a.state AS appointment_state,
       date_part('epoch', lower(a.during))::int8 AS start, date_part('epoch', upper(a.during))::int8 AS end,
       s.slug AS service, s.name AS service_name, s.location, s.preparation, s.cut_off,
       (SELECT array_agg(o.bookable_id ORDER BY o.bookable_id) FROM occupancy o WHERE o.appointment_id = a.id)
         AS bookables,
       (SELECT json_agg(json_build_array(b.slug, b.name, b.zone, b.colour) ORDER BY b.id)
        FROM occupancy o JOIN bookable b ON b.id = o.bookable_id WHERE o.appointment_id = a.id) AS staff
FROM booking k JOIN appointment a ON a.id = k.appointment_id JOIN service s ON s.id = a.service_id
"""
_BY_TOKEN = text(_BOOKING + "WHERE k.token_hash = :token_hash")
_BY_ID = text(_BOOKING + "WHERE k.id = :id")


async def booking_by_token(db: Reader, token_hash: bytes) -> Row[Any] | None:
    return (await db.execute(_BY_TOKEN, {"token_hash": token_hash})).one_or_none()


async def booking_by_id(db: Reader, booking_id: UUID) -> Row[Any] | None:
    return (await db.execute(_BY_ID, {"id": booking_id})).one_or_none()


_LOCK_APPOINTMENT = text(
    """
SELECT id, service_id, state, sequence, conflict_kind, conflict_by,
       date_part('epoch', lower(during))::int8 AS start, date_part('epoch', upper(during))::int8 AS end,
       date_part('epoch', conflict_start)::int8 AS conflict_start,
       date_part('epoch', conflict_end)::int8 AS conflict_end
FROM appointment WHERE id = :id FOR UPDATE
"""
)


async def lock_appointment(db: AsyncSession, appointment_id: int) -> Row[Any] | None:
    """The appointment as it stands, held until the transaction ends; after `lock_bookables`."""
    return (await db.execute(_LOCK_APPOINTMENT, {"id": appointment_id})).one_or_none()


async def people_of(db: AsyncSession, appointment_id: int) -> list[int]:
    """Ids of the bookables that take part, also after a cancellation."""
    wanted = text("SELECT bookable_id FROM occupancy WHERE appointment_id = :id ORDER BY bookable_id")
    return list((await db.scalars(wanted, {"id": appointment_id})).all())


_MOVE = text(
    """
WITH moved AS (
  UPDATE appointment SET during = tstzrange(to_timestamp(:start), to_timestamp(:end)), sequence = sequence + 1,
         conflict = NULL, conflict_kind = NULL
  WHERE id = :id RETURNING id, sequence
), occupied AS (
  UPDATE occupancy SET during = tstzrange(to_timestamp(:start), to_timestamp(:end)),
         before = coalesce(CAST(:before AS int), before), after = coalesce(CAST(:after AS int), after),
         unlooked_at = CASE WHEN bookable_id = ANY(CAST(:unlooked AS int8[])) THEN to_timestamp(:now) END
  FROM moved WHERE appointment_id = moved.id AND active
)
SELECT sequence FROM moved
"""
)


async def move_appointment(
    db: AsyncSession,
    appointment_id: int,
    span: Span,
    buffers: tuple[int, int] | None = None,
    *,
    unlooked: Collection[int],
    now: int,
) -> int:
    """Give the appointment another time; its new sequence. Under the lock of its bookables, after the rule agreed.

    `buffers` (seconds before and after) are those the rule went by; None: it keeps what it has. `unlooked`: whose
    calendars were not looked at just before."""
    before, after = buffers or (None, None)
    values = {"id": appointment_id, "start": span[0], "end": span[1], "before": before, "after": after}
    marks = {"unlooked": list(unlooked), "now": now + 1}
    sequence: int = (await db.execute(_MOVE, values | marks)).scalar_one()
    return sequence


_CANCEL = text(
    """
WITH ended AS (
  UPDATE appointment SET state = 'cancelled', sequence = sequence + 1, conflict = NULL,
         conflict_kind = NULL
  WHERE id = :id RETURNING id, sequence
), freed AS (
  UPDATE occupancy SET active = false FROM ended WHERE appointment_id = ended.id
), told AS (
  UPDATE booking SET state = 'cancelled', cancelled_at = to_timestamp(:now), cancelled_by = :by
  FROM ended WHERE appointment_id = ended.id AND state = 'confirmed'
)
SELECT sequence FROM ended
"""
)


async def cancel_appointment(db: AsyncSession, appointment_id: int, *, by: str, now: int) -> int:
    """End the appointment and its bookings; its new sequence."""
    sequence: int = (await db.execute(_CANCEL, {"id": appointment_id, "by": by, "now": now})).scalar_one()
    return sequence


async def confirmed_bookings(db: AsyncSession, appointment_id: int) -> list[UUID]:
    """Ids of the bookings that stand."""
    wanted = text("SELECT id FROM booking WHERE appointment_id = :id AND state = 'confirmed' ORDER BY id")
    return list((await db.scalars(wanted, {"id": appointment_id})).all())


_REACHABLE = text(
    """
SELECT b.id, b.email <> '' AS mail,
       EXISTS (SELECT FROM calendar c JOIN connection n ON n.id = c.connection_id
               WHERE c.bookable_id = b.id AND c.target AND n.state <> 'disconnected')
       OR EXISTS (SELECT FROM mirror m WHERE m.bookable_id = b.id AND m.appointment_id = :appointment) AS calendar
FROM bookable b WHERE b.id = ANY(:bookables) ORDER BY b.id
"""
)


async def reachable(db: AsyncSession, appointment_id: int, bookables: Collection[int]) -> Sequence[Row[Any]]:
    """(id, mail, calendar) of each bookable: has it an address; has it an event, or a calendar to write one to."""
    return (await db.execute(_REACHABLE, {"appointment": appointment_id, "bookables": list(bookables)})).all()
