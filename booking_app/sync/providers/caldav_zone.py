"""In which zone a calendar is, as its server says."""

from __future__ import annotations

import re

from booking_app.sync import zones
from booking_app.sync.providers import caldav_xml as xml

_TZID = re.compile(r"^TZID[^:\r\n]*:(.+?)\s*$", re.MULTILINE)


def zone_of(calendar: xml.Response) -> str | None:
    """The IANA name of a calendar's own zone (RFC 4791 section 5.2.2); None if it has none that is known."""
    found = _TZID.search(calendar.text(f"{xml.CALDAV}calendar-timezone") or "")
    name = calendar.text(xml.ZONE_ID) or (found[1] if found else None)
    return zones.iana_name(name) if name else None
