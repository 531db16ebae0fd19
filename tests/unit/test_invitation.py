"""iCalendar objects of appointments, read back by the icalendar library and byte by byte."""

from __future__ import annotations

from icalendar import Calendar, Event

from booking_app.services.invitation import Invitation, Method, file_bytes, invitation_bytes
from tests.factories import at


def make_invitation(**overrides: object) -> Invitation:
    values: dict[str, object] = {
        "uid": "0d9f6f6e@booking-app",
        "sequence": 0,
        "start": at("2026-12-10 08:30"),
        "end": at("2026-12-10 09:15"),
        "stamp": at("2026-12-01 12:00"),
        "summary": "Consultation with Mila Visser",
        "description": "Bring your notes; all of them, please.\n\nChange or cancel: https://book.example.com/manage/abc",
        "location": "Grote Markt 1, Haarlem",
        "organizer": "bookings@example.com",
        "organizer_name": 'Studio "Haarlem"; Co',
        "attendee": "clara@example.com",
        "url": "https://book.example.com/manage/abc",
        **overrides,
    }
    return Invitation(**values)  # type: ignore[arg-type]


def event_of(data: bytes) -> tuple[Calendar, Event]:
    calendar = Calendar.from_ical(data)
    assert isinstance(calendar, Calendar)
    [event] = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    assert [part.name for part in calendar.subcomponents] == ["VEVENT"]
    return calendar, event


def test_an_invitation_says_all_that_rfc_5546_asks_for() -> None:
    calendar, event = event_of(invitation_bytes(make_invitation(sequence=3), Method.REQUEST))
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "REQUEST")
    assert str(event["UID"]) == "0d9f6f6e@booking-app"
    assert event["SEQUENCE"].to_ical() == b"3"
    assert str(event["STATUS"]) == "CONFIRMED"
    assert event["DTSTART"].to_ical() == b"20261210T083000Z"
    assert event["DTEND"].to_ical() == b"20261210T091500Z"
    assert event["DTSTAMP"].to_ical() == b"20261201T120000Z"
    assert str(event["ORGANIZER"]) == "mailto:bookings@example.com"
    assert str(event["SUMMARY"]) == "Consultation with Mila Visser"
    assert str(event["LOCATION"]) == "Grote Markt 1, Haarlem"
    assert "https://book.example.com/manage/abc" in str(event["DESCRIPTION"])


def test_exactly_the_reader_is_invited_and_asked_for_no_answer() -> None:
    _, event = event_of(invitation_bytes(make_invitation(), Method.REQUEST))
    attendee = event["ATTENDEE"]
    assert not isinstance(attendee, list)
    assert str(attendee) == "mailto:clara@example.com"
    assert attendee.params["RSVP"] == "FALSE"


def test_a_cancellation_keeps_the_uid() -> None:
    calendar, event = event_of(invitation_bytes(make_invitation(sequence=4), Method.CANCEL))
    assert (calendar["METHOD"], str(event["STATUS"]), event["SEQUENCE"].to_ical()) == ("CANCEL", "CANCELLED", b"4")
    assert str(event["UID"]) == "0d9f6f6e@booking-app"
    assert str(event["ATTENDEE"]) == "mailto:clara@example.com"


def test_the_file_to_download_asks_nobody_for_anything() -> None:
    calendar, event = event_of(file_bytes(make_invitation()))
    assert "METHOD" not in calendar
    assert "ORGANIZER" not in event
    assert "ATTENDEE" not in event
    assert str(event["UID"]) == "0d9f6f6e@booking-app"
    _, gone = event_of(file_bytes(make_invitation(cancelled=True)))
    assert str(gone["STATUS"]) == "CANCELLED"


def test_lines_end_with_crlf_and_are_folded_at_75_octets() -> None:
    data = invitation_bytes(make_invitation(description="ëüß語" * 100, summary="x" * 300), Method.REQUEST)
    assert data.count(b"\n") == data.count(b"\r\n")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    _, event = event_of(data)
    assert str(event["DESCRIPTION"]) == "ëüß語" * 100


def test_no_text_becomes_a_property() -> None:
    evil = "x\r\nATTENDEE:mailto:eve@example.com\nEND:VEVENT\u2028BEGIN:VEVENT\x00"
    invitation = make_invitation(
        summary=evil, description=evil, location=evil, organizer_name='a"\r\nATTENDEE:mailto:eve@example.com'
    )
    data = invitation_bytes(invitation, Method.REQUEST)
    _, event = event_of(data)
    assert str(event["ATTENDEE"]) == "mailto:clara@example.com"
    unfolded = data.replace(b"\r\n ", b"")
    assert [line for line in unfolded.split(b"\r\n") if line.startswith(b"ATTENDEE")] == [
        b"ATTENDEE;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT;RSVP=FALSE:mailto:clara@example.com"
    ]
    assert b"\x00" not in data
