"""The moment at which the tests run: the present, or the one that the variable NOW names.

`make test NOW=2027-01-31T23:55:00+01:00` sets the clock of the program and the time zone of the machine when the run
begins, and the clock goes on from there. All processes of the run agree: how far the clock is ahead is passed on as
a number of seconds, which `at_start/sitecustomize.py` reads in each Python that is started. The browser's clock is set
by `show` and takes the machine's zone, where a test does not choose one.

Tests read the clock as the program does, by `booking_app.domain.clock.utc_now`.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import BrowserContext

from booking_app.domain import clock

ZONES = ("UTC", "Europe/Amsterdam", "America/Los_Angeles", "America/New_York", "Pacific/Auckland", "Pacific/Tongatapu")
"""A moment without a zone is in the first of these that has its offset from UTC then."""

_AHEAD = "TESTS_AHEAD"
_FORM = "write it like 2027-01-31T23:55:00+01:00, or with a zone like 2027-01-31T23:55:00+01:00[Europe/Amsterdam]"


def begin() -> None:
    """Set the clock and the zone of this process and of all that it starts, once for a run. Raises `ValueError` with a
    sentence for whoever wrote NOW."""
    if _AHEAD not in os.environ:
        wanted = os.environ.get("NOW", "")
        if not wanted:
            return
        moment, zone = read(wanted)
        path = [str(Path(__file__).parent / "at_start"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ahead = (moment - datetime.now(UTC)).total_seconds()
        os.environ |= {_AHEAD: str(ahead), "TZ": zone, "PYTHONPATH": os.pathsep.join(path)}
    time.tzset()
    clock.AHEAD = timedelta(seconds=float(os.environ[_AHEAD]))


def read(text: str) -> tuple[datetime, str]:
    """The aware moment and the name of the zone that `text` means: RFC 3339, the zone in brackets as in RFC 9557.
    Raises `ValueError` with a sentence."""
    found = re.fullmatch(r"([^\[\]]+)(?:\[([\w+/-]+)\])?", text)
    try:
        moment = datetime.fromisoformat(found[1] if found else "")
    except ValueError:
        raise ValueError(f"NOW: {text!r} is not a moment; {_FORM}") from None
    if moment.tzinfo is None:
        raise ValueError(f"NOW: {text!r} has no offset from UTC; {_FORM}")
    named = found[2] if found else None
    zones = [named] if named else ZONES
    try:
        fitting = [zone for zone in zones if moment.astimezone(ZoneInfo(zone)).utcoffset() == moment.utcoffset()]
    except (KeyError, ValueError):
        raise ValueError(f"NOW: there is no time zone {named!r}; {_FORM}") from None
    if not fitting:
        raise ValueError(f"NOW: {text!r} has not the offset of {named or 'any of ' + ', '.join(ZONES)} then; {_FORM}")
    return moment, fitting[0]


def show(context: BrowserContext) -> None:
    """Let the scripts of a browser's pages see the same moment, going on."""
    if clock.AHEAD:
        context.clock.install(time=clock.utc_now())


def header() -> str:
    """The moment, for the head of a report."""
    now = clock.utc_now().astimezone()
    return f"moment: {now:%A} {now:%d %B %Y %H:%M %z} ({os.environ.get('TZ', 'zone of this machine')})"
