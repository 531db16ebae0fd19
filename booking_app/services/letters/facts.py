"""What every mail about an appointment is written from."""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.services.letters.letter import Block, Fact, Link, Paragraph
from booking_app.services.letters.words import names_words, one_line, span_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """An appointment as one reader is told of it. Instants are epoch seconds UTC.

    `zone` is the reader's. `previous_start`: when it was before the last change, if that is told. `manage_url` is
    the customer's private link and None in what the person reads, `contact` and `notes` the other way round.
    `changeable`: whether the customer may still move or cancel it there."""

    service: str
    start: int
    end: int
    zone: str
    staff: tuple[str, ...]
    location: str
    preparation: str
    customer: str
    team: str
    previous_start: int | None = None
    manage_url: str | None = None
    changeable: bool = True
    email: str = ""
    phone: str = ""
    notes: str = ""
    cancelled_by: str | None = None


def when(facts: Facts, *, over: bool = False) -> tuple[Block, ...]:
    """The time in the reader's zone, after a change with the old one struck."""
    lines: list[Block] = [Fact(label="When", text=span_words(facts.start, facts.end, facts.zone), over=over)]
    if facts.previous_start is not None and facts.previous_start != facts.start:
        length = facts.end - facts.start
        old = span_words(facts.previous_start, facts.previous_start + length, facts.zone)
        lines.append(Fact(label="Not any more", text=old, over=True))
    return tuple(lines)


def for_customer(facts: Facts, *, over: bool = False) -> tuple[Block, ...]:
    """What, when, with whom, where, and what to bring."""
    lines: list[Block] = [Fact(label="What", text=one_line(facts.service)), *when(facts, over=over)]
    if facts.staff:
        lines.append(Fact(label="With", text=one_line(names_words(facts.staff))))
    if facts.location:
        lines.append(Fact(label="Where", text=facts.location))
    if facts.preparation and not over:
        lines.append(Fact(label="Please note", text=facts.preparation))
    return tuple(lines)


def for_person(facts: Facts, *, over: bool = False) -> tuple[Block, ...]:
    """What, when, where, and who comes."""
    lines: list[Block] = [Fact(label="What", text=one_line(facts.service)), *when(facts, over=over)]
    lines.append(Fact(label="Customer", text=one_line(facts.customer)))
    for label, text in (("E-mail", facts.email), ("Phone", facts.phone)):
        if text:
            lines.append(Fact(label=label, text=one_line(text)))
    if facts.notes:
        lines.append(Fact(label="Notes", text=facts.notes))
    if len(facts.staff) > 1:
        lines.append(Fact(label="Together", text=one_line(names_words(facts.staff))))
    if facts.location:
        lines.append(Fact(label="Where", text=facts.location))
    return tuple(lines)


def manage(facts: Facts) -> tuple[Block, ...]:
    """The customer's private link, if the mail is the customer's; whom to ask when it no longer changes anything."""
    if not facts.manage_url:
        return ()
    if facts.changeable:
        return (Link(label="Change or cancel your appointment", url=facts.manage_url),)
    asking = "It can no longer be changed or cancelled online. If you cannot come, please reply to this mail."
    return (Paragraph(text=asking), Link(label="Your appointment", url=facts.manage_url))
