"""What somebody answers to a notice about an appointment, on the pages that show notices."""

from __future__ import annotations

from booking_app import runtime
from booking_app.domain.conflicts import Answer
from booking_app.domain.errors import BookingError, Invalid
from booking_app.services.decisions import decide
from booking_app.state.guard import short_text, whole_number
from booking_app.state.notice_lines import DECIDED, FINAL


def answer_of(text: str) -> Answer:
    """Raises `Invalid` for what is no answer."""
    try:
        return Answer(short_text(text, "answer", 20))
    except ValueError:
        raise Invalid("answer", "Choose one of the answers on the page.") from None


def needs_word(answer: str, sure: str, appointment: int) -> str:
    """What the page has to be asked again for, since the customer is told; empty if it was."""
    asked = f"{whole_number(appointment)}:{answer_of(answer).value}"
    return asked if answer_of(answer) in FINAL and sure != asked else ""


async def decided(answer: str, appointment: int, bookable_id: int | None) -> str:
    """Do it, for one of the people or (None) an admin; a sentence about how that went."""
    try:
        given = answer_of(answer)
        done = await decide(
            runtime.current().context, given, appointment_id=whole_number(appointment), bookable_id=bookable_id
        )
    except BookingError as error:
        return str(error)
    return DECIDED[given] if done else "That time is not free, so the appointment stays where it is."
