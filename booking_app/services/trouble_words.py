"""Why something waits or is not read, for people: without what only the log needs."""

from __future__ import annotations

import re

_FEWER = re.compile(r"(?:asks for fewer requests|is unable to answer \(status 429\))")
_STATUS = re.compile(r" \(status [^()]*\)")
_WHILE = re.compile(r",? (?:\(while \w+ing [^()]*\)|while \w+ing [^.]*)(?=\.)")


def calm(reason: str) -> str:
    """A sentence of the layers below as its reader needs it: no status codes, no halves about what was being done."""
    return _WHILE.sub("", _STATUS.sub("", _FEWER.sub("asks us to slow down", reason)))
