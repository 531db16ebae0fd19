"""The time zones that calendar files name: IANA keys, Windows names, and rules that come with the file.

An IANA key that names a place wins over an embedded VTIMEZONE (embedded rules are often stale). Whatever else is called
by a name of its own is what the file says it is (RFC 5545 section 3.2.19): Windows names, "UTC+01:00", and those IANA
keys that name no place, because "EST" and "GMT" are written for New York and London. It is never shared between files,
because "Customized Time Zone" means something else in each of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from booking_app.domain.zone_rules import zone_keys, zone_rules
from booking_app.sync import display_names
from booking_app.sync.file_zones import file_zone
from booking_app.sync.work import Work

UNKNOWN_MARGIN = 14 * 3600
"""An unknown zone is at most this far from UTC."""
SHOWN_MARGIN = 2 * 3600
"""And this far from the offset with which its name begins."""
_FIXED = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST = (date(2, 1, 1).toordinal() - _EPOCH_DAY) * 86_400
_LAST = (date(9998, 12, 31).toordinal() - _EPOCH_DAY) * 86_400
_UTC_NAMES = frozenset({"utc", "gmt", "z", "etc/utc", "etc/gmt", "zulu", "coordinated universal time"})


def plain_name(tzid: str) -> str:
    """A TZID without quotes and escapes: as a property it is TEXT, where a comma is escaped (RFC 5545 section 3.3.11);
    as a parameter it is not."""
    return _ESCAPED.sub(r"\1", tzid).strip().strip('"').strip()


def resolve(tzid: str, embedded: Mapping[str, str], work: Work) -> tuple[tzinfo, int]:
    """The zone that `tzid` names, and by how many seconds at most it may be another one: 0 if it is known.

    `embedded` maps the plain names, lower case, of the file's VTIMEZONEs to their text (RFC 5545 section 3.6.5)."""
    name = plain_name(tzid)
    text = embedded.get(name.lower())
    known = _iana(name) if text is None or "/" in name else None
    if known is None and text is not None:
        known = file_zone(text, work)
    if known is None:
        known = named(name)
    if known is not None:
        return known, 0
    offset = display_names.offset_before(name)
    if offset is None or abs(offset) > UNKNOWN_MARGIN:
        return UTC, UNKNOWN_MARGIN
    return timezone(timedelta(seconds=offset)), SHOWN_MARGIN


@lru_cache(maxsize=1024)
def _iana(name: str) -> tzinfo | None:
    """The zone of an IANA key, or of a vendor's path that ends in one."""
    if name.lower() in _UTC_NAMES:
        return UTC
    for candidate in _candidates(name):
        key = _iana_keys().get(candidate.lower())
        if key is not None:
            return zone_rules(key)
    return None


@lru_cache(maxsize=1024)
def named(name: str) -> tzinfo | None:
    """The zone of an IANA key, a Windows name, what Windows shows for one, a vendor's path ending in an IANA key, or a
    fixed UTC offset."""
    known = _iana(name)
    if known is not None:
        return known
    windows = _windows_names().get(name.lower()) or _windows_names().get(
        (display_names.windows_name(name) or "").lower()
    )
    if windows is not None:
        return _iana(windows)
    fixed = _FIXED.match(name)
    if fixed:
        hours, minutes = int(fixed[2]), int(fixed[3] or 0)
        if hours <= 14 and minutes < 60:
            offset = timedelta(hours=hours, minutes=minutes)
            return timezone(offset if fixed[1] == "+" else -offset)
    return None


def owner_zone(name: str) -> tzinfo:
    """The zone for floating and all-day values. Raises `ValueError` for a name that is no zone."""
    zone = named(name)
    if zone is None:
        raise ValueError(f"{name!r} is not a time zone")
    return zone


def iana_name(tzid: str) -> str | None:
    """The IANA key for `tzid`, or None; for the zone that a calendar announces."""
    zone = named(tzid.strip().strip('"'))
    if isinstance(zone, ZoneInfo):
        return zone.key
    return "UTC" if zone is UTC else None


def clock(wall: datetime) -> int:
    """A naive wall time as seconds since 1970-01-01T00:00 on the same clock."""
    return (wall.toordinal() - _EPOCH_DAY) * 86_400 + wall.hour * 3600 + wall.minute * 60 + wall.second


def from_clock(seconds: int) -> datetime:
    """The naive wall time that `clock` made `seconds` of; outside the years 2 to 9998 their nearest."""
    return (_EPOCH + timedelta(seconds=_clamp(seconds))).replace(tzinfo=None)


def instant_at(seconds: int, zone: tzinfo) -> int:
    """The instant at which the clock of `zone` shows `seconds` (see `clock`): the first of two in a fold, the
    offset before the gap in a gap (RFC 5545 section 3.3.5)."""
    if not _FIRST <= seconds <= _LAST:
        seconds = _clamp(seconds)
    offset = _day_offset(zone, seconds // 86_400)
    return seconds - (_offset(from_clock(seconds), zone) if offset is None else offset)


def _clamp(seconds: int) -> int:
    return min(max(seconds, _FIRST), _LAST)


def instant_of(wall: datetime, zone: tzinfo) -> int:
    """The instant of a naive wall time, as `instant_at`."""
    return instant_at(clock(wall), zone)


def _offset(wall: datetime, zone: tzinfo) -> int:
    return int((wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)).total_seconds())


@lru_cache(maxsize=65_536)
def _day_offset(zone: tzinfo, day: int) -> int | None:
    """Seconds east of UTC if they are the same for the whole local day, else None."""
    begin = from_clock(day * 86_400)
    offset = _offset(begin, zone)
    return offset if offset == _offset(begin + timedelta(days=1), zone) else None


def wall_of(instant: int, zone: tzinfo) -> datetime:
    """The naive wall time of an instant in `zone`."""
    return (_EPOCH + timedelta(seconds=_clamp(instant))).astimezone(zone).replace(tzinfo=None)


def _candidates(name: str) -> tuple[str, ...]:
    # "/mozilla.org/20050126_1/Europe/Berlin", ".../America/Argentina/Ushuaia"
    parts = [part for part in name.split("/") if part]
    return (name, *("/".join(parts[-count:]) for count in (3, 2) if "/" in name.strip("/") and len(parts) >= count))


@lru_cache(maxsize=1)
def _iana_keys() -> Mapping[str, str]:
    return {key.lower(): key for key in zone_keys()}


@lru_cache(maxsize=1)
def _windows_names() -> Mapping[str, str]:
    return {name.lower(): key for name, key in WINDOWS_TO_OLSON.items()}
