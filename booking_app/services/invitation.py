"""An appointment as an iCalendar object: the invitation in a mail, and the file to download. Pure.

One VEVENT in UTC, so that no VTIMEZONE is needed. Calendar programs update what they have when UID is the same and
SEQUENCE is higher (RFC 5546, sections 2.1.4 and 3.2); a cancellation is one of the changes that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from icalendar import Calendar, Event, vCalAddress, vText

from booking_app.domain.clock import from_instant
from booking_app.services.letters.words import one_line

PRODID = "-//booking-app//EN"


class Method(StrEnum):
    """RFC 5546, section 1.4."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """What a calendar shows. Instants are epoch seconds UTC; `stamp` is when it was said.

    `organizer` is the address that the mail comes from, `attendee` exactly its reader."""

    uid: str
    sequence: int
    start: int
    end: int
    stamp: int
    summary: str
    description: str
    location: str
    organizer: str
    organizer_name: str
    attendee: str
    url: str = ""
    cancelled: bool = False


def invitation_bytes(invitation: Invitation, method: Method) -> bytes:
    """The body of an iMIP part (RFC 6047): CRLF line ends, folded at 75 octets."""
    event = _event(invitation, cancelled=method is Method.CANCEL)
    organizer = vCalAddress(f"mailto:{invitation.organizer}")
    organizer.params["CN"] = vText(one_line(invitation.organizer_name))
    event.add("organizer", organizer)
    attendee = vCalAddress(f"mailto:{invitation.attendee}")
    # The reader has booked: there is nothing to answer, and no mailbox that would read an answer.
    attendee.params["PARTSTAT"] = vText("DECLINED" if method is Method.CANCEL else "ACCEPTED")
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    attendee.params["RSVP"] = vText("FALSE")
    event.add("attendee", attendee)
    return _calendar(event, method)


def file_bytes(invitation: Invitation) -> bytes:
    """The file to download: the same event without METHOD and people, so that no program asks for an answer."""
    return _calendar(_event(invitation, cancelled=invitation.cancelled), None)


def _event(invitation: Invitation, *, cancelled: bool) -> Event:
    event = Event()
    event.add("uid", invitation.uid)
    event.add("sequence", invitation.sequence)
    event.add("dtstamp", from_instant(invitation.stamp))
    event.add("dtstart", from_instant(invitation.start))
    event.add("dtend", from_instant(invitation.end))
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    event.add("summary", one_line(invitation.summary))
    if invitation.location:
        event.add("location", _printable(invitation.location))
    if invitation.description:
        event.add("description", _printable(invitation.description))
    if invitation.url:
        event.add("url", invitation.url)
    return event


def _calendar(event: Event, method: Method | None) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    if method is not None:
        calendar.add("method", method.value)
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _printable(text: str) -> str:
    """Without control characters, which RFC 5545, section 3.1, keeps out of a content line; line breaks stay."""
    return "\n".join(
        "".join(char if char.isprintable() or char == "\t" else " " for char in line) for line in text.splitlines()
    )
