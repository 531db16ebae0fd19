"""The data folder of an instance: its lock, its secrets, what it told scripts."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from booking_app.run.trouble import Trouble

MARK = "booking-app.json"


class DataFolder:
    """An opened data folder, locked for this process until it ends."""

    def __init__(self, path: Path, *, demo: bool, exclusive: bool = True) -> None:
        """Create or open the folder of the demo, or of a real installation: neither ever runs on the other's.
        Not `exclusive`: beside an instance that may be running.

        Raises `Trouble` when it is not usable, foreign or in use."""
        self.path = path.absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Trouble(f"DATA_DIR: {self.path} is not a folder.") from None
        except OSError as error:
            raise Trouble(f"DATA_DIR: {self.path} cannot be created ({error.strerror}).") from None
        try:
            entries = {entry.name for entry in self.path.iterdir()}
            if entries and MARK not in entries:
                raise Trouble(f"DATA_DIR: {self.path} holds other files; choose an empty or a new folder.")
            self._lock = (self.path / "lock").open("w")
        except OSError as error:
            raise Trouble(f"DATA_DIR: {self.path} cannot be written ({error.strerror}).") from None
        if exclusive:
            self._take()
        if not entries:
            self.write(MARK, {"format": 1, "demo": demo})
        elif self.read(MARK).get("demo") is not demo:
            owner = "a real installation" if demo else "the demo, whose passwords were printed"
            raise Trouble(f"DATA_DIR: {self.path} belongs to {owner}; set DATA_DIR to another folder.")

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"DATA_DIR: another instance is running on {self.path}; stop it or set DATA_DIR.") from None

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in file `name`; empty when there is none. Raises `Trouble` when it is damaged."""
        file = self.path / name
        if not file.exists():
            return {}
        try:
            content = json.loads(file.read_text())
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise Trouble(f"DATA_DIR: {file} cannot be read; `make reset` starts afresh.")
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Put `content` into file `name`, readable by the owner only, all or nothing."""
        handle, partial = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.write("\n")
        Path(partial).replace(self.path / name)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)
