"""What counts as something that somebody wrote."""

from __future__ import annotations

import pytest

from booking_app.domain.text import shows

BLANKS = (
    " |\t\n|\u00a0\u2003\u3000|\u200b|\u200e\u200f|\u061c|\u2060\ufeff|\u00ad|\u3164|\u115f\u1160|\uffa0|\u2800|\u0301"
    "|\ufe0f|\U000e0041| \u200d |\u180e"
)


@pytest.mark.parametrize("text", ["", *BLANKS.split("|")])
def test_what_nobody_would_see_is_nothing(text: str) -> None:
    assert not shows(text)


@pytest.mark.parametrize("text", ["A", " .", "\u200fעמית", "李", "é", "😀", "7", "\u200bA", "श्री", "O\u2019Neil"])
def test_what_is_drawn_is_something(text: str) -> None:
    assert shows(text)
