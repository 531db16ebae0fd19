"""Keeping the collector of cyclic garbage from holding up the pages.

A full collection looks at every object while everything else waits: a tenth of a second with a large calendar in hand,
several times while it is read. What was loaded at the start never becomes garbage, and what a read gathers is gone
with the read.
"""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 5_000, 10, 30
"""New objects until the young ones are looked at (a millisecond), and how many of those looks make one at the next
generation: the old one is looked at after 1.5 million lasting objects, or when `look` is called."""


def settle() -> None:
    """To be called once, when a process has loaded what it serves with."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def look() -> None:
    """One full collection: closed pages leave cycles that have become old."""
    gc.collect()
