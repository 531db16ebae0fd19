"""Who signs in. Times are UTC, ranges half-open, minutes are minutes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from booking_app.db.columns import id_column, moment, reference


class Account(SQLModel, table=True):
    """Somebody who signs in. `bookable_id` is the person whose calendars they link."""

    id: int | None = id_column()
    email: str = Field(unique=True)
    name: str
    role: str = "staff"
    password_hash: str = ""
    bookable_id: int | None = reference("bookable.id", nullable=True, cascade=False)
    active: bool = True
    created_at: datetime | None = moment(nullable=False, now=True)


class Session(SQLModel, table=True):
    """A signed-in browser; the cookie's value is stored hashed."""

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account_id: int = reference("account.id")
    created_at: datetime | None = moment(nullable=False, now=True)
    expires_at: datetime = moment(nullable=False)


class Device(SQLModel, table=True):
    """A browser in which this account signed in; its cookie's value is stored hashed."""

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    expires_at: datetime = moment(nullable=False, index=True)


class Bucket(SQLModel, table=True):
    """How much of a rate is spent as of `since`; `key` is a keyed hash of whose and what. Nothing is by `ends_at`."""

    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    spent: float
    since: datetime = moment(nullable=False)
    ends_at: datetime = moment(nullable=False, index=True)


class OneTimeLink(SQLModel, table=True):
    """An invitation, the first admin's link or one to a new password; valid once, until `expires_at`."""

    __tablename__ = "one_time_link"
    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    purpose: str
    email: str = ""
    name: str = ""
    role: str = "staff"
    bookable_id: int | None = reference("bookable.id", nullable=True)
    expires_at: datetime = moment(nullable=False)
    used_at: datetime | None = moment()
