"""How a provider is told which calendar is meant."""

from __future__ import annotations

from booking_app.db.tables import Bookable, Calendar, Connection
from booking_app.sync.model import CalendarRef


def reference(calendar: Calendar, connection: Connection, owner: Bookable) -> CalendarRef:
    """The calendar with its zone, else its owner's, and the addresses under which the owner is invited."""
    typed = {connection.username, connection.address, owner.email}
    mail = {each.lower() for each in typed if "@" in each and "/" not in each}
    return CalendarRef(
        remote_id=calendar.remote_id,
        zone=calendar.zone or owner.zone,
        addresses=frozenset(mail | set(calendar.addresses)),
    )
