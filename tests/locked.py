"""Reading the locks: which version of each package, and on whose wish."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"

_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)", re.MULTILINE)


def blocks(lock: Path) -> dict[str, str]:
    """By package: its lines, that is the pin, the hashes and for whom it is there."""
    parts = re.split(r"^(?=\w)", lock.read_text(), flags=re.MULTILINE)
    return {pin["name"]: part for part in parts if (pin := _PIN.match(part))}


def pins(lock: Path) -> dict[str, str]:
    """By package: the version that is installed."""
    return {pin["name"]: pin["version"] for pin in _PIN.finditer(lock.read_text())}
