"""Accounts that are linked by consent: the installation's own credentials, what people granted, and push channels.
Times are UTC. Whatever opens something is sealed (`bytes`) or kept as a hash."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from booking_app.db.columns import id_column, moment, reference


class ProviderApp(SQLModel, table=True):
    """What this installation is registered as at a provider, and what is known of how the provider sees it.

    `secret` is sealed for `provider:<name>`. `cloud` names a national cloud, `tenant` whose accounts may sign in (both
    Microsoft only). `testing`: the consent screen is in "Testing", so grants end after seven days (Google only).
    `trouble` is why the provider refuses the installation, as a sentence; empty while it does not."""

    __tablename__ = "provider_app"
    provider: str = Field(primary_key=True)
    client_id: str = ""
    secret: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    cloud: str = ""
    tenant: str = "common"
    testing: bool = False
    trouble: str = ""
    consented_at: datetime | None = moment()
    """When somebody last came back from the consent page, which shows that the redirect address works."""
    turned_back_at: datetime | None = moment()
    """When somebody last came back with nothing, because only an administrator of their organisation may allow it."""
    pushed_at: datetime | None = moment()
    """When a genuine notification last came in, which shows that the webhook address is reachable from outside."""
    updated_at: datetime = moment(nullable=False)


class Grant(SQLModel, table=True):
    """What a person granted: the tokens of one connection, sealed for `grant:<uid of the connection>`.

    `connection.secret` names the consent and stays the same while tokens are refreshed; a new consent changes it.
    `ends_at` is when the grant is expected to end by itself, None if never."""

    __tablename__ = "oauth_grant"
    connection_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    refresh: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    access: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    access_ends_at: datetime | None = moment()
    scopes: str = ""
    """What was really granted, separated by blanks: people can untick."""
    granted_at: datetime = moment(nullable=False)
    refreshed_at: datetime | None = moment()
    ends_at: datetime | None = moment()


class ConsentAttempt(SQLModel, table=True):
    """Somebody on their way to the consent page and back; used once. `verifier` is sealed for `consent:<hex of hash>`.
    `connection_uid` is the connection that is linked anew, if it is one."""

    __tablename__ = "consent_attempt"
    state_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    session_hash: bytes = Field(
        sa_column=Column(LargeBinary, ForeignKey("session.token_hash", ondelete="CASCADE"), nullable=False)
    )
    bookable_id: int = reference("bookable.id", index=False)
    provider: str
    mode: str
    connection_uid: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    verifier: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at: datetime = moment(nullable=False, index=True)


class Channel(SQLModel, table=True):
    """A provider's push subscription for one calendar, or for the whole account (`calendar_id` None).

    `uid` is our name of it; `secret_hash` the SHA-256 of what comes back in each message, empty until it is asked for.
    `state`: `opening` until the provider confirmed it, then `open`, `closing` when it has been replaced or is not
    wanted any more. `address` is where its messages go, `last_number` that of the newest."""

    __table_args__ = (CheckConstraint("state IN ('opening', 'open', 'closing')", name="state"),)
    id: int | None = id_column()
    uid: uuid.UUID = Field(default_factory=uuid.uuid4, sa_column=Column(Uuid, unique=True, nullable=False))
    connection_id: int = reference("connection.id")
    calendar_id: int | None = reference("calendar.id", nullable=True)
    remote_id: str = Field(default="", index=True)
    resource_id: str = ""
    secret_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    state: str = "opening"
    address: str = ""
    opened_at: datetime | None = moment()
    """When the provider last confirmed it: opened or extended."""
    expires_at: datetime | None = moment()
    due_at: datetime = moment(nullable=False, index=True)
    """When it is worked on next: opened, extended or closed."""
    lease_until: datetime | None = moment()
    failures: int = 0
    trouble: str = ""
    last_number: int = Field(default=0, sa_type=BigInteger)
    notified_at: datetime | None = moment()
