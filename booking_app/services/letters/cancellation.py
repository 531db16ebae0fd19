"""The sentences of a cancellation."""

from __future__ import annotations

from booking_app.services.letters.facts import Facts, for_customer, for_person
from booking_app.services.letters.letter import Letter, Link, Paragraph
from booking_app.services.letters.words import one_line, start_words


def to_customer(facts: Facts, *, book_url: str) -> Letter:
    """`book_url`: where another time can be chosen."""
    ours = facts.cancelled_by not in (None, "customer")
    sentence = (
        "We are sorry: your appointment had to be cancelled."
        if ours
        else "Your appointment is cancelled, as you asked."
    )
    return Letter(
        subject=f"Cancelled: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(facts.customer)},"),
            Paragraph(text=sentence),
            *for_customer(facts, over=True),
            Link(label="Choose another time", url=book_url),
        ),
        signature=one_line(facts.team),
    )


def to_person(facts: Facts) -> Letter:
    by = {
        "customer": "The customer has cancelled a booking.",
        "owner": "A booking was cancelled, as its event was removed from your calendar.",
    }
    return Letter(
        subject=f"Cancelled: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(
            Paragraph(text=by.get(facts.cancelled_by or "", "A booking was cancelled.")),
            *for_person(facts, over=True),
        ),
        signature=one_line(facts.team),
    )
