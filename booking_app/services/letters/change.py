"""The sentences of a change of time."""

from __future__ import annotations

from booking_app.services.letters.facts import Facts, for_customer, for_person, manage
from booking_app.services.letters.letter import Letter, Paragraph
from booking_app.services.letters.words import one_line, start_words


def to_customer(facts: Facts) -> Letter:
    return Letter(
        subject=f"New time: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(facts.customer)},"),
            Paragraph(text="Your appointment has a new time."),
            *for_customer(facts),
            *manage(facts),
        ),
        signature=one_line(facts.team),
    )


def to_person(facts: Facts) -> Letter:
    return Letter(
        subject=f"Moved: {one_line(facts.service)}, {start_words(facts.start, facts.zone)}",
        blocks=(Paragraph(text="A booking has a new time."), *for_person(facts)),
        signature=one_line(facts.team),
    )
