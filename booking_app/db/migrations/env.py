"""Runs migrations under an advisory lock, so that processes that start together migrate once."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from sqlmodel.sql.sqltypes import AutoString

from booking_app.db.tables import metadata

LOCK = 7_340_021


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write SQLModel's string type as plain SQL, so that migrations depend on SQLAlchemy alone."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.connect() as connection:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, render_item=render_item)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
