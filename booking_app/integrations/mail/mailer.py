"""What sending a mail means, and what can go wrong, named by what happens next.

MailTrouble
├── Delayed       not now: try again later, the same mail with the same Message-ID
│   └── Unusable  nor would be any other mail, whatever it is
│       └── ServerUnusable  the server cannot be used (`faults.py`)
└── Refused       this mail will never be taken: a person must act
"""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class MailTrouble(Exception):
    """`str()` is a sentence without addresses, secrets or content."""


class Delayed(MailTrouble):
    """`after`: seconds to wait at least, where a shorter wait cannot help."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unusable(Delayed):
    """`cause` is a word for logs."""

    def __init__(self, message: str, cause: str, after: float | None = None) -> None:
        super().__init__(message, after)
        self.cause = cause


class Refused(MailTrouble):
    pass


class Mailer(Protocol):
    """Sends one mail to its To address."""

    async def send(self, mail: EmailMessage) -> None:
        """Returns when it was handed over. Raises `Delayed` or `Refused`."""
        ...

    async def check(self) -> None:
        """Returns when mail can be handed over, as far as can be seen without one. Raises `Delayed`."""
        ...
