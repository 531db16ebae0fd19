"""How this installation recognises itself: it asks its own public address a question that only it can answer.

The question is sealed, so whoever holds the keys, which is every process of the installation and nobody else, can tell
what is in it. Nothing is stored, and an answer tells a stranger nothing.
"""

from __future__ import annotations

import secrets

from booking_app.services.context import Sealer
from booking_app.sync.vault import UnreadableSecret

NAME = "probe"
"""The query parameter that carries a question."""
_ABOUT = "probe"
_LONGEST = 1000


def question(sealer: Sealer) -> tuple[str, str]:
    """A new question, fit for an address, and its answer."""
    answer = secrets.token_urlsafe(24)
    return sealer.seal(answer, _ABOUT).hex(), answer


def answer(sealer: Sealer, asked: str) -> str | None:
    """The answer; None for what is no question of this installation."""
    if len(asked) > _LONGEST:
        return None
    try:
        return sealer.open(bytes.fromhex(asked), _ABOUT)
    except (ValueError, UnreadableSecret):
        return None
