"""What a person reads when they come back from a consent page."""

from __future__ import annotations

from collections.abc import Collection
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


class NotLinked(Exception):
    """Nothing was stored. `code` says why; `scopes` are the names of the permissions that were left out."""

    def __init__(self, code: LinkError, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(code.value)
        self.code = code
        self.scopes = scopes


_TITLES = {"google": "Google Calendar", "microsoft": "Outlook"}
_WORDS = {
    LinkError.DENIED: "{title} was not linked, because access was not allowed there. Nothing was changed.",
    LinkError.EXPIRED: "The way back from {title} took too long. Please link it again.",
    LinkError.STATE: "This attempt to link {title} is over or was begun in another browser. Please link it again.",
    LinkError.OTHER_ACCOUNT: (
        "That was another account than the one that is linked here. Choose the same account at {title}, or add the "
        "other one as a new account."
    ),
    LinkError.PROVIDER: (
        "{title} could not be linked just now. Please try again; if it stays so, an administrator has to look at the "
        "calendar providers."
    ),
    LinkError.ADMIN_CONSENT: (
        "Your organisation lets only its administrator allow access. Ask them to allow this program for {title}, then "
        "link it again."
    ),
    LinkError.ADDRESS: (
        "{title} was not linked yet: the way back from there leads to this address, so it has to be begun here, too. "
        "Please link it again."
    ),
    LinkError.TAKEN: "This account is linked already. To change what it may do, use “Link again” there.",
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
    "Linked, but without the permission to write: appointments cannot be put into this account. To let them, link it "
    "again and leave all boxes ticked."
)


def scope_names(scopes: Collection[str]) -> tuple[str, ...]:
    """Short names of permissions, as they stand in an address: `calendar.events.readonly`."""
    return tuple(each.rpartition("/")[2].lower() for each in scopes)


def link_error_words(code: str, provider: str = "", names: Collection[str] = ()) -> str:
    """The sentence for a `link_error`; `names` are `scope_names`. All three come from an address that anybody may have
    written: nothing of them is quoted."""
    title = _TITLES.get(provider, "The account")
    if code == LinkError.MISSING:
        wanted = list(dict.fromkeys(_SCOPES[each] for each in names if each in _SCOPES))
        what = " and ".join(wanted) or "that is needed"
        return (
            f"{title} was not linked, because the permission {what} was left out. Link it again and leave all boxes "
            "ticked."
        )
    try:
        return _WORDS[LinkError(code)].format(title=title)
    except (ValueError, KeyError):
        return ""
