"""The work that reading calendars may cost, counted in steps, whether or not a step finds anything."""

from __future__ import annotations

OBJECT_STEPS = 100_000
"""For one calendar object: an hourly series over the longest window takes a fifth of it."""


class TooDense(Exception):
    """It asks for more work than a calendar has use for."""


class Work:
    """So many steps are left. A step is a day, a candidate or an occurrence that is looked at: about a microsecond."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises `TooDense` when more is asked for than is left; from then on every time."""
        self.left -= steps
        if self.left < 0:
            raise TooDense

    @property
    def exhausted(self) -> bool:
        """Whether more was asked for than there was."""
        return self.left < 0
