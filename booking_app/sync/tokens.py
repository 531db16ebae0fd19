"""The customer's manage link, opened again from what is stored sealed."""

from __future__ import annotations

from collections.abc import Sequence

from booking_app.db.tables import Booking
from booking_app.services.context import Context


def manage_url(ctx: Context, bookings: Sequence[Booking]) -> str:
    """The link of the only booking; empty when several customers share the appointment, each with their own."""
    if len(bookings) != 1:
        return ""
    booking = bookings[0]
    token = ctx.sealer.open(booking.token_sealed, f"booking:{booking.id}")
    return f"{ctx.public_url}/manage/{token}"
