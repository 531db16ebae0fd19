"""Mails as `.eml` files: for the demo, and wherever no mail server is set."""

from __future__ import annotations

import asyncio
import os
import re
from email.message import EmailMessage
from pathlib import Path

from booking_app.integrations.mail.mailer import Unusable
from booking_app.services.readiness import refused_file

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class FolderMailer:
    """Writes each mail to a file named after its Message-ID, so that a repeat replaces itself. Nobody but the
    program's own user reads the folder and the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: EmailMessage) -> None:
        """The file is there, whole, or not at all. Raises `Unusable` when the folder cannot be written."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise _unusable(f"cannot be written ({error.strerror})") from error

    async def check(self) -> None:
        """Whether a file can be written. Raises `Unusable`."""
        if words := await asyncio.to_thread(refused_file, self._folder):
            raise _unusable(words)

    def _write(self, mail: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It may be older than this rule: links in mails open appointments and accounts.
        self._folder.chmod(0o700)
        name = _UNSAFE.sub("-", str(mail["Message-ID"]).strip("<>"))[:200].strip(".-")
        unfinished = self._folder / f".{name}.{os.getpid()}.part"
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bytes(mail))
        unfinished.replace(self._folder / f"{name}.eml")


def _unusable(words: str) -> Unusable:
    return Unusable(f"The mail folder {words}; check its owner and the free space.", "mail_folder")
