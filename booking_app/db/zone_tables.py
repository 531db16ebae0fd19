"""The rules of time zones as they were when appointments were booked by them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from booking_app.db.columns import moment


class ZoneRules(SQLModel, table=True):
    """`offsets` are (instant, seconds from UTC since then), known up to the instant `until`; `before` those that the
    database of zones said until it changed at `changed_at`. `version` is that database's."""

    __tablename__ = "zone_rules"
    name: str = Field(primary_key=True)
    version: str
    until: int = Field(sa_column=Column(BigInteger, nullable=False))
    offsets: list[tuple[int, int]] = Field(sa_column=Column(JSONB, nullable=False))
    before: list[tuple[int, int]] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    changed_at: datetime = moment(nullable=False)
