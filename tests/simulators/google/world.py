"""Everything a simulated Google knows, and the handles of tests: people and the apps on their phones, OAuth clients."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from tests.simulators.google import channels, edits
from tests.simulators.google.calendar import ROLES, Calendar, Stored, new_id
from tests.simulators.google.errors import ApiError, Json, deleted, not_found, quota
from tests.simulators.google.ical import Inexpressible, from_ical
from tests.simulators.google.tokens import App, Consents
from tests.simulators.panel import Fault, Panel, Seen

_KEPT = ("iCalUID", "created", "creator", "organizer", "extendedProperties", "sequence")


@dataclass(kw_only=True)
class User:
    """`blocked` people may not consent at all (a Workspace policy)."""

    world: GoogleWorld
    email: str
    name: str
    sub: str
    zone: str
    blocked: bool = False

    def calendar(self, calendar_id: str = "primary") -> CalendarApp:
        """The calendar as its owner sees it in Google's own app."""
        return CalendarApp(self.world, self.world.calendars[self.email if calendar_id == "primary" else calendar_id])

    def add_calendar(self, summary: str, *, zone: str | None = None, calendar_id: str | None = None) -> CalendarApp:
        """A secondary calendar."""
        name = calendar_id or f"c_{secrets.token_hex(16)}@group.calendar.google.com"
        return CalendarApp(self.world, self.world.make_calendar(name, self.email, summary, zone or self.zone))


@dataclass(frozen=True)
class CalendarApp:
    """What the owner does to their events, in Google's JSON; every change is told to the watchers."""

    world: GoogleWorld
    calendar: Calendar

    @property
    def id(self) -> str:
        return self.calendar.id

    def put(self, event: Mapping[str, object], *, quiet: bool = False) -> str:
        """Add an event, or replace the one with the same `id`; its id. `quiet`: no watcher hears of it. Raises
        ApiError for what Google refuses."""
        with self.world.lock:
            data: Json = {"status": "confirmed", **event}
            data.setdefault("id", new_id())
            data.setdefault("iCalUID", f"{data['id']}@google.com")
            if not data.get("recurringEventId"):
                data.setdefault("organizer", {"email": self.calendar.owner})
                data.setdefault("creator", {"email": self.calendar.owner})
            edits.check_event(data, self.calendar)
            self.calendar.store(data, quiet=quiet)
            return str(data["id"])

    def put_ical(self, text: str, *, event_id: str | None = None) -> str:
        """Add the event of an iCalendar text, or replace `event_id` and its exceptions; what the text cannot say (the
        marks of programs, the organizer) stays. Raises Inexpressible."""
        with self.world.lock:
            name = event_id or new_id()
            items = from_ical(text, event_id=name, zone=self.calendar.zone)
            try:
                for item in items:
                    before = self.calendar.events.get(str(item["id"]))
                    kept = {key: before.data[key] for key in _KEPT if key in before.data} if before else {}
                    self.put(item | kept, quiet=True)
            except ApiError as error:
                raise Inexpressible(str(error)) from None
            self._settle(name, {str(item["id"]) for item in items})
            self.calendar.tell()
            return name

    def _settle(self, name: str, kept: set[str]) -> None:
        """Exceptions that are no longer named are plain instances again, or gone with their rule."""
        for old, stored in self.calendar.exceptions(name).items():
            if old not in kept:
                self.calendar.by_master[name].discard(old)
                del self.calendar.events[old]
                with contextlib.suppress(ApiError):
                    self.calendar.store(self.calendar.find(old).data, quiet=True)
                    continue
                self.calendar.cancel(stored, quiet=True)

    def change(self, event_id: str, **fields: object) -> None:
        """Set some fields of an event or instance."""
        with self.world.lock:
            data = self.calendar.find(event_id).data | fields
            edits.check_event(data, self.calendar)
            self.calendar.store(data)

    def delete(self, event_id: str) -> None:
        """Delete an event, a series, an instance, or the loose instances of a series that is not here."""
        with self.world.lock:
            loose = {} if event_id in self.calendar.events else self.calendar.exceptions(event_id)
            for stored in loose.values() or [self.calendar.find(event_id)]:
                self.calendar.cancel(stored, quiet=True)
            self.calendar.tell()

    def get(self, event_id: str) -> Json:
        with self.world.lock:
            return dict(self.calendar.find(event_id).data)

    def events(self) -> list[Json]:
        """All that is not deleted: single events, series and exceptions, complete."""
        with self.world.lock:
            return [dict(item.data) for item in self.calendar.events.values() if not item.cancelled]

    def purge(self) -> None:
        with self.world.lock:
            self.calendar.purge()

    def share(self, email: str, role: str | None) -> None:
        """Give somebody a role (None takes it away); their sync tokens of this calendar die."""
        with self.world.lock:
            if role is None:
                self.calendar.roles.pop(email, None)
            else:
                assert role in ROLES
                self.calendar.roles[email] = role
            self.expire_sync_tokens(email)
            self.world.list_changed(email)

    def settings(self, email: str | None = None, **entry: object) -> None:
        """Set fields of the calendar's entry in somebody's list, as `hidden`, `selected`, `summaryOverride`."""
        with self.world.lock:
            self.calendar.entries.setdefault(email or self.calendar.owner, {}).update(entry)
            self.world.list_changed(email or self.calendar.owner)

    def rename(self, summary: str) -> None:
        with self.world.lock:
            self.calendar.summary = summary
            self.world.list_changed(self.calendar.owner)

    def remove(self) -> None:
        """Delete the calendar."""
        with self.world.lock:
            for email in self.calendar.roles:
                self.world.list_changed(email)
            self.calendar.roles.clear()

    def expire_sync_tokens(self, email: str | None = None) -> None:
        """The next incremental reads answer 410 fullSyncRequired."""
        with self.world.lock:
            for name in [email] if email else [self.calendar.owner, *self.calendar.roles]:
                self.calendar.epochs[name] = self.calendar.epochs.get(name, 0) + 1


@dataclass(kw_only=True)
class Listing:
    """A list that is being paged: what it holds, and the parameters that every page must repeat."""

    shape: str
    items: list[Json]
    head: Json
    token: str | None


@dataclass
class GoogleWorld:
    """`requests` and `mails` (what Google would have mailed to guests) are for tests to read. `page_cap` bounds every
    page, `empty_every` makes each n-th page empty. `per_user_minute` is the quota of one user, None: none.
    `freebusy_errors` by calendar id, as `internalError`."""

    panel: Panel = field(default_factory=lambda: Panel("Google"))
    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    mails: list[Json] = field(default_factory=list)
    page_cap: int | None = None
    empty_every: int = 0
    per_user_minute: int | None = None
    freebusy_errors: dict[str, str] = field(default_factory=dict)
    max_channel_seconds: int = 604_800
    channels: dict[str, channels.Channel] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    list_seq: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lock: threading.RLock = field(default_factory=threading.RLock)
    generation: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self.consents = Consents(self.panel.now)
        self._spent: dict[str, deque[datetime]] = defaultdict(deque)

    @property
    def requests(self) -> list[Seen]:
        return self.panel.requests

    def now(self) -> datetime:
        return self.panel.now()

    def add_user(self, email: str, *, name: str = "", zone: str = "Europe/Amsterdam") -> User:
        """A person with an empty primary calendar."""
        with self.lock:
            sub = str(10**20 + secrets.randbelow(10**20))
            user = User(world=self, email=email, name=name or email.partition("@")[0], sub=sub, zone=zone)
            self.users[email] = user
            self.make_calendar(email, email, email, zone).primary = True
            return user

    def user(self, email: str) -> User:
        return self.users[email]

    def app(
        self, client_id: str, secret: str, redirect_uris: tuple[str, ...] | list[str], *, testing: bool = False
    ) -> App:
        """Register an OAuth client. `testing`: refresh tokens die after 7 days."""
        app = App(client_id=client_id, secret=secret, redirect_uris=tuple(redirect_uris), testing=testing)
        self.apps[client_id] = app
        return app

    def make_calendar(self, calendar_id: str, owner: str, summary: str, zone: str, created_by: str = "") -> Calendar:
        with self.lock:
            made = Calendar(
                id=calendar_id, owner=owner, summary=summary, zone=zone, now=self.now, created_by=created_by
            )
            made.roles[owner] = "owner"
            made.changed.append(lambda: channels.tell(self, made))
            self.calendars[calendar_id] = made
            self.list_changed(owner)
            return made

    def list_changed(self, email: str) -> None:
        self.list_seq[email] += 1

    def reach(self, email: str, calendar_id: str) -> tuple[Calendar, str]:
        """The calendar and the person's role in it. Raises ApiError 404."""
        found = self.calendars.get(email if calendar_id == "primary" else calendar_id)
        if found is None or email not in found.roles:
            raise not_found()
        return found, found.roles[email]

    def spend(self, email: str) -> None:
        """Count a call against the person's quota. Raises ApiError 403."""
        if self.per_user_minute is None:
            return
        spent, now = self._spent[email], self.now()
        while spent and (now - spent[0]).total_seconds() >= 60:
            spent.popleft()
        if len(spent) >= self.per_user_minute:
            raise quota("user-403")
        spent.append(now)

    # What goes wrong, by name

    def refuse(self, error: ApiError, *, method: str = "*", path: str = "^/calendar/", **when: object) -> Fault:
        """Answer matching requests with an error in Google's shape; `when` as for Panel.fault."""
        return self.panel.fault(method, path, status=error.status, body=error.body, headers=error.headers, **when)

    def break_quota(self, shape: str = "user-403", *, times: int | None = 1, after: int = 0) -> Fault:
        """A burst of quota errors: user-403, project-403, 429 or abuse-403."""
        return self.refuse(quota(shape), times=times, after=after)

    def expire_sync_tokens(self) -> None:
        for calendar in self.calendars.values():
            CalendarApp(self, calendar).expire_sync_tokens()

    def mail(self, calendar: Calendar, stored: Stored, send_updates: str, what: str) -> None:
        """Note what Google would have mailed to the guests."""
        guests = [
            guest["email"]
            for guest in cast("list[dict[str, str]]", stored.data.get("attendees") or [])
            if guest.get("email") != calendar.owner
        ]
        if guests and send_updates != "none":
            self.mails.append({"to": guests, "event": stored.data["id"], "what": what, "sendUpdates": send_updates})

    def live(self, stored: Stored) -> Stored:
        if stored.cancelled:
            raise deleted()
        return stored

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Webhooks are lost inside."""
        self.panel.deliveries.lose = True
        try:
            yield
        finally:
            self.panel.deliveries.lose = False
