"""The sentences of an alert to staff and admins."""

from __future__ import annotations

from booking_app.services.letters.letter import Letter, Link, Paragraph
from booking_app.services.letters.words import one_line


def to_account(*, name: str, message: str, again: bool, url: str, team: str) -> Letter:
    """`message` is the alert's sentence without customers' data, `url` the page on which it can be mended;
    `again`: it was told before."""
    return Letter(
        subject="A calendar still needs attention" if again else "A calendar needs attention",
        blocks=(
            Paragraph(text=f"Hello {one_line(name)},"),
            Paragraph(text=one_line(message)),
            Link(label="See what can be done", url=url),
        ),
        signature=one_line(team),
    )
