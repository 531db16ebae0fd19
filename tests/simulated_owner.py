"""What a person does in their own calendar app, at whichever simulated provider."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from booking_app.domain.clock import from_instant, to_instant
from tests.simulated_office import CLIENT, SECRET
from tests.simulators.google.errors import quota
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld
from tests.simulators.microsoft.errors import throttled
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld
from tests.simulators.panel import Seen

ANNA = "anna@person.example"
PLANTED = "Planted secret"
CREATION = "/events$"
"""The path to which a new event is posted, as a pattern."""


World = TypeVar("World", bound=GoogleWorld | MicrosoftWorld)


class _Owner(Generic[World]):
    """The first calendar of `email`. Times are instants; events are named by their id."""

    name: str

    def __init__(self, world: World, email: str = ANNA) -> None:
        self.world = world
        self.email = email
        self.panel = world.panel

    def register(self, callback: str) -> None:
        self.world.app(CLIENT, SECRET, [callback])

    def expire(self) -> None:
        """The next request needs another access token, for which Microsoft gives another refresh token, too."""
        self.world.consents.expire_access()

    def access_tokens(self) -> list[str]:
        """All that were ever handed out."""
        return list(self.world.consents.access)

    @property
    def url(self) -> str:
        return self.world.url

    @property
    def requests(self) -> list[Seen]:
        return self.world.requests

    @property
    def mails(self) -> list[dict[str, object]]:
        return self.world.mails


class AtGoogle(_Owner[GoogleWorld]):
    name = "google"

    def __init__(self, world: GoogleWorld, email: str = ANNA) -> None:
        super().__init__(world, email)
        self.app = world.add_user(email, zone="UTC").calendar()

    def put(self, start: int, minutes: int = 15) -> str:
        return self.app.put({"summary": PLANTED, "description": PLANTED, **_google(start, minutes)})

    def move(self, event: str, start: int, minutes: int = 15) -> None:
        self.app.change(event, **_google(start, minutes))

    def delete(self, event: str) -> None:
        self.app.delete(event)

    def names(self) -> list[str]:
        return [str(each["id"]) for each in self.app.events()]

    def texts(self) -> dict[str, str]:
        return {str(each["id"]): str(each) for each in self.app.events()}

    def add(self, event: str, **what: Any) -> None:
        """Colour, reminders, whatever else of the provider's an owner adds to an event."""
        self.app.change(event, **what)

    def shown(self, event: str) -> dict[str, Any]:
        return next({**each} for each in self.app.events() if each["id"] == event)

    def starts(self) -> list[int]:
        found: list[Any] = [each["start"] for each in self.app.events()]
        return [to_instant(datetime.fromisoformat(each["dateTime"])) for each in found]

    def revoke(self) -> None:
        self.world.consents.revoke(None, self.email)
        self.world.consents.expire_access()

    def refresh_tokens(self) -> list[str]:
        return [each.refresh for each in self.world.consents.grants if each.refresh]

    def channels(self) -> list[str]:
        return list(self.world.channels)

    def forget_cursors(self) -> None:
        self.world.expire_sync_tokens()

    def slow_down(self) -> None:
        self.world.refuse(quota("429"))


class AtMicrosoft(_Owner[MicrosoftWorld]):
    name = "microsoft"

    def __init__(self, world: MicrosoftWorld, email: str = ANNA) -> None:
        super().__init__(world, email)
        self.app = world.add_user(email).calendar()

    def put(self, start: int, minutes: int = 15) -> str:
        body = {"contentType": "text", "content": PLANTED}
        return self.app.put({"subject": PLANTED, "body": body, **_graph(start, minutes)})

    def move(self, event: str, start: int, minutes: int = 15) -> None:
        self.app.change(event, **_graph(start, minutes))

    def delete(self, event: str) -> None:
        self.app.delete(event)

    def names(self) -> list[str]:
        return [each.id for each in self.app.events()]

    def texts(self) -> dict[str, str]:
        return {each.id: str(each.data) for each in self.app.events()}

    def add(self, event: str, **what: Any) -> None:
        """Categories, reminders, whatever else of the provider's an owner adds to an event."""
        self.app.change(event, **what)

    def shown(self, event: str) -> dict[str, Any]:
        return next({**each.data} for each in self.app.events() if each.id == event)

    def starts(self) -> list[int]:
        found: list[Any] = [each.data["start"] for each in self.app.events()]
        assert {each["timeZone"] for each in found} <= {"UTC"}
        return [to_instant(datetime.fromisoformat(each["dateTime"]).replace(tzinfo=UTC)) for each in found]

    def revoke(self) -> None:
        self.world.consents.revoke(self.email)
        self.world.consents.expire_access()

    def refresh_tokens(self) -> list[str]:
        consents = self.world.consents
        return [*consents.spent, *(token for each in consents.grants for token in each.refresh)]

    def channels(self) -> list[str]:
        return list(self.world.subscriptions)

    def forget_cursors(self) -> None:
        self.app.expire_delta()

    def slow_down(self) -> None:
        self.world.refuse(throttled(1))


Owner = AtGoogle | AtMicrosoft


@contextlib.contextmanager
def owner_at(provider: str, email: str = ANNA) -> Iterator[Owner]:
    """Somebody at a running simulation of `provider`."""
    if provider == "google":
        with google_simulator() as google:
            yield AtGoogle(google, email)
    else:
        with microsoft_simulator() as microsoft:
            yield AtMicrosoft(microsoft, email)


def _google(start: int, minutes: int) -> dict[str, Any]:
    ends = {"start": from_instant(start), "end": from_instant(start + minutes * 60)}
    return {name: {"dateTime": moment.isoformat()} for name, moment in ends.items()}


def _graph(start: int, minutes: int) -> dict[str, Any]:
    ends: dict[str, datetime] = {"start": from_instant(start), "end": from_instant(start + minutes * 60)}
    return {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in ends.items()}
