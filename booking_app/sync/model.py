"""The words the sync engine and the providers share. All times are instants (epoch seconds, UTC)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from booking_app.domain.conflicts import Shape
from booking_app.sync.problems import Problem


class BusyKind(StrEnum):
    """What kind of block it is; never what it is about. `UNCERTAIN` blocks with a safety margin because its
    zone or rule could not be read; `IGNORED` is the same where its owner said that it does not block."""

    BUSY = "busy"
    TENTATIVE = "tentative"
    ALL_DAY = "all_day"
    UNCERTAIN = "uncertain"
    IGNORED = "ignored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """One occurrence that blocks, half-open."""

    start: int
    end: int
    kind: BusyKind = BusyKind.BUSY


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteCalendar:
    """A calendar as its account lists it. `remote_id` is the provider's stable id (for CalDAV the absolute URL
    of the collection). `addresses` are the account's own calendar addresses, lower case, for `CalendarRef`."""

    remote_id: str
    name: str
    colour: str | None = None
    zone: str | None = None
    can_write: bool = True
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarRef:
    """What a provider needs to read a calendar. `zone` places floating and all-day events (the calendar's own
    zone, else the owner's); `addresses` are the owner's own addresses, lower case, to find the own PARTSTAT."""

    remote_id: str
    zone: str
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnEvent:
    """An event that carries our uid, as it stands at the provider. `cancelled` covers STATUS:CANCELLED.
    `fields` are a digest of summary, location, description, times and transparency, to compare a read-back. `shape`
    is not `PLAIN` where its owner made something else of it."""

    uid: str
    start: int
    end: int
    cancelled: bool
    sequence: int
    fields: str
    shape: Shape = Shape.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteObject:
    """One object of a calendar after expansion into the window. A series is one object with many `busy`.

    `key` is stable at the provider (for CalDAV the path of the resource), `etag` its version, verbatim.
    `problems` lists what could not be understood (each already covered by an UNCERTAIN block)."""

    key: str
    etag: str
    uid: str
    busy: tuple[Busy, ...] = ()
    own: OwnEvent | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """The answer to "what changed". Always complete: a provider raises rather than return part of a reply.

    `full` means `objects` + `unchanged` is the whole calendar (within the window) and whatever else is known is
    no longer there. `unchanged` are the keys whose etag equals the known one and which were not downloaded
    again. `gone` are keys the provider itself reports as removed. `outside` are known keys of which nothing lies in the
    window any more, by the provider's word or because their last occurrence was over before it: nobody deleted them,
    they are simply not held on. `cursor` is where the next read starts. `zone` is the calendar's own one as of now,
    None where the provider does not say: it moves whole days, though no event changed."""

    objects: tuple[RemoteObject, ...]
    gone: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    cursor: str | None = None
    full: bool = False
    zone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventDraft:
    """Our appointment as it must stand in the person's calendar. `sequence` is the appointment's, `stamp` the instant
    since when it is so. `private`: others who may see the calendar see no more than that its owner is busy. `before`
    are the digests of what we wrote there (`theirs.said`), None where nothing of it is remembered; `free` and `visible`
    (a class of RFC 5545) are what its owner made of it."""

    uid: str
    start: int
    end: int
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""
    sequence: int = 0
    tentative: bool = False
    stamp: int = 0
    private: bool = True
    before: frozenset[str] | None = None
    free: bool = False
    visible: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Where and in which version an event stands after a write that was read back and found equal."""

    key: str
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What the vault hands to a provider: never logged, never compared, never shown."""

    address: str
    username: str
    secret: str = field(repr=False)


class Mode(StrEnum):
    """How much a person lets us do. `FULL`: read when they are busy, write appointments. `BUSY`: busy times only, which
    asks the provider for less and never writes."""

    FULL = "full"
    BUSY = "busy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A push channel at the provider. `remote_id` names it there (a Graph subscription; for Google, where we choose the
    name, the same as ours), `resource_id` is what Google wants back to stop it. `expires_at` is an instant, as the
    provider says it."""

    remote_id: str
    resource_id: str = ""
    expires_at: int


Known = Callable[[], Awaitable[Mapping[str, str]]]
"""Loads key -> etag of what the engine already holds for a calendar, once however often it is called."""
