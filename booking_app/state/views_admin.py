"""What the browsers of staff and admins may see: plain values, already in words, already placed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """The signed-in account as its own top bar shows it."""

    account_id: int = 0
    name: str = ""
    email: str = ""
    initials: str = ""
    colour: str = "slate"
    admin: bool = False
    person: bool = False
    """Whether the account is somebody who can be booked, and so has calendars of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Something in a column of the team calendar. `top` and `height` in px, `left` and `width` in percent.

    `kind` is `appointment`, `hold` or `busy`; only the first can be opened (`id`)."""

    key: str = ""
    id: int = 0
    kind: str = "busy"
    title: str = ""
    line: str = ""
    label: str = ""
    colour: str = "slate"
    top: int = 0
    height: int = 0
    left: float = 0
    width: float = 100
    compact: bool = False
    slim: bool = False
    narrow: bool = False
    warn: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Closed hours: from `top`, `height` px tall."""

    top: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HourMark:
    top: int = 0
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A person, a room or, in the week view, a day."""

    key: str = ""
    name: str = ""
    note: str = ""
    initials: str = ""
    colour: str = "slate"
    today: bool = False
    closed: tuple[Band, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The team calendar of a day or a week, drawn from `first` (minutes of the wall day) downwards."""

    heading: str = ""
    zone: str = ""
    first: int = 0
    hours: tuple[HourMark, ...] = ()
    height: int = 0
    count: int = 0
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few to choose from: a person of the team calendar."""

    key: str = ""
    name: str = ""
    initials: str = ""
    colour: str = "slate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choosable:
    """What can be decided about an appointment. `final`: the customer is told, which nothing undoes, so
    the page asks once more; `asked` is what its `sure` is while it does."""

    appointment: int = 0
    answer: str = ""
    words: str = ""
    asked: str = ""
    final: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """An appointment opened in the team calendar."""

    id: int = 0
    service: str = ""
    when: str = ""
    people: str = ""
    customers: tuple[str, ...] = ()
    notes: str = ""
    location: str = ""
    conflict: str = ""
    choices: tuple[Choosable, ...] = ()
    """What can be answered, where it waits for a decision."""
    writes: tuple[str, ...] = ()
    """How it stands in each person's calendar, a sentence each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueLine:
    """Work that waits. `since` and `retry_at` are instants; `retry_at` 0: until somebody acts."""

    id: int = 0
    what: str = ""
    reason: str = ""
    since: int = 0
    retry: str = ""
    parked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppedLine:
    """A calendar that is not followed; `asks`: until somebody confirms what disappeared from it."""

    uid: str = ""
    name: str = ""
    sentence: str = ""
    asks: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncLine:
    """A connection on the admin's page. `address` says which of somebody's accounts it is, `uses` what for.

    `act` is what helps: `read` it now, `ask` its owner, `mend` the credentials of its provider, `own` (it is the
    reader's, who links it again), or empty. `asked_at` is the instant at which its owner was asked, 0 if not lately."""

    uid: str = ""
    initials: str = ""
    colour: str = "none"
    name: str = ""
    address: str = ""
    uses: str = ""
    word: str = ""
    tone: str = ""
    sentence: str = ""
    read_at: int = 0
    success_at: int = 0
    act: str = ""
    asked_at: int = 0
    bad: bool = False
    simulated: bool = False
    ends: str = ""
    """When the link ends by itself, as a sentence; empty if never."""
    stopped: tuple[StoppedLine, ...] = ()
    waiting: tuple[QueueLine, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One of the figures that matter: what it measures, the figure, and what belongs to it."""

    what: str = ""
    value: str = ""
    more: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """An open alert. `since` is an instant; `moved` the appointment that waits for a decision, or 0, with its
    `choices`; `provider` the one that refuses this whole installation."""

    id: int = 0
    message: str = ""
    since: int = 0
    moved: int = 0
    provider: str = ""
    choices: tuple[Choosable, ...] = ()
