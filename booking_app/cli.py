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
        commands.add_parser(name, help=sentence)
    chosen = parser.parse_args(arguments)
    # Stopped while it starts: the blocks that are open put everything away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(chosen.command)
    except (Trouble, ConfigurationError) as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(command: str) -> int:
    # Each command imports what it needs: printing a key does not load the web server.
    if command == "demo":
        from booking_app.run import demo

        return demo.run()
    if command == "doctor":
        from booking_app.run.doctor import doctor

        return doctor()
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
