"""The sentences of a confirmation."""

from __future__ import annotations

from booking_app.services.letters.facts import Facts, for_customer, for_person, manage
from booking_app.services.letters.letter import Letter, Paragraph
from booking_app.services.letters.words import one_line, start_words


def to_customer(facts: Facts) -> Letter:
    return Letter(
        subject=f"Confirmed: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(facts.customer)},"),
            Paragraph(text="Your appointment is confirmed."),
            *for_customer(facts),
            *manage(facts),
        ),
        signature=one_line(facts.team),
    )


def to_person(facts: Facts) -> Letter:
    return Letter(
        subject=f"New booking: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(Paragraph(text="You have a new booking."), *for_person(facts)),
        signature=one_line(facts.team),
    )
