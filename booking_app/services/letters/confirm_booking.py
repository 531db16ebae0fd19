"""The sentences of a request to confirm a booking."""

from __future__ import annotations

from booking_app.services.letters.facts import Facts, for_customer
from booking_app.services.letters.letter import Letter, Link, Paragraph
from booking_app.services.letters.words import one_line, start_words


def to_customer(facts: Facts, *, url: str, minutes: int) -> Letter:
    """`url` works for `minutes` from when it was asked for."""
    return Letter(
        subject=f"Please confirm: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(facts.customer)},"),
            Paragraph(text=f"This time is kept for you for {minutes} minutes. It is booked once you confirm it."),
            *for_customer(facts),
            Link(label="Confirm the appointment", url=url),
            Paragraph(text="If you did not ask for it, do nothing: nothing is booked, and the time goes to others."),
        ),
        signature=one_line(facts.team),
    )
