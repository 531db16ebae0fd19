"""Our own events: their text for the calendar, and the digest that tells whether the calendar still says the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC

from icalendar import Calendar, Event

from booking_app.domain.clock import from_instant
from booking_app.domain.conflicts import Shape
from booking_app.sync import zones
from booking_app.sync.event_text import EventText, Weight, read_event
from booking_app.sync.ical_text import Component, Places, Unreadable, embedded_zones, read, unescaped
from booking_app.sync.model import EventDraft, OwnEvent
from booking_app.sync.problems import Code
from booking_app.sync.work import TooDense

OWN_UID_SUFFIX = "@booking-app"
"""The end of the UID of every event that we write; nothing else marks an event as ours."""
PRODID = "-//booking-app//EN"
_SPACE = re.compile(r"\s+")


def write_event(draft: EventDraft) -> bytes:
    """The calendar object for a PUT: UTC times, no METHOD (RFC 4791 section 4.1), and neither ORGANIZER nor
    ATTENDEE, so that no server sends invitations (RFC 6638 section 3.2.1)."""
    event = Event()
    event.add("uid", draft.uid)
    event.add("dtstamp", from_instant(draft.stamp))
    event.add("dtstart", from_instant(draft.start))
    event.add("dtend", from_instant(draft.end))
    event.add("sequence", draft.sequence)
    event.add("summary", _writable(draft.summary))
    for name, text in (("description", draft.description), ("location", draft.location)):
        if text:
            event.add(name, _writable(text))
    if draft.url:
        event.add("url", _SPACE.sub("", _writable(draft.url)))
    event.add("status", "TENTATIVE" if draft.tentative else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if draft.free else "OPAQUE")
    event.add("class", draft.visible or ("PRIVATE" if draft.private else "PUBLIC"))
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _writable(text: str) -> str:
    """Without control characters, which no calendar accepts; line breaks and tabs stay."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in plain if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def draft_fields(draft: EventDraft) -> str:
    """The digest that a calendar which keeps `draft` faithfully gives in `OwnEvent.fields`."""
    own = own_event(read(write_event(draft), own=True)[0], Places(owner=UTC, embedded={}))
    if own is None:
        raise ValueError("the uid does not end with OWN_UID_SUFFIX")
    return own.fields


def parse_own(data: bytes, places: Places) -> OwnEvent | None:
    """Our event in a calendar object, or None if there is none. Raises `Unreadable`."""
    try:
        for calendar in read(data, own=True):
            found = own_event(calendar, Places(owner=places.owner, embedded=embedded_zones(calendar)))
            if found is not None:
                return found
    except TooDense as error:
        raise Unreadable(Code.TOO_MUCH_WORK) from error
    return None


def own_event(calendar: Component, places: Places) -> OwnEvent | None:
    """Our event in a calendar object that was read with its texts. None if it is not ours or has no time.

    `fields` ignores what servers add or rewrite: X- properties, DTSTAMP, PRODID, LAST-MODIFIED, SEQUENCE, order,
    folding and white space; it changes with the times, the texts, the transparency and a recurrence."""
    events = [item for item in calendar.children if item.name == "VEVENT"]
    ours = [item for item in events if item.value("UID").endswith(OWN_UID_SUFFIX)]
    main = next((item for item in ours if item.first("RECURRENCE-ID") is None), None)
    if main is None:
        return None
    event = read_event(main, places, frozenset())
    if event.start is None:
        return None
    start = event.start.instant
    end = event.length.end(zones.clock(event.start.wall), start, event.start)
    parts = [
        str(start),
        str(end),
        main.value("TRANSP", "OPAQUE").upper(),
        *(_plain(main.value(name)) for name in ("SUMMARY", "LOCATION", "DESCRIPTION", "URL")),
        *sorted(item.value for name in ("RRULE", "RDATE", "EXDATE") for item in main.all(name)),
        str(len(ours)),
    ]
    return OwnEvent(
        uid=event.uid,
        shape=_shape(main, event, several=len(ours) > 1),
        start=start,
        end=end,
        cancelled=event.weight is Weight.CANCELLED,
        sequence=event.version[0],
        fields=hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32],
    )


def _shape(main: Component, event: EventText, *, several: bool) -> Shape:
    if event.uncertain:
        return Shape.UNCLEAR
    if several or any(main.all(name) for name in ("RRULE", "RDATE", "EXDATE")):
        return Shape.REPEATS
    return Shape.ALL_DAY if event.start is not None and event.start.all_day else Shape.PLAIN


def _plain(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFC", unescaped(text))).strip()
