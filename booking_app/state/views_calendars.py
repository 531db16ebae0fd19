"""What the browser of a person may see of their own calendars: plain values, already in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadLine:
    """An event of a calendar that could not be read: when it is, why, and what it closes."""

    uid: str = ""
    when: str = ""
    why: str = ""
    closes: str = ""
    blocks: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarLine:
    """One calendar of a connected account, with the choices about it. `account` tells it from one of the same name
    elsewhere. `note` stands beside the name; `trouble` asks for its owner, and is empty while nothing does."""

    uid: str = ""
    name: str = ""
    account: str = ""
    colour: str = ""
    blocks: bool = False
    unsure_blocks: bool = True
    knows_unsure: bool = False
    """Whether tentative events can be told from others, so that there is a choice about them."""
    target: bool = False
    private: bool = True
    """Whether others who see it see of our events only that there are some."""
    can_write: bool = True
    stopped: bool = False
    stopped_by: str = ""
    """What helps: `vanished` wants the owner's word, `gone` another choice."""
    note: str = ""
    trouble: str = ""
    unread: tuple[UnreadLine, ...] = ()
    """What of it could not be read, soonest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionCard:
    """A connected account on its owner's page. `read_at` is the instant as of which its data is right, 0 if never."""

    uid: str = ""
    mark: str = ""
    name: str = ""
    account: str = ""
    full_name: str = ""
    """Name and account, for those who hear the page."""
    word: str = ""
    tone: str = ""
    sentence: str = ""
    read_at: int = 0
    needs_password: bool = False
    unused: bool = False
    """No calendar of it blocks or receives: nothing has been chosen yet."""
    calendars: tuple[CalendarLine, ...] = ()
    more: str = ""
    """Said where the account has more calendars than are listed."""
    provider: str = ""
    """Who it is linked to by consent; empty for an account with a password. The rest is about such an account."""
    again: str = ""
    """Where it is linked again."""
    upgrade: str = ""
    """Where it is linked for more than busy times; empty unless it is for these only."""
    needs_link: bool = False
    ends: str = ""
    """When the link ends by itself: `8 March, 9:00`; empty if never."""
    ends_soon: bool = False
    refused: str = ""
    """Said while its provider refuses this whole installation: its owner can do nothing about that."""
    read_only: bool = False
    """It was to receive appointments, and the permission to write was left out."""
    simulated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkOffer:
    """A provider whose accounts can be connected by consent: where that begins, for everything or for busy times only.
    `refused`: the provider does not take this installation, so that the way there is in vain."""

    key: str = ""
    name: str = ""
    company: str = ""
    refused: bool = False
    words: str = ""
    href: str = ""
    busy: str = ""
    simulated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """What is said to somebody who comes back from a consent page. `uid` is the account that was linked, empty if none
    was; `again` is where to try once more; `setup`: an admin may have something to mend."""

    uid: str = ""
    tone: str = "ok"
    sentence: str = ""
    again: str = ""
    setup: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """How customers see one's next week, for one service."""

    service: str = ""
    href: str = ""
    sentence: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked before an account is disconnected; without an `account`, nothing is.

    `receiving` warns of what receives appointments, `standing` asks about those that stand in it, `stuck` says why that
    is not asked, `revocation` what becomes of the consent. Each is empty where it does not apply."""

    account: str = ""
    consequence: str = ""
    receiving: str = ""
    standing: str = ""
    stuck: str = ""
    revocation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unplaced:
    """Said while nothing receives a person's appointments; empty while something does. `warn`: something could."""

    warn: bool = False
    title: str = ""
    sentence: str = ""
