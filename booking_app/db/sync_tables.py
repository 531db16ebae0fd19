"""Calendars, what we know of them, and the work that waits. Times are UTC, ranges half-open, minutes are minutes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from booking_app.db.columns import id_column, moment, reference


class Connection(SQLModel, table=True):
    """An account at a provider, its encrypted secret and its health. `reason` is a sentence without secrets."""

    id: int | None = id_column()
    uid: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, unique=True, nullable=False))
    bookable_id: int = reference("bookable.id")
    provider: str = "caldav"
    preset: str = ""
    label: str = ""
    address: str = ""
    host: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Whose server it is, which all accounts there share; empty where a provider's own limits hold."""
    username: str = ""
    secret: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    subject: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Who it is at a provider that is linked by consent (OpenID `sub`): addresses change, this does not."""
    unlisted: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many more calendars it has than are listed."""
    mode: str = Field(default="full", sa_column_kwargs={"server_default": "full"})
    listed_at: datetime | None = moment()
    """When its list of calendars was asked for last, whether or not that came to anything."""
    state: str = "ok"
    reason: str = ""
    failing_since: datetime | None = moment()
    last_success_at: datetime | None = moment()
    created_at: datetime | None = moment(nullable=False, now=True)


class Calendar(SQLModel, table=True):
    """One calendar of a connection and where its reading stands.

    `verified_at`: the data equals the provider's as of then. `window_*`: what the busy blocks cover.
    `hot_until`: somebody looks at its slots until then. `lease_until`: a worker reads it."""

    __table_args__ = (UniqueConstraint("connection_id", "remote_id"),)
    id: int | None = id_column()
    uid: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, unique=True, nullable=False))
    connection_id: int = reference("connection.id")
    bookable_id: int = reference("bookable.id")
    remote_id: str
    name: str
    colour: str | None = None
    zone: str | None = None
    addresses: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default="{}")
    )
    """Under which its owner is invited, as the provider says: sorted, lower case, mail addresses without a scheme."""
    can_write: bool = True
    blocks: bool = False
    unsure_blocks: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether that goes for tentative events and unanswered invitations, too."""
    target: bool = False
    private: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether others who may see the calendar see of our events only that its owner is busy."""
    chosen_at: datetime | None = moment()
    """Since when it is to be read; what was never read is as old as that."""
    cursor: str | None = None
    window_start: datetime | None = moment()
    window_end: datetime | None = moment()
    verified_at: datetime | None = moment()
    full_at: datetime | None = moment()
    """When all versions were last compared, which mends whatever an incremental read may have missed."""
    changed_at: datetime | None = moment()
    due_at: datetime = moment(nullable=False, index=True)
    pushed_at: datetime | None = moment()
    """The read that a push has brought forward, until a read finds something: see `sync.channel_plan.bring_forward`."""
    hot_until: datetime | None = moment()
    lease_until: datetime | None = moment()
    takes: float = Field(default=0, sa_column=Column(REAL, nullable=False, server_default="0"))
    """Seconds that reading it took of late: `sync.policy.takes`."""
    failures: int = 0
    trouble: str = ""
    """Why it could not be read last time, as a sentence; empty when it could."""
    stopped: bool = False
    """The deletion breaker or an unreadable reply holds the sync of this calendar."""
    stopped_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """A `StoppedBy` while it is stopped."""
    problems: int = 0
    """How many events could not be understood and block with a margin."""


class CalendarObject(SQLModel, table=True):
    """What we hold of one remote object: its version, nothing of its content."""

    __tablename__ = "calendar_object"
    __table_args__ = (
        Index("ix_calendar_object_missing", "calendar_id", postgresql_where=text("missing_since IS NOT NULL")),
    )
    calendar_id: int = Field(sa_column=Column(ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True))
    key: str = Field(primary_key=True)
    etag: str
    uid: str
    missing_since: datetime | None = moment()
    """First time a read did not show it; a second confirmation removes it."""


class UnreadObject(SQLModel, table=True):
    """What of an object could not be read: codes and instants. `blocks`: its owner's word on this version of it."""

    __tablename__ = "unread_object"
    calendar_id: int = Field(sa_column=Column(ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True))
    key: str = Field(primary_key=True)
    uid: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, unique=True, nullable=False))
    etag: str
    problems: list[Any] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    blocks: bool = True


class BusyBlock(SQLModel, table=True):
    """An occurrence in an external calendar that blocks: range and kind, no content."""

    __tablename__ = "busy_block"
    id: int | None = id_column()
    calendar_id: int = reference("calendar.id", index=False)
    bookable_id: int = reference("bookable.id", index=False)
    key: str
    starts_at: datetime = moment(nullable=False)
    ends_at: datetime = moment(nullable=False)
    kind: str = "busy"
    __table_args__ = (
        Index("ix_busy_block_object", "calendar_id", "key"),
        Index("ix_busy_block_ends", "bookable_id", "ends_at", "starts_at"),
    )


class Mirror(SQLModel, table=True):
    """Our event in a target calendar. `written_sequence` and `fields` are what we last wrote and read back."""

    __table_args__ = (UniqueConstraint("appointment_id", "bookable_id"),)
    id: int | None = id_column()
    appointment_id: int = reference("appointment.id", index=False)
    bookable_id: int = reference("bookable.id")
    calendar_id: int = reference("calendar.id")
    uid: str = Field(unique=True)
    key: str | None = None
    etag: str | None = None
    fields: str = ""
    said: list[str] | None = Field(default=None, sa_column=Column(JSONB))
    """Digests of what we wrote, and of what is being written (`sync.theirs`); null: from before they were kept."""
    starts_at: datetime | None = moment()
    ends_at: datetime | None = moment()
    intended_start: datetime | None = moment()
    intended_end: datetime | None = moment()
    """The time of the write that was begun last, so that a crash within it is not taken for an owner's edit."""
    missing_since: datetime | None = moment()
    """Since when a write finds it gone or changed, and waits for what the next read says of it."""
    written_at: datetime | None = moment()


class Outbox(SQLModel, table=True):
    """What must become true. `generation` counts requests: a worker deletes only the one it worked on."""

    __table_args__ = (UniqueConstraint("effect", "key"),)
    id: int | None = id_column()
    effect: str
    key: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    generation: int = 1
    created_at: datetime | None = moment(nullable=False, now=True)
    """Since when the last request for it is due; `due_at` is when it is tried next."""
    due_at: datetime = moment(nullable=False, index=True)
    lease_until: datetime | None = moment()
    attempts: int = 0
    takes: float = Field(default=0, sa_column=Column(REAL, nullable=False, server_default="0"))
    """Seconds that the attempts took at most."""
    reason: str = ""
    """Why the last attempt failed, as a sentence."""
    parked: bool = False


class Alert(SQLModel, table=True):
    """Something a person must know. Open until `closed_at`; one open alert a subject. Mailed from `tell_from` on; met
    last at `met_at`."""

    __table_args__ = (Index("uq_alert_open", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),)
    id: int | None = id_column()
    subject: str
    bookable_id: int | None = reference("bookable.id", nullable=True)
    connection_id: int | None = reference("connection.id", nullable=True)
    message: str
    opened_at: datetime = moment(nullable=False)
    tell_from: datetime = moment(nullable=False)
    met_at: datetime | None = moment()
    told_at: datetime | None = moment()
    tellings: int = 0
    closed_at: datetime | None = moment()


class DelaySample(SQLModel, table=True):
    """One measured delay in seconds.

    `inbound`: from the last read that did not show a change to the commit of the one that did, the longest that a
    change outside can have been open to bookings. `outbound`: from the last request to write an event to the
    provider's confirmation."""

    __tablename__ = "delay_sample"
    id: int | None = id_column()
    kind: str
    seconds: float
    at: datetime = moment(nullable=False, index=True)


class TimeSeen(SQLModel, table=True):
    """One row: the latest time by the clock of any process. A process that starts earlier than that knows that the
    clock was set back."""

    __tablename__ = "time_seen"
    id: int | None = id_column()
    latest: datetime = moment(nullable=False)
