"""How much one person may connect, what of a long list of calendars is kept, and how often an account may block.
Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from booking_app.sync.model import Busy, BusyKind, RemoteCalendar, RemoteObject
from booking_app.sync.problems import Code, Problem

ACCOUNTS = 10
"""Calendar accounts of a person."""
BLOCKING = 50
"""Calendars that block a person, in all of their accounts."""
LISTED = 100
"""Calendars of an account that are listed, besides those that are used."""
BLOCKS = 200_000
"""Times at which a calendar may block, all of its events together: twenty series of every hour over the longest window,
and more than it may have events."""
BLOCKS_OF_ACCOUNT = 400_000
"""The same for all calendars of an account."""
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


class Gathered:
    """Objects in the order in which they are read, with at most `room` blocks in all: see `fitted`."""

    def __init__(self, room: int) -> None:
        self.objects: list[RemoteObject] = []
        self._room = room
        self._blocks = 0

    def add(self, found: Sequence[RemoteObject]) -> None:
        self.objects += found
        self._blocks += blocks(found)
        if self._blocks > self._room:
            self.objects = fitted(self.objects, self._room)
            self._blocks = blocks(self.objects)


def blocks(objects: Iterable[RemoteObject]) -> int:
    """How often they block, all together."""
    return sum(len(each.busy) for each in objects)


def fitted(objects: Sequence[RemoteObject], room: int) -> list[RemoteObject]:
    """The objects, where they block more than `room` times with those that block most often as unreadable: such a one
    blocks once, from the first of its times to the last. So it goes on down to half of the room, or to one block each,
    that this is not done anew for each object that is added."""
    excess = blocks(objects) - room
    if excess <= 0:
        return list(objects)
    found, excess = list(objects), excess + room // 2
    for number in sorted(range(len(found)), key=lambda each: len(found[each].busy), reverse=True):
        times = len(found[number].busy)
        if excess <= 0 or times < 2:
            break
        found[number] = _unfollowed(found[number])
        excess -= times - 1
    return found


def _unfollowed(item: RemoteObject) -> RemoteObject:
    low, high = min(each.start for each in item.busy), max(each.end for each in item.busy)
    whole = Busy(start=low, end=high, kind=BusyKind.UNCERTAIN)
    return replace(item, busy=(whole,), problems=(*item.problems, Problem(Code.TOO_MUCH_WORK, low)))


def _fits(calendar: RemoteCalendar) -> bool:
    return len(calendar.remote_id.encode()) <= _LONGEST_ADDRESS
