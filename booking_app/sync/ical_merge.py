"""Our event written over what stands at its place, line by line: what is not ours stays as it is.

Alarms, attendees, categories, colours, attachments, properties and components that nobody here knows are kept, in the
owner's own spelling. Times, repetition and what `theirs` finds to be ours are written anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from booking_app.sync import theirs
from booking_app.sync.ical_text import LINE_END, unescaped
from booking_app.sync.ical_write import write_event
from booking_app.sync.model import EventDraft

_NAME = re.compile(r"[A-Za-z0-9-]+")
_TEXTS = ("SUMMARY", "DESCRIPTION", "LOCATION", "URL", "CLASS")
_WRITTEN = frozenset(
    {"UID", "DTSTAMP", "DTSTART", "DTEND", "DURATION", "SEQUENCE", "LAST-MODIFIED", *_TEXTS}
    | {"RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"}
    # The same text once more, formatted, and the same time in Exchange's words.
    | {"X-ALT-DESC", "X-MICROSOFT-CDO-ALLDAYEVENT", "X-MICROSOFT-CDO-BUSYSTATUS"}
)
_ONCE = frozenset({"STATUS", "TRANSP"})
"""Written where there is none: confirmed and busy to begin with, and its owner's from then on."""
_LONGEST = 75
"""Octets of a line (RFC 5545 section 3.1)."""


def merge_event(data: bytes, draft: EventDraft) -> bytes:
    """The calendar object `data` with our event as in `draft`; what is not ours stays. An object in which our event is
    not found is replaced."""
    lines = _unfolded(data)
    events = list(_events(lines))
    mine = [each for each in events if _value(lines, each, "UID") == draft.uid]
    main = next((each for each in mine if not _value(lines, each, "RECURRENCE-ID")), None)
    if main is None:
        return write_event(draft)
    stands = {name: unescaped(_value(lines, main, name)) for name in _TEXTS}
    kept = theirs.keeping(
        draft,
        summary=stands["SUMMARY"],
        description=stands["DESCRIPTION"],
        location=stands["LOCATION"],
        url=stands["URL"],
        visible=stands["CLASS"],
    )
    merged: list[str] = []
    position = 0
    for event in mine:
        merged += lines[position : event[0]]
        if event == main:
            merged += _rewritten(lines[event[0] : event[1]], kept)
        position = event[1]
    merged += lines[position:]
    return b"".join(_folded(each) for each in merged if not each.upper().startswith("METHOD"))


def _rewritten(event: Sequence[str], draft: EventDraft) -> list[str]:
    """One VEVENT, from its BEGIN to its END, with our properties in front."""
    fresh = _unfolded(write_event(draft))
    [(begin, end)] = _events(fresh)
    stay = [line for line, depth in _nested(event[1:-1]) if depth or _name(line) not in _WRITTEN]
    standing = {_name(line) for line, depth in _nested(event[1:-1]) if not depth}
    ours = [line for line in fresh[begin + 1 : end - 1] if _name(line) not in _ONCE & standing]
    return ["BEGIN:VEVENT", *ours, *stay, "END:VEVENT"]


def _unfolded(data: bytes) -> list[str]:
    text = LINE_END.sub("\n", data.decode("utf-8-sig", errors="replace"))
    return [line for line in text.replace("\n ", "").replace("\n\t", "").split("\n") if line.strip()]


def _events(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each VEVENT of the calendar begins, and where what comes after it begins."""
    depth, begin = 0, 0
    for number, line in enumerate(lines):
        upper = line.strip().upper()
        if upper.startswith("BEGIN:"):
            depth += 1
            if depth == 2 and upper == "BEGIN:VEVENT":
                begin = number
        elif upper.startswith("END:"):
            if depth == 2 and upper == "END:VEVENT":
                yield begin, number + 1
            depth -= 1


def _nested(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each line with how many components it lies within, its own BEGIN and END included."""
    depth = 0
    for line in lines:
        upper = line.strip().upper()
        depth += upper.startswith("BEGIN:")
        yield line, depth
        depth -= upper.startswith("END:")


def _name(line: str) -> str:
    match = _NAME.match(line)
    return match[0].upper() if match else ""


def _value(lines: Sequence[str], event: tuple[int, int], name: str) -> str:
    for line, depth in _nested(lines[event[0] + 1 : event[1] - 1]):
        if not depth and _name(line) == name:
            return _after_colon(line)
    return ""


def _after_colon(line: str) -> str:
    quoted = False
    for number, char in enumerate(line):
        quoted ^= char == '"'
        if char == ":" and not quoted:
            return line[number + 1 :].strip()
    return ""


def _folded(line: str) -> bytes:
    parts, part = [], b""
    for char in line:
        encoded = char.encode("utf-8", errors="replace")
        if len(part) + len(encoded) > _LONGEST:
            parts.append(part)
            part = b" "
        part += encoded
    return b"\r\n".join([*parts, part]) + b"\r\n"
