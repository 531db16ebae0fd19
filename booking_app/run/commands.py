"""The commands of a real installation: configured by the environment, nothing of the demo."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator

import psycopg

from booking_app import config, runtime
from booking_app.config import Settings
from booking_app.db import migrate
from booking_app.db.embedded import EmbeddedPostgres, end_leftover
from booking_app.run.children import Children
from booking_app.run.folder import DataFolder
from booking_app.run.instance import need_free, say, start_app, start_database, wait_for_end
from booking_app.run.trouble import Trouble
from booking_app.services import invitations, vitals
from booking_app.sync.rotation import Rotation, rotate
from booking_app.sync.vault import new_key as fresh_key


def serve() -> int:
    """The app until SIGINT or SIGTERM; its log goes to standard error."""
    settings = _settings()
    folder = DataFolder(settings.data_dir, demo=False)
    children = Children(folder.path)
    children.end_orphans()
    need_free(settings.host, settings.port)
    with _database(settings, migrated=True) as (url, server):
        ready = settings.model_copy(update={"database_url": url})
        asyncio.run(_before_serving(ready))
        try:
            variables = {
                "DATABASE_URL": url,
                "DATA_DIR": str(folder.path),
                "HOST": settings.host,
                "PORT": str(settings.port),
            }
            start_app(children, variables, None, say)
            say(f"Serving {settings.public_url} on {settings.host}:{settings.port}")
            ended = wait_for_end(children, server)
        finally:
            children.stop()
    return 0 if ended is None else 1


def migrate_database() -> int:
    """Bring the database to the revision that the program needs."""
    settings = _settings()
    with database(settings, migrated=False) as url:
        migrate.upgrade(url)
    say(f"The database is at {migrate.newest()}")
    return 0


def first_admin() -> int:
    """Print a one-time link that makes its first user an admin; older links end."""
    settings = _settings()

    async def link() -> str | None:
        async with runtime.built(settings.model_copy(update={"database_url": url})) as program:
            return await invitations.first_admin_link(program.context)

    with database(settings, migrated=True) as url:
        found = asyncio.run(link())
    if found is None:
        raise Trouble("There is an admin already; admins invite others in the app.")
    say(found)
    return 0


def new_key() -> int:
    """Print a fresh key for SECRET_KEYS."""
    say(fresh_key())
    return 0


def rotate_keys() -> int:
    """Seal everything anew with the first of SECRET_KEYS, while the app goes on. 2 if something opens with no key."""
    settings = _settings()

    async def renew() -> Rotation:
        async with runtime.built(settings.model_copy(update={"database_url": url})) as program:
            return await rotate(program.sessions, program.vault)

    with database(settings, migrated=True) as url:
        done = asyncio.run(renew())
    if done.unreadable:
        named = ", ".join(done.unreadable)
        raise Trouble(
            f"SECRET_KEYS: {done.renewed} values were sealed anew, but no key opens {named}; keep the old keys."
        )
    say(f"{done.renewed} values were sealed anew; keys after the first one are not needed any more")
    return 0


def reset() -> int:
    """Forget the data folder of the demo. Refuses while an instance runs on it, and any folder that is not ours."""
    path = config.load(demo=True).data_dir.absolute()
    if not path.exists():
        say(f"There is nothing in {path}")
        return 0
    folder = DataFolder(path, demo=True)
    Children(folder.path).end_orphans()
    end_leftover(folder.path)
    shutil.rmtree(path)
    say(f"Forgot the demo's data in {path}")
    return 0


def _settings() -> Settings:
    settings = config.load()
    if settings.demo:
        raise Trouble("DEMO: is set, but this command is not the demo; unset it, or use `make run`.")
    return settings


@contextlib.contextmanager
def database(settings: Settings, *, migrated: bool) -> Iterator[str]:
    """The address of a database that answers; the embedded one is started, and stopped after the block."""
    with _database(settings, migrated=migrated) as (url, _):
        yield url


@contextlib.contextmanager
def _database(settings: Settings, *, migrated: bool) -> Iterator[tuple[str, EmbeddedPostgres | None]]:
    """The same, and the embedded server if it is one."""
    if not settings.database_url:
        server = start_database(DataFolder(settings.data_dir, demo=False, exclusive=False).path)
        try:
            migrate.upgrade(server.url)
            yield server.url, server
        finally:
            server.stop()
        return
    url = settings.database_url
    try:
        with psycopg.connect(_plain(url), connect_timeout=10) as connection:
            found = connection.execute("SHOW server_version_num").fetchone()
    except psycopg.OperationalError as error:
        raise Trouble(f"DATABASE_URL: cannot connect ({str(error).strip().splitlines()[-1]}).") from None
    if found is not None and int(found[0]) < 140000:
        raise Trouble("DATABASE_URL: PostgreSQL 14 or newer is needed.")
    if migrated and (behind := asyncio.run(_behind(settings))):
        raise Trouble(f"DATABASE_URL: {behind}; run `booking migrate`.")
    yield url, None


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


async def _behind(settings: Settings) -> str | None:
    async with runtime.built(settings) as program:
        return (await vitals.faults(program.context)).get("migrations")


async def _before_serving(settings: Settings) -> None:
    async with runtime.built(settings) as program:
        if not settings.allow_demo_team and await vitals.holds_demo_team(program.context):
            raise Trouble(
                "DATABASE_URL: this database holds the demo's team, whose passwords were printed; use another "
                "database, or set ALLOW_DEMO_TEAM=true if nobody else can reach it."
            )
        if not settings.smtp_url:
            say(f"SMTP_URL is empty: mail is written to files in {settings.data_dir / 'mail'}")
        if link := await invitations.first_admin_link(program.context):
            say(f"There is no admin yet. This link makes its first user one, within seven days:\n  {link}")
