"""Google's events written as calendar objects without content, so that one expander serves all providers. Pure.

Nothing of what an event is about is asked for, so nothing of it can stand here. Google's words become those of RFC
5545, as "Calendar API: Events" has them: transparency, status, the own answer, the kind of event.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from booking_app.sync import zones
from booking_app.sync.errors import Transient
from booking_app.sync.ical_write import OWN_UID_SUFFIX

MARK = "bookingUid"
"""The private extended property that holds our uid. Never change it: events of earlier versions carry it."""
LINK = "bookingLink"
"""And the one that holds the link to change it, for which Google has no field."""
SELF = "self@calendar.invalid"
"""Stands for the person whose calendar it is, whatever addresses they have."""
FIELDS = (
    "id,etag,status,start,end,transparency,eventType,recurringEventId,originalStartTime,recurrence,iCalUID,"
    f"attendees(self,responseStatus),extendedProperties/private/{MARK}"
)
"""What is asked of an event that may be anybody's."""

_INFORMS = frozenset({"workingLocation", "birthday"})
"""Kinds of event that say something about a day and take no time."""
_ANSWERS = {"declined": "DECLINED", "tentative": "TENTATIVE", "needsAction": "NEEDS-ACTION", "accepted": "ACCEPTED"}
_RULE = re.compile(r"(RRULE|RDATE|EXDATE|EXRULE)[;:][\x21-\x7e]*")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9/_+ -]")

Item = Mapping[str, Any]


def key_of(item: Item) -> str:
    """The object that an event belongs to: its series, or itself."""
    return _text(item, "recurringEventId") or _text(item, "id")


def uid_of(item: Item) -> str:
    """Our uid if the event is ours, else the provider's, which the occurrences of a series have in common."""
    return mark_of(item) or _text(item, "iCalUID") or key_of(item)


def mark_of(item: Item) -> str:
    """Our uid, if the event carries it; empty otherwise."""
    value = private_of(item, MARK)
    return value if value.endswith(OWN_UID_SUFFIX) else ""


def private_of(item: Item, name: str) -> str:
    """A private extended property; empty if the event has none of that name."""
    extended = item.get("extendedProperties")
    private = extended.get("private") if isinstance(extended, Mapping) else None
    return _text(private, name) if isinstance(private, Mapping) else ""


def version(items: Sequence[Item]) -> str:
    """The etag of an object: Google's own for a single event, a digest for a series with its exceptions."""
    etags = sorted(f"{_text(each, 'id')} {_text(each, 'etag')}" for each in items)
    if len(items) == 1:
        return _text(items[0], "etag")
    return hashlib.sha256("\n".join(etags).encode()).hexdigest()[:32]


def text_of(items: Iterable[Item], uid: str) -> bytes:
    """The calendar object of a single event, or of a series and its exceptions."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//booking-app//EN"]
    for item in items:
        lines += ["BEGIN:VEVENT", f"UID:{_plain(uid)}", *_event(item), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def _event(item: Item) -> list[str]:
    lines = []
    cancelled = item.get("status") == "cancelled"
    original = _moment("RECURRENCE-ID", item.get("originalStartTime"), local=False)
    if _text(item, "recurringEventId") and original:
        lines.append(original)
    repeats = isinstance(item.get("recurrence"), list)
    start = _moment("DTSTART", item.get("start"), local=repeats)
    if start is None and cancelled and original:
        # A cancelled occurrence has nothing but its place in the series.
        start = original.replace("RECURRENCE-ID", "DTSTART", 1)
    # What has no time that can be read keeps a start that cannot be read either: it then blocks, and is a problem.
    lines.append(start or "DTSTART:unreadable")
    end = _moment("DTEND", item.get("end"), local=repeats)
    if end:
        lines.append(end)
    if repeats:
        lines += [
            each if isinstance(each, str) and _RULE.fullmatch(each) else "RRULE:unreadable"
            for each in item["recurrence"]
        ]
    status = "CANCELLED" if cancelled else "TENTATIVE" if item.get("status") == "tentative" else "CONFIRMED"
    lines.append(f"STATUS:{status}")
    free = item.get("transparency") == "transparent" or item.get("eventType") in _INFORMS
    lines.append(f"TRANSP:{'TRANSPARENT' if free else 'OPAQUE'}")
    answer = _answer(item)
    if answer:
        lines.append(f"ATTENDEE;PARTSTAT={answer}:mailto:{SELF}")
    return lines


def _answer(item: Item) -> str:
    """The own answer to an invitation; empty if there is none."""
    attendees = item.get("attendees")
    for each in attendees if isinstance(attendees, list) else ():
        if isinstance(each, Mapping) and each.get("self") is True:
            return _ANSWERS.get(str(each.get("responseStatus")), "")
    return ""


def _moment(name: str, value: object, *, local: bool) -> str | None:
    """A property with a date or a time; `local` keeps the wall time of its zone, by which a series repeats."""
    if not isinstance(value, Mapping):
        return None
    day = _text(value, "date")
    if day:
        return f"{name};VALUE=DATE:{day.replace('-', '')}" if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else None
    try:
        moment = datetime.fromisoformat(_text(value, "dateTime"))
    except ValueError:
        return None
    zone, called = _zone(value)
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    if local and zone is None and called:
        # By which rules it repeats is not known: whoever expands it is told so.
        return f"{name};TZID={_NOT_IN_A_NAME.sub('', called) or 'unknown'}:{moment:%Y%m%dT%H%M%S}"
    if local and zone is not None and zone is not UTC:
        return f"{name};TZID={called}:{moment.astimezone(zone):%Y%m%dT%H%M%S}"
    return f"{name}:{_utc(moment)}"


def _zone(value: Mapping[str, Any]) -> tuple[tzinfo | None, str]:
    called = _text(value, "timeZone")
    zone = zones.named(called) if called else None
    return zone, called


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _plain(text: str) -> str:
    return re.sub(r"[^\x21-\x7e]", "", text.replace("\\", "")) or "unnamed"


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def span_of(item: Mapping[str, Any], zone: str = "UTC") -> tuple[int, int]:
    """Start and end of an event or of a busy span, as instants; whole days count in `zone`. Raises `Transient`."""
    here = zones.named(zone) or UTC
    try:
        start, end = (_instant(item[name], here) for name in ("start", "end"))
    except (KeyError, ValueError, TypeError) as error:
        raise Transient("Google sent times that cannot be read.") from error
    return start, end


def _instant(value: object, zone: tzinfo) -> int:
    if isinstance(value, Mapping):
        value = value.get("dateTime") or value.get("date")
    if not isinstance(value, str):
        raise ValueError("no time")
    moment = datetime.fromisoformat(value)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def span_query(window: tuple[int, int]) -> dict[str, str]:
    """The half-open window of instants as Google's bounds, which are exclusive and need an offset."""
    low, high = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=each) for each in window)
    return {"timeMin": f"{low:%Y-%m-%dT%H:%M:%SZ}", "timeMax": f"{high:%Y-%m-%dT%H:%M:%SZ}"}
