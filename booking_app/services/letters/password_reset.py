"""The sentences of a link to a new password."""

from __future__ import annotations

from booking_app.services.letters.letter import Letter, Link, Paragraph
from booking_app.services.letters.words import one_line


def to_account(*, name: str, url: str, team: str) -> Letter:
    """`url` works once, within an hour."""
    return Letter(
        subject=f"A new password for {one_line(team)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(name)},"),
            Paragraph(text=f"Somebody, most likely you, asked for a new password at {one_line(team)}."),
            Link(label="Choose a new password (works once, within an hour)", url=url),
            Paragraph(text="It signs you out on all browsers. If it was not you, do nothing: your password stays."),
        ),
        signature=one_line(team),
    )
