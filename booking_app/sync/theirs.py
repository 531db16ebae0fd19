"""What of our event is its owner's: what stands there and is not what we wrote. It is kept when we write again. Pure.

What we wrote is remembered as digests of its lines, never as text."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Set
from dataclasses import replace

from booking_app.sync.model import EventDraft

_SPACE = re.compile(r"\s+")
_LABELS = ("Customer:", "E-mail:", "Phone:", "Their note:", "Service:", "Where:", "To prepare:", "Change or cancel:")
"""How the lines begin that earlier versions wrote, of which nothing is remembered."""
_MARKUP = re.compile(r"<(?:br|p|div|span|ul|ol|li|b|i|u|a|html-blob)\b[^<>]*>", re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>|</(?:p|div|li|ul|ol)>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:br|p|div|span|ul|ol|li|b|i|u|a|html-blob)\b[^<>]*>", re.IGNORECASE)


def said(draft: EventDraft) -> frozenset[str]:
    """Digests of all that a draft says, field by field and line by line."""
    fields = {"summary": draft.summary, "location": draft.location, "url": draft.url, "class": class_of(draft)}
    lines = {_print("line", each) for each in draft.description.splitlines() if each.strip()}
    return frozenset(lines | {_print(name, text) for name, text in fields.items()})


def class_of(draft: EventDraft) -> str:
    """Who may see it, in the words of RFC 5545 section 3.8.1.3."""
    return "PRIVATE" if draft.private else "PUBLIC"


def keeping(
    draft: EventDraft, *, summary: str, description: str, location: str, visible: str = "", url: str | None = None
) -> EventDraft:
    """The draft with what its owner wrote into these texts, as they stand now, since we wrote them: a title or a place
    of their own stays, and the lines of the description that are not ours stay around it. `visible` is the event's
    class in the words of RFC 5545, empty where it has none."""
    ours = said(draft) | (draft.before or frozenset())
    known = draft.before is not None
    changes: dict[str, object] = {"description": _around(draft.description, description, ours, known=known)}
    for name, text in (("summary", summary), ("location", location), ("url", url)):
        if known and text and text.strip() and _print(name, text) not in ours:
            changes[name] = text
    if known and visible and _print("class", visible.upper()) not in ours:
        changes["private"] = visible.upper() != "PUBLIC"
        changes["visible"] = visible.upper()
    return replace(draft, **changes)  # type: ignore[arg-type]


def plain_text(text: str) -> str:
    """What an editor of rich text made of a text, as lines again."""
    if not _MARKUP.search(text):
        return text
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))


def _around(wanted: str, stands: str, ours: Set[str], *, known: bool) -> str:
    """`wanted`, with the lines of `stands` that are not ours before and after it."""
    before: list[str] = []
    after: list[str] = []
    met = False
    for line in stands.splitlines():
        mine = _print("line", line) in ours or (not known and line.lstrip().startswith(_LABELS))
        if mine:
            met = True
        elif met or not line.strip():
            after.append(line)
        else:
            before.append(line)
    if not met:
        # Nothing of ours is left, so where it stood is not known: ours first, as it was written.
        before, after = [], [*before, *after]
    head, tail = "\n".join(before).strip("\n"), "\n".join(after).strip("\n")
    return "\n\n".join(part for part in (head, wanted, tail) if part.strip())


def _print(name: str, text: str) -> str:
    plain = _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return hashlib.sha256(f"{name}\x1f{plain}".encode()).hexdigest()[:16]
