"""Half-open spans of integers: `(start, end)` holds every instant t with start <= t < end.

A *list of spans* that a function returns is normal: ascending, no empty span, no two that overlap or touch. Functions
take normal lists unless they say otherwise; `merge` makes any list normal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from booking_app.domain.rules import Span


def merge(spans: Iterable[Span]) -> list[Span]:
    """The normal list that covers the same instants; empty and inverted spans vanish, any order is taken."""
    merged: list[Span] = []
    start = end = 0
    for next_start, next_end in sorted(span for span in spans if span[0] < span[1]):
        if merged and next_start <= end:
            if next_end > end:
                end = next_end
                merged[-1] = (start, end)
        else:
            start, end = next_start, next_end
            merged.append((start, end))
    return merged


def intersect(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """What both normal lists cover."""
    both: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i][0], right[j][0])
        end = min(left[i][1], right[j][1])
        if start < end:
            both.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return both


def subtract(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What the normal list `spans` covers and the normal list `holes` does not."""
    left: list[Span] = []
    j = 0
    for start, end in spans:
        while j < len(holes) and holes[j][1] <= start:
            j += 1
        k = j
        while k < len(holes) and holes[k][0] < end:
            if start < holes[k][0]:
                left.append((start, holes[k][0]))
            start = holes[k][1]
            k += 1
        if start < end:
            left.append((start, end))
    return left


def contains(spans: Sequence[Span], span: Span) -> bool:
    """Whether the non-empty `span` lies wholly in one span of the normal list."""
    found = bisect_right(spans, span[0], key=lambda each: each[0]) - 1
    return found >= 0 and span[0] < span[1] <= spans[found][1]


def overlaps(one: Span, other: Span) -> bool:
    """Whether two spans share an instant; an empty span shares none."""
    return max(one[0], other[0]) < min(one[1], other[1])
