"""`make run`: the whole product on this machine, with a demo team whose calendars are connected."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

import psycopg

from booking_app import config, demo
from booking_app.config import Settings
from booking_app.db import migrate
from booking_app.domain.clock import utc_now
from booking_app.run.calendars import CalendarServer
from booking_app.run.children import Children
from booking_app.run.folder import DataFolder
from booking_app.run.instance import free_port, need_free, say, start_app, start_database, wait_for_end
from booking_app.run.simulated import Simulated
from booking_app.sync.vault import new_key

KEPT = "demo.json"
"""Keys and passwords of this folder's demo, made at its first start."""
FACTS = "run.json"
"""What scripts may know of the running instance."""
FIRST_READS_LIMIT = 30
"""Seconds."""


def run() -> int:
    """Start, print the addresses, wait for Ctrl-C, stop. 0 after an end that was asked for."""
    settings = config.load(demo=True)
    folder = DataFolder(settings.data_dir, demo=True)
    folder.remove(FACTS)
    kept = folder.read(KEPT) or _new_secrets()
    children = Children(folder.path)
    children.end_orphans()
    need_free(settings.host, settings.port)
    former: int | None = kept.get("calendar_port")
    kept["calendar_port"] = free_port(former)
    # A folder whose accounts are linked to simulations goes on with them.
    simulated = Simulated(kept) if settings.providers == "sim" or kept.get("simulated") else None
    folder.write(KEPT, kept)
    if settings.database_url:
        say("DATABASE_URL is not used: the demo keeps to its own database")
    calendars = CalendarServer(folder.path, kept["calendar_port"], kept["calendar_passwords"])
    complete = bool(kept.get("complete"))
    if not complete:
        # What an interrupted first start left: the team is created once and whole.
        shutil.rmtree(folder.path / "calendars", ignore_errors=True)
    database = None
    try:
        say("Starting the calendar server and PostgreSQL")
        calendars.start(children, folder.path / "logs" / "radicale.log")
        database = start_database(folder.path)
        if not complete:
            _empty(database.url)
        migrate.upgrade(database.url)
        if complete and former and former != kept["calendar_port"]:
            _move_calendars(database.url, former, kept["calendar_port"])
        calendars.wait(children)
        variables = _variables(settings, folder.path, database.url, kept["secret_key"])
        if simulated:
            say("Starting the simulations of Google and Microsoft")
            simulated.start(children, variables["PUBLIC_URL"], folder.path / "logs" / "simulators.log")
            variables |= simulated.variables
        if not complete:
            # Loaded only here: the program is not needed in this process any more.
            from booking_app.run.seed import seed

            say("Creating the demo team and connecting their calendars")
            asyncio.run(seed(config.load(**_overrides(variables)), calendars, kept))
            folder.write(KEPT, kept | {"complete": True})
        if simulated:
            simulated.wait(children)
            asyncio.run(simulated.register(config.load(**_overrides(variables))))
        start_app(children, variables, folder.path / "logs" / "app.log", say)
        say("Reading the team's calendars")
        _wait_for_first_reads(database.url)
        facts = _facts(variables["PUBLIC_URL"], calendars, kept) | ({"providers": simulated.facts} if simulated else {})
        folder.write(FACTS, facts)
        say(_sentences(facts, simulated.sentences() if simulated else []))
        ended = wait_for_end(children, database)
        say("\nStopping" if ended is None else f"\nThe process {ended} ended by itself; stopping")
        return 0 if ended is None else 1
    finally:
        folder.remove(FACTS)
        children.stop()
        if database is not None:
            database.stop()


def _new_secrets() -> dict[str, Any]:
    people = [member.slug for member in demo.TEAM]
    return {
        "secret_key": new_key(),
        "admin_password": secrets.token_urlsafe(9),
        "passwords": {slug: secrets.token_urlsafe(9) for slug in people},
        "calendar_passwords": {slug: secrets.token_urlsafe(9) for slug in people},
    }


def _variables(settings: Settings, folder: Path, database: str, key: str) -> dict[str, str]:
    """What the demo sets over the environment: its own database, keys and mail folder, whatever is set outside."""
    return {
        "DATABASE_URL": database,
        "DATA_DIR": str(folder),
        "SECRET_KEYS": key,
        "PUBLIC_URL": settings.public_url or f"http://localhost:{settings.port}",
        "HOST": settings.host,
        "PORT": str(settings.port),
        "DEMO": "true",
        "ALLOW_PRIVATE_CALENDAR_HOSTS": "true",
        "SMTP_URL": "",
        "TEAM_NAME": os.environ.get("TEAM_NAME", "Studio Haarlem"),
        "MAIL_FROM": os.environ.get("MAIL_FROM", f"hello@{demo.DEMO_DOMAIN}"),
        # All visitors of a demo share one address, scripts that try it out among them.
        "RATE_SLOTS": os.environ.get("RATE_SLOTS", "60000"),
        "RATE_BOOKINGS": os.environ.get("RATE_BOOKINGS", "6000"),
        "CONTACT_PHONE": os.environ.get("CONTACT_PHONE", "+31 20 555 01 23"),
        "CONTACT_EMAIL": os.environ.get("CONTACT_EMAIL", f"hello@{demo.DEMO_DOMAIN}"),
        "CONNECTIONS": os.environ.get("CONNECTIONS", "4000"),
    }


def _overrides(variables: dict[str, str]) -> dict[str, Any]:
    return {name.lower(): value for name, value in variables.items()}


def _empty(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _move_calendars(database: str, former: int, port: int) -> None:
    """Somebody else has taken the calendar server's port meanwhile: connect the calendars where they are now."""
    addresses = (f"http://127.0.0.1:{former}/", f"http://127.0.0.1:{port}/")
    due = (*addresses, utc_now())
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE connection SET address = replace(address, %s, %s)", addresses)
        connection.execute("UPDATE calendar SET remote_id = replace(remote_id, %s, %s), due_at = %s", due)


def _wait_for_first_reads(database: str) -> None:
    """Until every calendar that blocks was read once, so that the first visitor finds slots; a calendar that cannot
    be read shows as such in the app."""
    deadline = time.monotonic() + FIRST_READS_LIMIT
    unread = "SELECT count(*) FROM calendar WHERE blocks AND verified_at IS NULL"
    with psycopg.connect(database, autocommit=True) as connection:
        while time.monotonic() < deadline and connection.execute(unread).fetchone() != (0,):
            time.sleep(0.1)


def _facts(url: str, calendars: CalendarServer, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "url": url,
        "admin": {"email": demo.ADMIN_EMAIL, "password": kept["admin_password"]},
        "staff": [
            {
                "slug": member.slug,
                "name": member.name,
                "email": member.email,
                "password": kept["passwords"][member.slug],
                "caldav": {
                    "url": calendars.url,
                    "user": member.slug,
                    "password": kept["calendar_passwords"][member.slug],
                    "calendar_url": calendars.calendar_url(member.slug, demo.WORK),
                },
            }
            for member in demo.TEAM
        ],
        "services": list(demo.SERVICES),
    }


def _sentences(facts: dict[str, Any], more: list[str]) -> str:
    admin = facts["admin"]
    lines = [
        "",
        f"  Book an appointment   {facts['url']}/",
        f"  Team and calendars    {facts['url']}/admin/sync",
        "",
        "  Sign in as",
        f"    {admin['email']:<34} {admin['password']}   (admin)",
    ]
    lines += [f"    {person['email']:<34} {person['password']}   {person['name']}" for person in facts["staff"]]
    lines += ["", f"  Calendars, for any calendar app: {facts['staff'][0]['caldav']['url']}"]
    lines += [
        f"    user {person['caldav']['user']:<10} password {person['caldav']['password']:<14} "
        f"{person['caldav']['calendar_url']}"
        for person in facts["staff"]
    ]
    return "\n".join([*lines, *more, "", "Ctrl-C stops everything. The data stays; `make reset` forgets it."])
