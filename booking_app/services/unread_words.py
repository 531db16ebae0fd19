"""Why an event could not be read, in words: from the code alone."""

from __future__ import annotations

_WORDS = {
    "no-calendar": "It is not a complete calendar entry.",
    "too-big": "It is too big to be read.",
    "nested": "Its parts are nested too deeply.",
    "too-many-parts": "It has too many parts to be read.",
    "too-much-work": "It repeats too often or in too complicated a way to be followed.",
    "start": "When it starts cannot be read.",
    "end": "When it ends cannot be read.",
    "length": "How long it lasts cannot be read.",
    "end-before-start": "It ends before it starts.",
    "zone": "Its time zone is unknown.",
    "rule": "How it repeats cannot be read completely.",
    "until": "Until when it repeats cannot be read.",
    "dates": "Some of its dates cannot be read.",
    "exception": "Which of its repetitions was changed cannot be read.",
    "travel": "The travel time before it cannot be read.",
    "busy-times": "Some of its busy times cannot be read.",
}


def why(code: str) -> str:
    """A sentence for its owner; codes of other versions of the program have one, too."""
    return _WORDS.get(code, "It could not be understood completely.")
