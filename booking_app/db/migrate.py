"""Alembic, configured in code: the migrations ship with the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.engine import sqlalchemy_url

FOLDER = Path(__file__).parent / "migrations"


def configuration(url: str) -> Config:
    """An Alembic configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = sqlalchemy_url(url)
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`. Safe to run from several processes: one waits for the other."""
    command.upgrade(configuration(url), revision)


def downgrade(url: str, revision: str) -> None:
    command.downgrade(configuration(url), revision)


def newest() -> str:
    """The revision this program needs."""
    head = ScriptDirectory.from_config(configuration("")).get_current_head()
    if head is None:
        raise LookupError("the package holds no migrations")
    return head


async def applied(db: AsyncSession) -> str | None:
    """The revision of the database, or None before the first migration."""
    if await db.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = await db.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
