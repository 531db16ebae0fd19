"""What our event in a person's calendar says. Pure."""

from __future__ import annotations

from booking_app.db.push_queries import ToWrite
from booking_app.domain.clock import to_instant
from booking_app.sync.model import EventDraft


def draft_of(wanted: ToWrite, uid: str, link: str, stamp: int) -> EventDraft:
    """The event: who comes, for what, where, how to prepare, and the `link` to it in the booking system, which lets in
    only who works here: everybody whom the calendar is shared with may read it. No attendee is named, so no server
    sends an invitation. `stamp` is since when the appointment is so."""
    service = wanted.service
    start, end = wanted.appointment.during.lower, wanted.appointment.during.upper
    if start is None or end is None:
        raise ValueError("an appointment begins and ends")
    names = " and ".join(each.name for each in wanted.bookings)
    lines = []
    for each in wanted.bookings:
        lines.append(f"Customer: {each.name}")
        lines.append(f"E-mail: {each.email}")
        if each.phone:
            lines.append(f"Phone: {each.phone}")
        if each.notes:
            lines.append(f"Their note: {each.notes}")
    lines.append(f"Service: {service.name}")
    if service.location:
        lines.append(f"Where: {service.location}")
    if service.preparation:
        lines.append(f"To prepare: {service.preparation}")
    lines.append(f"In the booking system: {link}")
    mirror = wanted.mirror
    place = wanted.target or wanted.mirrored_in
    return EventDraft(
        uid=uid,
        start=to_instant(start),
        end=to_instant(end),
        summary=f"{service.name} – {names}" if names else service.name,
        description="\n".join(lines),
        location=service.location,
        url=link,
        sequence=wanted.appointment.sequence,
        stamp=stamp,
        private=place is None or place.calendar.private,
        before=frozenset() if mirror is None else None if mirror.said is None else frozenset(mirror.said),
    )
