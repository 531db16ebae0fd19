"""Texts that people type: whether anybody would see anything of them."""

from __future__ import annotations

import unicodedata

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that are drawn as nothing: the Hangul fillers and the empty Braille pattern."""


def shows(text: str) -> bool:
    """Whether at least one character is drawn by itself. Spaces, controls and format characters (zero-width, marks of
    direction) are not, nor is a combining mark without anything to stand on (Unicode, general categories)."""
    return any(unicodedata.category(char)[0] in "LNPS" and char not in _BLANK for char in text)
