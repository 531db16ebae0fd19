"""How much one person may connect, and what of a long list of calendars is kept. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from booking_app.sync.model import RemoteCalendar

ACCOUNTS = 10
"""Calendar accounts of a person."""
BLOCKING = 50
"""Calendars that block a person, in all of their accounts."""
LISTED = 100
"""Calendars of an account that are listed, besides those that are used."""
_LONGEST_NAME = 80
_LONGEST_ADDRESS = 2_000
"""Bytes; it is kept with an index on it, in which PostgreSQL takes at most 2,704."""

TOO_MANY_ACCOUNTS = f"You have connected {ACCOUNTS} calendar accounts, as many as can be. Disconnect one first."
TOO_MANY_BLOCKING = f"Already {BLOCKING} calendars block your slots, which is as many as can be. Switch one off first."


def listed(found: Sequence[RemoteCalendar], used: Collection[str]) -> list[RemoteCalendar]:
    """The calendars of an account that are kept: those whose ids are `used`, and the first of the others by name and
    id, so that the same account always shows the same ones."""
    ours = [each for each in found if each.remote_id in used]
    others = [each for each in found if each.remote_id not in used and _fits(each)]
    others.sort(key=lambda each: (shown_name(each.name).casefold(), each.remote_id))
    return ours + others[:LISTED]


def shown_name(name: str) -> str:
    """A calendar's name on one line of a page: without line breaks and control characters, cut where it is long."""
    # Joiners make one sign of several, as families of emoji are.
    text = " ".join("".join(each if each.isprintable() or each == "\u200d" else " " for each in name[:1_000]).split())
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1].rstrip() + "\u2026"


def _fits(calendar: RemoteCalendar) -> bool:
    return len(calendar.remote_id.encode()) <= _LONGEST_ADDRESS
