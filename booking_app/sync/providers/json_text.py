"""JSON from a server, read only where it is no more than a calendar has use for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

VALUES = 1_000_000
"""Values in one document: a page of 2,500 events has some hundred thousand, with all who are invited."""
DEPTH = 30


class TooMuch(ValueError):
    """A document has more than `VALUES`, or is nested deeper than `DEPTH`."""


def loads(data: bytes) -> Any:
    """As `json.loads`. Raises `TooMuch`, without taking memory for what is too much, and `ValueError` for no JSON."""
    # Every value but the outermost comes behind one of these. Those in texts count, too, which is cheaper to know.
    if sum(data.count(each) for each in (b",", b"[", b"{")) > VALUES:
        raise TooMuch
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise TooMuch from error
    level = _inside([found])
    for _ in range(DEPTH + 1):
        if not level:
            return found
        level = [each for outer in level for each in _inside(outer.values() if isinstance(outer, dict) else outer)]
    raise TooMuch


def _inside(values: Iterable[Any]) -> list[Any]:
    return [each for each in values if isinstance(each, dict | list)]
