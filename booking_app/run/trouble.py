"""What keeps a command from doing its work, in words for the person who typed it."""

from __future__ import annotations


class Trouble(Exception):
    """One clear sentence; the command prints it and ends with exit code 2."""
