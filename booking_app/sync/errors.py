"""What a provider can answer besides success, named by what the engine does next.

    ProviderError
    ├── Transient      try again, not before `retry_after` seconds; the old copy stays
    │   ├── ProviderRefused  the installation is refused, not the account: one incident for all
    │   └── KeyMissing  this process lacks the key of what is stored, nobody's account is at fault: one incident
    ├── CursorExpired  read the whole calendar again, swap when it is complete
    ├── EditConflict   somebody changed the event since we read it: read, decide, write again
    ├── Gone           confirmed: the object or calendar does not exist (404/410 from the provider itself)
    ├── AccessLost     credentials refused: tell the owner, withhold, queue
    └── Rejected       the request itself is refused or the reply makes no sense: park with the reason
        └── Vanished   so much disappeared without being confirmed that nothing is believed until a person says so

Anything else is a bug and is treated as one.
"""

from __future__ import annotations

KEY_MISSING = (
    "What is stored for this account cannot be opened at the moment, because this installation lacks a key. Nothing is "
    "wrong with the account."
)


class ProviderError(Exception):
    """Base; `str()` is a sentence without secrets, titles or addresses of customers."""


class Transient(ProviderError):
    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderRefused(Transient):
    """The provider does not accept this installation (a wrong or expired client secret, say): nobody's account is at
    fault. One incident for the admins, however many accounts it stops; tried again like any disturbance. `why` is the
    reason alone, as part of a sentence."""

    def __init__(self, message: str, retry_after: float | None = None, *, why: str = "") -> None:
        super().__init__(message, retry_after)
        self.why = why


class KeyMissing(Transient):
    """What is stored opens with none of the keys that this process was given. Another process may well have the key, so
    the account stays as it is. One incident for the admins, however many accounts it stops; tried again like any
    disturbance."""

    def __init__(self) -> None:
        super().__init__(KEY_MISSING)


class CursorExpired(ProviderError):
    pass


class EditConflict(ProviderError):
    pass


class Gone(ProviderError):
    pass


class AccessLost(ProviderError):
    """`final`: the provider has said that the consent is over. Else it only refused what it was sent, which may be a
    server's bad minute."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Rejected(ProviderError):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Vanished(Rejected):
    """Raised by the engine, not by a provider."""
