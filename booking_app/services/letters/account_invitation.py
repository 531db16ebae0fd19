"""The sentences of an invitation to the team."""

from __future__ import annotations

from booking_app.services.letters.letter import Letter, Link, Paragraph
from booking_app.services.letters.words import one_line


def to_invited(*, name: str, by: str, url: str, days: int, team: str) -> Letter:
    """`url` works once, within `days` days."""
    return Letter(
        subject=f"Your account at {one_line(team)}",
        blocks=(
            Paragraph(text=f"Hello {one_line(name)}," if name else "Hello,"),
            Paragraph(text=f"{one_line(by)} invites you to {one_line(team)}. Choose a password to sign in."),
            Link(label=f"Choose a password (works once, within {days} days)", url=url),
        ),
        signature=one_line(team),
    )
