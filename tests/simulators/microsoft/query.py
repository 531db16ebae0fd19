"""The query options of Graph's lists: $filter, $expand, $orderby. Source: "Use query parameters to customize responses"
and "Get singleValueLegacyExtendedProperty"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import cast

from tests.simulators.microsoft import zones
from tests.simulators.microsoft.edits import check_property
from tests.simulators.microsoft.errors import GraphError, Json, bad_query, invalid
from tests.simulators.microsoft.mailbox import Instance
from tests.simulators.microsoft.schema import properties

_TEXT = r"'((?:[^']|'')*)'"
_MARKED = re.compile(
    rf"singleValueExtendedProperties/[Aa]ny\(\s*(\w+)\s*:\s*\1/id\s+eq\s+{_TEXT}\s+and\s+\1/value\s+eq\s+{_TEXT}\s*\)"
)
_COMPARED = re.compile(rf"(\w+)\s+(eq|ne)\s+(?:{_TEXT}|(true|false))")
_TIMED = re.compile(rf"(start|end)/dateTime\s+(eq|ge|gt|le|lt)\s+{_TEXT}")
_EXPANDED = re.compile(r"singleValueExtendedProperties\(\s*\$filter=(.*)\)", re.DOTALL)
_NAMED = re.compile(rf"\s*id\s+eq\s+{_TEXT}\s*")
_SIMPLE = ("string", "boolean", "eventType", "freeBusyStatus", "importance", "sensitivity")
Test = Callable[[Instance, Json], bool]


def filter_of(text: str) -> tuple[Test, bool]:
    """The test of a $filter, and whether it looks at extended properties. Raises GraphError 400."""
    if match := _MARKED.fullmatch(text.strip()):
        name, value = (part.replace("''", "'") for part in (match[2], match[3]))
        check_property(name)
        return (lambda instance, _shown: _mark(instance, name) == value), True
    tests = [_comparison(part.strip()) for part in re.split(r"\s+and\s+", text)]
    return (lambda instance, shown: all(test(instance, shown) for test in tests)), False


def _mark(instance: Instance, name: str) -> str | None:
    """Property sets compare without regard to case, names with it."""
    for held, value in instance.marks.items():
        head, _, tail = held.partition(" Name ")
        if (head.lower(), tail) == (name.partition(" Name ")[0].lower(), name.partition(" Name ")[2]):
            return value
    return None


def _comparison(text: str) -> Test:
    if match := _TIMED.fullmatch(text):
        side, sign, value = match[1], match[2], match[3]
        try:
            moment = datetime.fromisoformat(value).replace(tzinfo=None)
        except ValueError:
            raise invalid("The query filter contains an invalid date.", "ErrorInvalidUrlQueryFilter") from None

        def timed(instance: Instance, _shown: Json) -> bool:
            start = zones.instant(cast("Json", instance.data[side])).replace(tzinfo=None)
            order = (start > moment) - (start < moment)
            return order in {"eq": (0,), "ge": (0, 1), "gt": (1,), "le": (0, -1), "lt": (-1,)}[sign]

        return timed
    match = _COMPARED.fullmatch(text)
    if match is None or properties("event").get(match[1]) not in _SIMPLE:
        raise invalid("The query filter contains one or more invalid nodes.", "ErrorInvalidUrlQueryFilter")
    name, equal = match[1], match[2] == "eq"
    wanted: object = match[4] == "true" if match[4] else match[3].replace("''", "'")
    return lambda _instance, shown: (shown.get(name) == wanted) is equal


def expand_of(text: str) -> tuple[str, ...]:
    """The extended properties of an $expand. Raises GraphError 400; 501 for other relationships."""
    if text.strip() == "singleValueExtendedProperties":
        raise bad_query("The $expand of singleValueExtendedProperties needs a $filter.")
    match = _EXPANDED.fullmatch(text.strip())
    if match is None:
        name = re.match(r"\w*", text.strip())
        if name is None or name[0] not in properties("event"):
            raise bad_query(f"Parsing OData Select and Expand failed: Could not find a property named '{text}'.")
        raise GraphError(501, "NotImplemented", f"$expand of {name[0]} is not simulated.")
    found = []
    for part in re.split(r"\s+or\s+", match[1]):
        named = _NAMED.fullmatch(part)
        if named is None:
            raise invalid("The query filter contains one or more invalid nodes.", "ErrorInvalidUrlQueryFilter")
        check_property(named[1])
        found.append(named[1])
    return tuple(found)


def order_of(text: str) -> tuple[str, bool]:
    """(`start` or `end`, descending). Raises GraphError 400."""
    match = re.fullmatch(r"(start|end)/dateTime(?:\s+(asc|desc))?", text.strip())
    if match is None:
        raise bad_query(f"The $orderby '{text}' is not supported.")
    return match[1], match[2] == "desc"
