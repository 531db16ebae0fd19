"""The commands of the program; `make run` is `booking demo`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from booking_app.config import ConfigurationError
from booking_app.run.trouble import Trouble

COMMANDS = {
    "serve": "serve the app, configured by the environment",
    "migrate": "bring the database to the revision that this version needs",
    "first-admin": "print a one-time link for the first admin",
    "new-key": "print a fresh key for SECRET_KEYS",
    "rotate-keys": "seal everything that is stored encrypted with the first of SECRET_KEYS",
    "doctor": "check settings, database, keys and mail server",
    "read-calendar": "print what a calendar file blocks, one JSON object a line",
    "demo": "everything on this machine, with a demo team whose calendars are connected",
    "reset": "forget the demo's data",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it did its work, 2 with one sentence on standard error when it could not."""
    parser = argparse.ArgumentParser(
        prog="booking", description="A booking platform whose availability is never wrong."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, sentence in COMMANDS.items():
        command = commands.add_parser(name, help=sentence, description=sentence[0].upper() + sentence[1:] + ".")
        if name == "read-calendar":
            _read_calendar_options(command)
    chosen = parser.parse_args(arguments)
    # Stopped while it starts: the blocks that are open put everything away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(chosen)
    except (Trouble, ConfigurationError) as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _read_calendar_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="an iCalendar file (.ics); - reads standard input")
    add("--zone", default="UTC", help="the owner's time zone, for what names none (default: UTC)")
    add("--from", dest="since", required=True, metavar="DATE", help="the first day that counts, by UTC")
    add("--to", dest="until", required=True, metavar="DATE", help="the day after the last one, by UTC")
    add("--address", action="append", default=[], help="an address of the owner, whose own answers count")


def _run(chosen: argparse.Namespace) -> int:
    command = chosen.command
    # Each command imports what it needs: printing a key does not load the web server.
    if command == "demo":
        from booking_app.run import demo

        return demo.run()
    if command == "doctor":
        from booking_app.run.doctor import doctor

        return doctor()
    if command == "read-calendar":
        from booking_app.run import read_calendar

        return read_calendar.read_calendar(chosen)
    from booking_app.run import commands

    run: dict[str, Callable[[], int]] = {
        "serve": commands.serve,
        "migrate": commands.migrate_database,
        "first-admin": commands.first_admin,
        "new-key": commands.new_key,
        "rotate-keys": commands.rotate_keys,
        "reset": commands.reset,
    }
    return run[command]()


if __name__ == "__main__":
    sys.exit(main())
