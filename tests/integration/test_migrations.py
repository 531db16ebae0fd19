"""The migrated schema equals the models, and each step goes down and up again."""

from __future__ import annotations

from alembic import command
from alembic.script import ScriptDirectory

from booking_app.db import migrate
from tests.conftest import execute, other_database


def test_migrated_schema_equals_the_models(database_url: str) -> None:
    command.check(migrate.configuration(database_url))


def test_each_step_goes_down_and_up_again(postgres_url: str) -> None:
    execute(postgres_url, "CREATE DATABASE steps")
    url = other_database(postgres_url, "steps")
    try:
        script = ScriptDirectory.from_config(migrate.configuration(url))
        for revision in reversed(list(script.walk_revisions())):
            migrate.upgrade(url, revision.revision)
            migrate.downgrade(url, "-1")
            migrate.upgrade(url, revision.revision)
        command.check(migrate.configuration(url))
    finally:
        execute(postgres_url, "DROP DATABASE steps WITH (FORCE)")
