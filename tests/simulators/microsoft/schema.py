"""What Graph's types hold: every body and every name in a query is held against them.

`names.json` lists the properties of the types in reach and the members of their enumerations. It was derived from the
generated models of msgraph-sdk 1.65.0 (MIT), which Microsoft makes from the v1.0 metadata: for each model the names in
`get_field_deserializers` with the reader's type, those of its base classes included; for each enumeration the texts of
its members; for `getSchedule` those of its request body. No text of the models is copied.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import cast

from tests.simulators.microsoft.errors import Json, bad_body, bad_query, invalid

_NAVIGATION: Mapping[str, frozenset[str]] = {
    "event": frozenset(
        {
            *("attachments", "calendar", "exceptionOccurrences", "extensions", "instances"),
            *("multiValueExtendedProperties", "singleValueExtendedProperties"),
        }
    ),
    "calendar": frozenset(
        {
            *("calendarPermissions", "calendarView", "events"),
            *("multiValueExtendedProperties", "singleValueExtendedProperties"),
        }
    ),
}
"""Properties that are shown only when expanded ("Relationships" of each resource type)."""
_READ_ONLY = frozenset(
    {
        *("bodyPreview", "cancelledOccurrences", "changeKey", "createdDateTime", "exceptionOccurrences"),
        *("hasAttachments", "iCalUId", "id", "instances", "isCancelled", "isDraft", "isOrganizer"),
        *("lastModifiedDateTime", "onlineMeeting", "onlineMeetingUrl", "organizer", "originalEndTimeZone"),
        *("originalStart", "originalStartTimeZone", "responseStatus", "seriesMasterId", "type", "webLink", "calendar"),
    }
)
"""Of an event: what only the service sets. The real service passes over some of these in silence."""
_SIMPLE: Mapping[str, type] = {"string": str, "boolean": bool}
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?")


@functools.cache
def _names() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found = json.loads((Path(__file__).parent / "names.json").read_text())
    return cast("Mapping[str, Mapping[str, Mapping[str, str]]]", found)


def properties(kind: str) -> Mapping[str, str]:
    """Property -> its type."""
    return _names()["types"][kind]


def structural(kind: str) -> tuple[str, ...]:
    """The properties that may be selected."""
    hidden = _NAVIGATION.get(kind, frozenset())
    return tuple(name for name in properties(kind) if name not in hidden and not name.startswith("@"))


def check_select(kind: str, text: str) -> tuple[str, ...]:
    """The selected properties. Raises GraphError 400 for one that the type does not have."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in structural(kind):
            raise bad_query(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type "
                f"'microsoft.graph.{kind}'."
            )
    return names


def read_body(body: bytes, content_type: str) -> Json:
    """The JSON object of a request. Raises GraphError 400."""
    if not content_type.lower().startswith("application/json"):
        raise bad_body("A content type of application/json is required.")
    try:
        found = json.loads(body)
    except ValueError:
        raise bad_body("Unable to read JSON request payload. Please ensure Content-Type header is set.") from None
    if not isinstance(found, dict):
        raise bad_body("Unable to read JSON request payload.")
    return found


def check(kind: str, value: object, where: str = "") -> None:
    """Raises GraphError 400 for an unknown property or a value of the wrong type."""
    if not isinstance(value, dict):
        raise bad_body(f"An object of type 'microsoft.graph.{kind}' is expected at '{where}'.")
    known = properties(kind)
    for name, item in value.items():
        if name not in known:
            raise bad_body(
                f"The property '{name}' does not exist on type 'microsoft.graph.{kind}'. Make sure to only use "
                "property names that are defined by the type."
            )
        if item is not None:
            _check_value(known[name], item, f"{where}/{name}")


def check_event(value: Json) -> None:
    """As `check`, and raises GraphError 400 for what only the service may set."""
    check("event", value)
    for name in value:
        if name in _READ_ONLY:
            raise invalid(f"The property '{name}' is read-only and can't be set.", "ErrorInvalidPropertySet")


def _check_value(kind: str, item: object, where: str) -> None:
    if kind.startswith("["):
        if not isinstance(item, list):
            raise bad_body(f"A collection is expected at '{where}'.")
        for each in item:
            _check_value(kind[1:-1], each, where)
    elif kind in _SIMPLE:
        if not isinstance(item, _SIMPLE[kind]):
            raise bad_body(f"Cannot convert the value at '{where}' to the expected type 'Edm.{kind.title()}'.")
    elif kind in ("integer", "number"):
        whole = isinstance(item, int) and not isinstance(item, bool)
        if not (whole or (kind == "number" and isinstance(item, float))):
            raise bad_body(f"Cannot convert the value at '{where}' to the expected type 'Edm.Int32'.")
    elif kind in ("date", "dateTimeOffset"):
        _check_date(kind, item, where)
    elif kind in _names()["enums"]:
        if item not in _names()["enums"][kind]:
            raise bad_body(f"Requested value '{item}' was not found in 'microsoft.graph.{kind}' at '{where}'.")
    elif kind in _names()["types"]:
        check(kind, item, where)
    else:
        raise bad_body(f"'{where}' is not simulated.")


def _check_date(kind: str, item: object, where: str) -> None:
    problem = bad_body(f"Cannot convert the literal '{item}' to the expected type 'Edm.{kind}' at '{where}'.")
    if not isinstance(item, str):
        raise problem
    try:
        if kind == "date":
            date.fromisoformat(item)
        elif not _DATE_TIME.fullmatch(item) or datetime.fromisoformat(item).tzinfo is None:
            raise ValueError(item)
    except ValueError:
        raise problem from None


def date_time(text: str) -> datetime:
    """A date and time as Graph takes them, aware exactly if it names an offset. Raises ValueError."""
    if not _DATE_TIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)
