"""Column shorthands and the naming of constraints, so that migrations can name what they change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, MetaData, text
from sqlmodel import Field, SQLModel

from booking_app.domain.clock import utc_now

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def known(name: str) -> str:
    """`name` as a query may look for it. What cannot be printed is in no name of ours, and some of it (NUL, half a
    character) the database does not even take: such a name is nobody's, like the empty one."""
    return name if name.isprintable() else ""


def id_column() -> Any:
    return Field(default=None, sa_type=BigInteger, primary_key=True)


def reference(target: str, *, nullable: bool = False, index: bool = True, cascade: bool = True) -> Any:
    return Field(
        default=None if nullable else ...,
        sa_column=Column(
            BigInteger,
            ForeignKey(target, ondelete="CASCADE" if cascade else None),
            nullable=nullable,
            index=index,
        ),
    )


def moment(*, nullable: bool = True, index: bool = False, now: bool = False) -> Any:
    """An aware moment; with `now`, when the row was made by the program's clock, or the database's for rows that the
    program does not make."""
    return Field(
        default=None,
        sa_column=Column(
            DateTime(timezone=True),
            nullable=nullable,
            index=index,
            default=utc_now if now else None,
            server_default=text("now()") if now else None,
        ),
    )
