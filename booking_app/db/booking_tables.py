"""Appointments, bookings and the guard. Times are UTC, ranges half-open, minutes are minutes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint, Range
from sqlmodel import Field, SQLModel

from booking_app.db.columns import id_column, moment, reference


class Appointment(SQLModel, table=True):
    """A time that occupies one or more bookables. `sequence` counts changes of time (iCalendar SEQUENCE).

    `conflict` says in words what somebody has to decide, until they do. `conflict_kind` is a `ConflictKind`, seen in
    the calendar of the bookable `conflict_by`; `conflict_start` and `_end` are where the event stands there (for an
    overlap, the other one), if it is known."""

    __table_args__ = (
        Index("ix_appointment_hold_expires_at", "hold_expires_at", postgresql_where=text("state = 'held'")),
        Index("ix_appointment_conflict", "id", postgresql_where=text("conflict_kind IS NOT NULL")),
        Index("ix_appointment_source", "source", postgresql_where=text("state = 'held'")),
    )
    id: int | None = id_column()
    uid: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, unique=True, nullable=False))
    service_id: int = reference("service.id", cascade=False)
    during: Range[datetime] = Field(sa_column=Column(TSTZRANGE, nullable=False))
    state: str = "confirmed"
    hold_expires_at: datetime | None = moment()
    sequence: int = 0
    conflict: str | None = None
    conflict_kind: str | None = None
    conflict_by: int | None = Field(default=None, sa_column=Column(BigInteger))
    conflict_start: datetime | None = moment()
    conflict_end: datetime | None = moment()
    source: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Of a hold: the keyed hash of the address that asked for it."""
    visitor: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Of a hold: the keyed hash of the tab that asked for it."""
    created_at: datetime | None = moment(nullable=False, now=True)


class Booking(SQLModel, table=True):
    """A customer's place on an appointment. The manage link's token is stored hashed (SHA-256)."""

    id: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, primary_key=True))
    appointment_id: int = reference("appointment.id")
    token_hash: bytes = Field(sa_column=Column(LargeBinary, unique=True, nullable=False))
    token_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The same token, encrypted, so that later mails can carry the link again."""
    name: str
    email: str = Field(index=True)
    mailbox: str = Field(default="", index=True, sa_column_kwargs={"server_default": ""})
    """The box that the address leads to (`domain.mailboxes`): what is counted."""
    source: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """The keyed hash of the network address that it came from; forgotten after a month."""
    phone: str = ""
    notes: str = ""
    zone: str
    state: str = "confirmed"
    created_at: datetime | None = moment(nullable=False, now=True, index=True)
    cancelled_at: datetime | None = moment()
    cancelled_by: str | None = None


class Unconfirmed(SQLModel, table=True):
    """A booking that is to be confirmed by mail: its appointment is a hold until then, and takes it along at its end.
    `request` is what was asked for; `key` and `digest` are those of its idempotency."""

    appointment_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True)
    )
    token_hash: bytes = Field(sa_column=Column(LargeBinary, unique=True, nullable=False))
    key: str | None = Field(default=None, unique=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    request: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime | None = moment(nullable=False, now=True)


class KnownMailbox(SQLModel, table=True):
    """The keyed hash of a mailbox in which somebody pressed a link of ours."""

    __tablename__ = "known_mailbox"
    mark: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    confirmed_at: datetime = moment(nullable=False)


class BookingPolicy(SQLModel, table=True):
    """What the admins have set about bookings by strangers: one row. See `domain.crowding.Policy`."""

    __tablename__ = "booking_policy"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)
    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    confirm_after: int | None = None
    most_upcoming: int


class Occupancy(SQLModel, table=True):
    """The guard: one bookable is occupied by one appointment at a time. Buffers in seconds, for the rule."""

    __table_args__ = (
        Index("ix_occupancy_expires_at", "expires_at", postgresql_where=text("active AND expires_at IS NOT NULL")),
        Index("ix_occupancy_unlooked_at", "unlooked_at", postgresql_where=text("unlooked_at IS NOT NULL")),
        ExcludeConstraint(
            (text("int8range(bookable_id, bookable_id, '[]')"), "&&"),
            ("during", "&&"),
            where=text("active"),
            using="gist",
            name="occupancy_guard",
        ),
    )
    id: int | None = id_column()
    bookable_id: int = reference("bookable.id", index=False)
    appointment_id: int = reference("appointment.id")
    service_id: int = reference("service.id", index=False, cascade=False)
    during: Range[datetime] = Field(sa_column=Column(TSTZRANGE, nullable=False))
    before: int = 0
    after: int = 0
    expires_at: datetime | None = moment()
    """When a hold stops occupying; null for a confirmed appointment."""
    unlooked_at: datetime | None = moment()
    """When it was accepted without a last look at the bookable's calendars; null once all were read since."""
    active: bool = True


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a request, given again when it is repeated. `digest` finds a reused key."""

    __tablename__ = "idempotency_key"
    key: str = Field(primary_key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The part of the answer that is secret (the manage token), encrypted."""
    created_at: datetime | None = moment(nullable=False, now=True, index=True)
