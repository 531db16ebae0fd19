"""The time zones of an Outlook mailbox: Windows names, IANA names, and what is said for a zone of one's own."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tests.simulators.microsoft.errors import Json, failed_validation
from tests.simulators.microsoft.schema import date_time

CUSTOM = "tzone://Microsoft/Custom"
"""How an event's original zone reads if it was none of Windows's."""
_IANA = frozenset(available_timezones())


@functools.cache
def zone(name: str) -> ZoneInfo | None:
    """The zone that Outlook knows by this name (Windows, IANA), exactly as written."""
    if name in ("UTC", "tzone://Microsoft/Utc"):
        return ZoneInfo("UTC")
    name = WINDOWS_TO_OLSON.get(name, name)
    return ZoneInfo(name) if name in _IANA else None


def known(name: str) -> ZoneInfo:
    found = zone(name)
    if found is None:
        raise KeyError(name)
    return found


@functools.cache
def windows(iana: str) -> str:
    """The Windows name of an IANA zone; of several the one that fits best. Raises KeyError if there is none."""
    names = [name for name, key in WINDOWS_TO_OLSON.items() if key == iana]
    if iana == "UTC":
        return "UTC"
    if names:
        return names[0]
    alike = [name for name, key in WINDOWS_TO_OLSON.items() if key in _IANA and _same(key, iana)]
    if not alike:
        raise KeyError(iana)
    return alike[0]


def _same(one: str, other: str) -> bool:
    """Whether the clocks agree in every week of the years that tests speak about."""
    first, second = ZoneInfo(one), ZoneInfo(other)
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    moments = (datetime.fromtimestamp(start + week * 604_800, UTC) for week in range(6 * 52))
    return all(moment.astimezone(first).utcoffset() == moment.astimezone(second).utcoffset() for moment in moments)


def read(value: object) -> tuple[datetime, str]:
    """A dateTimeTimeZone as wall time and the name of its zone. Raises GraphError 400."""
    if not isinstance(value, dict):
        raise failed_validation()
    text, name = value.get("dateTime"), value.get("timeZone")
    if not isinstance(text, str) or not isinstance(name, str):
        raise failed_validation("A dateTime and a timeZone are required.")
    found = zone(name)
    if found is None:
        raise failed_validation(f"The time zone '{name}' is not supported.")
    try:
        moment = date_time(text)
    except ValueError:
        raise failed_validation(f"'{text}' is not a valid dateTime.") from None
    if moment.tzinfo is not None:  # an offset is understood, and forgotten
        moment = moment.astimezone(found).replace(tzinfo=None)
    return moment, name


def instant(value: Json) -> datetime:
    """The instant of a stored dateTimeTimeZone, UTC."""
    moment = datetime.fromisoformat(str(value["dateTime"]))
    return moment.replace(tzinfo=known(cast("str", value["timeZone"]))).astimezone(UTC)


def stored(moment: datetime, name: str) -> Json:
    return {"dateTime": moment.isoformat(), "timeZone": name}


def shown(moment: datetime, name: str) -> Json:
    """Wall time in the form of Graph's answers: seven digits of a second and no offset."""
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0", "timeZone": name}


def stamp(moment: datetime) -> str:
    """A moment of Graph's answers, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
