"""Who signs in. Times are UTC, ranges half-open, minutes are minutes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary
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


class OneTimeLink(SQLModel, table=True):
    """An invitation or the first admin's link; valid once, until `expires_at`."""

    __tablename__ = "one_time_link"
    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    purpose: str
    email: str = ""
    name: str = ""
    role: str = "staff"
    bookable_id: int | None = reference("bookable.id", nullable=True)
    expires_at: datetime = moment(nullable=False)
    used_at: datetime | None = moment()
