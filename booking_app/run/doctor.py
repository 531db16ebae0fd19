"""`booking doctor`: looks at everything that an installation needs and says what is wrong."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from booking_app import config, runtime
from booking_app.config import Settings
from booking_app.db.tables import Connection
from booking_app.domain import zone_rules
from booking_app.integrations.mail.mailer import Delayed
from booking_app.run.commands import database
from booking_app.run.instance import say
from booking_app.services.context import Context
from booking_app.sync.accounts import about
from booking_app.sync.vault import UnreadableSecret


def doctor() -> int:
    """One line a check; 0 when all is well, 1 when something is not. Raises `Trouble` where nothing can be checked."""
    settings = config.load()
    say("ok    settings")
    say(f"ok    {_zone_words()}")
    with database(settings, migrated=False) as url:
        say("ok    database")
        faults = asyncio.run(_check(settings.model_copy(update={"database_url": url})))
    for fault in faults:
        say(f"WRONG {fault}")
    return 1 if faults else 0


async def _check(settings: Settings) -> list[str]:
    faults = []
    async with runtime.built(settings) as program:
        missing = await program.readiness.faults()
        faults += [_fault(part, words) for part, words in missing.items()]
        if missing.keys() & {"database", "migrations"}:
            return faults
        say("ok    migrations")
        unreadable = await _unreadable_secrets(program.context)
        if unreadable:
            faults.append(
                f"SECRET_KEYS: none of the keys opens the password of connection {', '.join(unreadable)}; add the key "
                "that was used, or have the password entered again"
            )
        else:
            say("ok    stored passwords")
        try:
            await program.mailer.check()
        except Delayed as trouble:
            faults.append(f"SMTP_URL: {trouble}")
        else:
            say("ok    mail server" if settings.smtp_url else "ok    mail goes to files, SMTP_URL is empty")
    return faults


def _fault(part: str, words: str) -> str:
    return f"{part}: {words}" + ("; run `booking migrate`" if part == "migrations" else "")


def _zone_words() -> str:
    """Which rules of time zones are used, and whose they are."""
    package, machine = zone_rules.package_version(), zone_rules.machine_version()
    if zone_rules.package_wins():
        other = f"; this machine has {machine}" if machine else "; this machine does not say how old its own are"
        return f"time zone rules {package}, of the package tzdata{other}"
    other = f"; the package tzdata has {package}" if package else ""
    return f"time zone rules {machine or 'of unknown age'}, of this machine{other}"


async def _unreadable_secrets(ctx: Context) -> list[str]:
    async with ctx.sessions() as db:
        connections = (await db.scalars(select(Connection))).all()
    unreadable = []
    for connection in connections:
        try:
            if connection.secret:
                ctx.sealer.open(connection.secret, about(connection))
        except UnreadableSecret:
            unreadable.append(str(connection.id))
    return unreadable
