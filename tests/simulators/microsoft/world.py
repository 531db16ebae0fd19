"""Everything a simulated Microsoft knows, and the handles of tests: people and their Outlook, app registrations."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulators.microsoft import subscriptions, zones
from tests.simulators.microsoft.delta import Round
from tests.simulators.microsoft.errors import GraphError, Json, denied, throttled, unavailable
from tests.simulators.microsoft.mailbox import Calendar, Instance, Item, Mailbox
from tests.simulators.microsoft.outlook import CalendarApp as CalendarApp
from tests.simulators.microsoft.tokens import App, Consents, new_guid
from tests.simulators.panel import Fault, Panel, Seen

CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts."""
_CURSORS_KEPT = 100_000


@dataclass(kw_only=True, repr=False)
class User:
    """`blocked`: their organisation lets nobody consent by themselves. `has_mailbox` False: an account without
    Outlook. `shows_email` False: the id token has no email claim, as of accounts without a mail address."""

    world: MicrosoftWorld
    email: str
    name: str
    oid: str
    tid: str
    mailbox: Mailbox
    blocked: bool = False
    has_mailbox: bool = True
    shows_email: bool = True

    @property
    def personal(self) -> bool:
        return self.tid == CONSUMERS

    def calendar(self, calendar_id: str | None = None) -> CalendarApp:
        """The calendar as its owner sees it in Outlook; the default one unless named."""
        found = self.mailbox.default if calendar_id is None else self.mailbox.calendars[calendar_id]
        return CalendarApp(self.world, self, found)

    def add_calendar(
        self, name: str, *, can_edit: bool = True, owner: str | None = None, hex_color: str = ""
    ) -> CalendarApp:
        """Another calendar; `owner` is who shared it with them, if not their own."""
        with self.world.lock:
            made = self.mailbox.add_calendar(
                name, can_edit=can_edit, owner=owner or self.email, hex_color=hex_color, color="auto"
            )
            return CalendarApp(self.world, self, made)


@dataclass(repr=False)
class MicrosoftWorld:
    """`requests` and `mails` (what Outlook would have sent to attendees) are for tests to read.

    How hard it is to talk to: `latency` seconds before every answer, `at_once` requests of one mailbox at the same
    time, `per_ten_minutes` of one app and mailbox. `page_size` if none is asked for, `page_cap` bounds
    every page. `days_in_utc`: views place whole
    days in UTC. `links_to` is the address that links lead to, if not `url`.

    What a delta does: `lag` seconds until it shows a change, `delta_masters` whether series show themselves, `replay`
    every item twice, the first time as it no longer is, `resend` so many rounds show everything again, `delta_empty` an
    empty page in front of each.

    Signing in: `rotate`: a used refresh token is dead at once; `short_scopes` are named without their resource.

    Writing: `repeat_succeeds` an identical creation is answered with the first one; `duplicate_status` of a refusal.

    Subscriptions: `one_per_resource` refuses a second one, `calendar_resources` accepts single calendars, messages of
    `batch_seconds` go together."""

    panel: Panel = field(default_factory=lambda: Panel("Microsoft"))
    url: str = ""
    tenant: str = field(default_factory=new_guid)
    users: dict[str, User] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    mails: list[Json] = field(default_factory=list)
    latency: float = 0.002
    at_once: int = 4
    per_ten_minutes: int = 10_000
    page_size: int = 10
    page_cap: int | None = None
    rotate: bool = False
    days_in_utc: bool = False
    links_to: str | None = None
    lag: float = 0.0
    delta_masters: bool = True
    replay: bool = False
    resend: int = 0
    delta_empty: bool = False
    repeat_succeeds: bool = True
    duplicate_status: int = 409
    spurious_conflicts: int = 0
    one_per_resource: bool = True
    calendar_resources: bool = False
    max_subscription_minutes: int = 10_080
    batch_seconds: float = 0.02
    short_scopes: bool = False
    transactions: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    subscriptions: dict[str, subscriptions.Subscription] = field(default_factory=dict)
    cursors: OrderedDict[str, Round] = field(default_factory=OrderedDict)
    in_flight: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_at_once: int = 0
    too_early: list[tuple[str, datetime]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.consents = Consents(self.panel.now, lambda: self.rotate)
        self.notices = subscriptions.Notices(self)
        self._spent: dict[str, deque[datetime]] = defaultdict(deque)
        self._closed: dict[str, datetime] = {}

    @property
    def requests(self) -> list[Seen]:
        return self.panel.requests

    @property
    def base(self) -> str:
        """What links in answers begin with."""
        return f"{self.links_to or self.url}/v1.0"

    def now(self) -> datetime:
        return self.panel.now()

    def add_user(
        self, email: str, *, name: str = "", zone: str = "Europe/Amsterdam", personal: bool = False, tenant: str = ""
    ) -> User:
        """A person with an empty calendar; `zone` is IANA's name of their mailbox's."""
        with self.lock:
            mailbox = Mailbox(owner=email.lower(), zone=zones.windows(zone), now=self.now)
            user = User(
                world=self,
                email=email.lower(),
                name=name or email.partition("@")[0],
                oid=new_guid(),
                tid=CONSUMERS if personal else tenant or self.tenant,
                mailbox=mailbox,
            )
            mailbox.add_calendar("Calendar", default=True)
            self.users[user.email] = user
            return user

    def user(self, email: str) -> User:
        return self.users[email.lower()]

    def app(self, client_id: str, secret: str, redirect_uris: tuple[str, ...] | list[str], *, tenant: str = "") -> App:
        """Register an app."""
        made = App(client_id=client_id, secret=secret, redirect_uris=tuple(redirect_uris), tenant=tenant)
        self.apps[client_id] = made
        return made

    # What each call costs

    def spend(self, mailbox: str, client_id: str, *, crowded: bool) -> None:
        """Count a call. Raises GraphError 429."""
        now = self.now()
        if mailbox in self._closed:
            left = (self._closed[mailbox] - now).total_seconds()
            if left > 0:
                self.too_early.append((mailbox, now))
                raise throttled(int(left) + 1, "RequestsPer10Minutes")
            del self._closed[mailbox]
        if crowded:
            raise throttled(1)
        spent = self._spent[f"{client_id} {mailbox}"]
        while spent and (now - spent[0]).total_seconds() >= 600:
            spent.popleft()
        spent.append(now)
        if len(spent) > self.per_ten_minutes:
            raise throttled(int(600 - (now - spent[0]).total_seconds()) + 1, "RequestsPer10Minutes")

    def throttle(self, email: str, seconds: float) -> None:
        """Answer 429 to everything for this mailbox for so long. Whoever asks again before the end of what Retry-After
        said is found in `too_early`, the first request excepted."""
        self._closed[email.lower()] = self.now() + timedelta(seconds=seconds)

    # What goes wrong, by name

    def refuse(self, error: GraphError, *, method: str = "*", path: str = "^/v1.0/", **when: object) -> Fault:
        """Answer matching requests with an error in Graph's shape; `when` as for Panel.fault."""
        return self.panel.fault(method, path, status=error.status, body=error.body, headers=error.headers, **when)

    def burst_429(self, times: int | None = 1, *, retry_after: int = 1, after: int = 0) -> Fault:
        return self.refuse(throttled(retry_after), times=times, after=after)

    def burst_503(self, times: int | None = 1, *, retry_after: int | None = None, after: int = 0) -> Fault:
        return self.refuse(unavailable(retry_after), times=times, after=after)

    def deny(self, path: str, times: int | None = None) -> Fault:
        """403 for what matches, as a tenant's policy does."""
        return self.refuse(denied(), path=path, times=times)

    def expire_delta(self, email: str | None = None) -> None:
        """The next delta rounds answer 410."""
        with self.lock:
            for cursor in self.cursors.values():
                if email is None or cursor.email == email.lower():
                    cursor.expired = True

    def remember(self, token: str, cursor: Round) -> None:
        self.cursors[token] = cursor
        while len(self.cursors) > _CURSORS_KEPT:
            self.cursors.popitem(last=False)

    # What others get to know

    def mail(self, instance: Instance, what: str) -> None:
        """Note what Outlook would have sent to the attendees."""
        attendees = instance.data.get("attendees")
        guests = [each["emailAddress"]["address"] for each in attendees] if isinstance(attendees, list) else []
        others = [address for address in guests if address.lower() != instance.item.calendar.owner]
        if others:
            self.mails.append({"to": others, "event": instance.item.key, "what": what})

    def tell(self, calendar: Calendar, item: Item, what: str) -> None:
        """Tell subscribers: `created`, `updated` or `deleted`."""
        self.notices.tell(calendar, item, what)

    def lifecycle(self, event: str, subscription_id: str | None = None) -> None:
        """Send `reauthorizationRequired`, `subscriptionRemoved` (which ends it) or `missed` to all or one."""
        with self.lock:
            for name in [subscription_id] if subscription_id else list(self.subscriptions):
                self.notices.lifecycle(self.subscriptions[name], event)

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until all messages have been sent; held ones do not count."""
        self.notices.flush()
        self.panel.deliveries.settle(seconds)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Webhooks are lost inside."""
        self.notices.flush()
        self.panel.deliveries.lose = True
        try:
            yield
        finally:
            self.notices.flush()
            self.panel.deliveries.lose = False
