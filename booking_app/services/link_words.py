"""What a person reads when they come back from a consent page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum


class LinkError(StrEnum):
    """Why an account was not linked: the `link_error` in the address of the page that is come back to."""

    DENIED = "denied"
    EXPIRED = "expired"
    STATE = "state"
    MISSING = "missing"
    OTHER_ACCOUNT = "other_account"
    PROVIDER = "provider"
    ADMIN_CONSENT = "admin_consent"
    TAKEN = "taken"
    ADDRESS = "address"
    FULL = "full"


class NotLinked(Exception):
    """Nothing was stored. `code` says why; `scopes` are the names of the permissions that were left out."""

    def __init__(self, code: LinkError, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(code.value)
        self.code = code
        self.scopes = scopes


TITLES = {"google": "Google Calendar", "microsoft": "Outlook"}
_WORDS = {
    LinkError.DENIED: "{title} was not connected, because access was not allowed there. Nothing was changed.",
    LinkError.EXPIRED: "The way back from {title} took too long. Please connect it again.",
    LinkError.STATE: (
        "This attempt to connect {title} is over or was begun in another browser. Please connect it again."
    ),
    LinkError.OTHER_ACCOUNT: (
        "That was another account than the one that is connected here. Choose the same account at {title}, or add the "
        "other one as a new account."
    ),
    LinkError.PROVIDER: (
        "{title} could not be connected just now. Please try again; if it stays so, an administrator has to look at "
        "the calendar providers."
    ),
    LinkError.ADMIN_CONSENT: (
        "Your organisation lets only its administrator allow access. Ask them to allow this program for {title}, then "
        "connect it again."
    ),
    LinkError.TAKEN: (
        "{which} is connected already. To change what it may do, use “Connect again” in its menu on this page."
    ),
    LinkError.FULL: (
        "{title} was not connected: you have as many calendar accounts as can be. Disconnect one that you do not need, "
        "then connect it again."
    ),
    LinkError.ADDRESS: (
        "{title} was not connected yet: the way back from there leads to this address, so it has to be begun here, "
        "too. Please connect it again."
    ),
}
_SCOPES = {
    "calendar.calendarlist.readonly": "to see the list of your calendars",
    "calendar.events.readonly": "to see when you are busy",
    "calendar.events.freebusy": "to see when you are busy",
    "calendar.freebusy": "to see when you are busy",
    "calendars.read": "to see when you are busy",
    "calendars.readbasic": "to see when you are busy",
}
READ_ONLY = (
    "Connected, but without the permission to write: appointments cannot be put into this account. To let them, "
    "connect it again and leave all boxes ticked."
)


def scope_names(scopes: Collection[str]) -> tuple[str, ...]:
    """Short names of permissions, as they stand in an address: `calendar.events.readonly`."""
    return tuple(each.rpartition("/")[2].lower() for each in scopes)


def link_error_words(code: str, provider: str = "", names: Collection[str] = (), accounts: Sequence[str] = ()) -> str:
    """The sentence for a `link_error`; `names` are `scope_names`. All three come from an address that anybody may have
    written: nothing of them is quoted. `accounts` are those that the reader has at this provider."""
    title = TITLES.get(provider, "The account")
    if code == LinkError.MISSING:
        wanted = list(dict.fromkeys(_SCOPES[each] for each in names if each in _SCOPES))
        what = " and ".join(wanted) or "that is needed"
        return (
            f"{title} was not connected, because the permission {what} was left out. Connect it again and leave all "
            "boxes ticked."
        )
    try:
        return _WORDS[LinkError(code)].format(title=title, which=_which(accounts))
    except (ValueError, KeyError):
        return ""


def _which(accounts: Sequence[str]) -> str:
    if len(accounts) < 2:
        return accounts[0] if accounts else "This account"
    return f"This account ({' or '.join(accounts)})"
