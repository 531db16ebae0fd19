"""What the pages about calendars show: plain values, no secret, no content of anybody's calendar."""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.domain.conflicts import Answer


@dataclass(frozen=True, kw_only=True)
class PresetView:
    """A kind of account to connect. `address` is filled in; empty: the person types it. `hint` helps with the
    password."""

    key: str
    name: str
    address: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class CalendarView:
    """One calendar of a connection. `age` in seconds since it was last known to be equal to the provider's
    (None: never read); `sentence` says in words how it stands."""

    uid: str
    name: str
    colour: str
    blocks: bool
    unsure_blocks: bool
    target: bool
    private: bool
    can_write: bool
    stopped: bool
    age: int | None
    problems: int
    sentence: str
    stopped_by: str = ""
    """A `StoppedBy` while it is stopped."""


@dataclass(frozen=True, kw_only=True)
class UnreadView:
    """An event that could not be read: why (a code), when it starts (an instant; None if that is it), and the first of
    its blocks that is not over, with how many `more` follow. `others`: when further ones start that are kept in the
    same object, soonest first; one word holds for all of them."""

    uid: str
    calendar_uid: str
    code: str
    at: int | None
    others: tuple[int, ...]
    since: int
    until: int
    more: int
    blocks: bool


@dataclass(frozen=True, kw_only=True)
class ConnectionView:
    """One connected account. `state` is a `ConnectionState`; `last_success` an instant; `age` is that of the
    oldest data of its blocking calendars, in seconds. `withheld`: the times that depend on it are not offered just now.

    `by_consent`: it is linked again at `/oauth/<provider>/start?connection=<uid>` instead of having a password; `mode`
    is what it was linked for (`full` or `busy`), `writes` whether any of its calendars can be written to, `ends_at` the
    instant at which the link ends by itself, None if never. `reason` is why it does not work, without what to do about
    it; `zone` is where its owner is."""

    uid: str
    label: str
    preset: str
    address: str
    username: str
    state: str
    sentence: str
    last_success: int | None
    age: int | None
    calendars: tuple[CalendarView, ...]
    provider: str = "caldav"
    by_consent: bool = False
    mode: str = "full"
    writes: bool = True
    ends_at: int | None = None
    reason: str = ""
    zone: str = "UTC"
    withheld: bool = False
    unlisted: int = 0
    """How many more calendars the account has than are listed."""


@dataclass(frozen=True, kw_only=True)
class WaitingView:
    """Work that is not done yet: `retry_at` is an instant (None when parked until somebody acts)."""

    id: int
    what: str
    reason: str
    attempts: int
    since: int
    retry_at: int | None
    parked: bool


@dataclass(frozen=True, kw_only=True)
class HealthLine:
    """A connection on the admin's page, with the writes that wait for it. `owner_id` is the person it belongs to."""

    owner: str
    owner_colour: str
    connection: ConnectionView
    waiting: tuple[WaitingView, ...]
    owner_id: int = 0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Delays of the last 24 hours in seconds (None: no sample) and how much waits. `without_push` is the share of
    changes that a regular read found before any push told of them, among calendars that have a push channel."""

    inbound_p50: float | None
    inbound_p99: float | None
    outbound_p50: float | None
    outbound_p99: float | None
    waiting: int
    parked: int
    without_push: float | None = None


@dataclass(frozen=True, kw_only=True)
class AlertView:
    """An open alert for the banner; `since` is an instant. `moved`: the appointment that waits for a decision,
    `choices` what can be decided; `provider`: the one that refuses this whole installation, empty for any other."""

    id: int
    message: str
    since: int
    moved: int | None = None
    provider: str = ""
    choices: tuple[Answer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProviderUse:
    """Requests that this process sent a provider in the last minute, and how many may be sent: `allowed` for all
    accounts together, or for each of them if `per_account`."""

    provider: str
    title: str
    sent: int
    allowed: int
    per_account: bool


@dataclass(frozen=True, kw_only=True)
class SyncPage:
    """All of /admin/sync. `other_waiting` is work that belongs to no connection (mail)."""

    lines: tuple[HealthLine, ...]
    other_waiting: tuple[WaitingView, ...]
    figures: Figures
    alerts: tuple[AlertView, ...]
