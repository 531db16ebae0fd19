"""What is asked of a provider: one budget for all that is asked, and each request counted by how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY

from booking_app.sync import vendors
from booking_app.sync.errors import Transient
from booking_app.sync.model import Mode, Opened
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers import table
from booking_app.sync.providers.caldav_read import expand_inline
from booking_app.sync.providers.table import Pools, notifier_opener, token_opener
from tests.contract.backends import LOCAL, OWNER, Lent
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld

STANDING = Opened(remote_id="none", resource_id="none", expires_at=0)


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleWorld]:
    with google_simulator() as world:
        world.add_user(OWNER)
        yield world


@dataclass
class Place:
    """One process at the simulated Google."""

    world: GoogleWorld
    pools: Pools
    opened: list[CalendarProvider] = field(default_factory=list)

    def tokens(self) -> TokenSource:
        scopes = frozenset(vendors.google().scopes[Mode.FULL])
        app = self.world.app("requests", "secret", ["http://127.0.0.1/callback"])
        return Lent(self.world.consents.issue(self.world.consents.consent(app, OWNER, scopes, offline=True)))

    def provider(self, tokens: TokenSource) -> CalendarProvider:
        make = token_opener(LOCAL, expand_inline, self.pools)
        self.opened.append(make("google", tokens, vendors.google(self.world.url), Mode.FULL))
        return self.opened[-1]

    def notifier(self, tokens: TokenSource) -> Notifier:
        return notifier_opener(LOCAL, self.pools)("google", tokens, vendors.google(self.world.url), Mode.FULL)


@pytest.fixture
async def place(running: GoogleWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(table, "GOOGLE_PROJECT", 8)  # half of which may come at once
    monkeypatch.setattr(table, "GOOGLE_USER", 4)
    made = Place(running, Pools())
    yield made
    running.panel.heal()
    await made.pools.close()


async def test_p41_events_and_channels_of_an_account_share_its_budget(place: Place) -> None:
    tokens = place.tokens()
    provider, notifier = place.provider(tokens), place.notifier(tokens)
    await provider.list_calendars()
    await notifier.close(STANDING)
    seen = len(place.world.requests)
    with pytest.raises(Transient, match="a little later"):
        await notifier.close(STANDING)
    with pytest.raises(Transient, match="a little later"):
        await provider.list_calendars()
    assert len(place.world.requests) == seen
    await place.provider(place.tokens()).list_calendars()


async def test_p41_events_and_channels_of_all_accounts_share_the_project(place: Place) -> None:
    for _ in range(2):
        tokens = place.tokens()
        await place.provider(tokens).list_calendars()
        await place.notifier(tokens).close(STANDING)
    for _ in range(2):
        tokens = place.tokens()
        with pytest.raises(Transient, match="a little later"):
            await place.provider(tokens).list_calendars()
        with pytest.raises(Transient, match="a little later"):
            await place.notifier(tokens).close(STANDING)


def counted(outcome: str, provider: str = "google") -> float:
    labels = {"provider": provider, "outcome": outcome}
    return REGISTRY.get_sample_value("booking_app_provider_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({}, "answered"),
        ({"status": 429}, "limited"),
        ({"status": 403}, "refused"),
        ({"status": 503}, "disturbed"),
    ],
)
async def test_p41_each_request_counts_by_how_it_ended(place: Place, fault: dict[str, object], outcome: str) -> None:
    provider = place.provider(place.tokens())
    before = counted(outcome)
    if fault:
        place.world.panel.fault("GET", "calendarList", **fault)
        with pytest.raises(Exception, match="Google"):
            await provider.list_calendars()
    else:
        await provider.list_calendars()
    assert counted(outcome) == before + 1
    assert [(each.provider, each.sent) for each in place.pools.use()] == [("google", 1), ("microsoft", 0)]


async def test_p41_what_is_not_answered_counts_too(place: Place) -> None:
    provider, before = place.provider(place.tokens()), counted("silent")
    place.world.panel.fault("GET", "calendarList", drop="before", times=None)
    with pytest.raises(Transient, match="broke off"):
        await provider.list_calendars()
    assert counted("silent") == before + 2, "a read is sent a second time"
    assert place.pools.use()[0].sent == 2
