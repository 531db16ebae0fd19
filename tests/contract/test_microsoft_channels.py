"""Subscriptions of a mailbox at the simulated Microsoft: asked for, told by, extended, ended. Never two, never lost."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from booking_app.domain.clock import from_instant, utc_now
from booking_app.sync import vendors
from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.model import Mode, Opened
from booking_app.sync.providers.microsoft_channels import MicrosoftNotifier
from tests.contract.backends import LOCAL, OWNER, Lent, ref
from tests.simulators.microsoft.errors import GraphError
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld
from tests.simulators.serving import serving

SECRET = "s" * 43
EVENT: dict[str, Any] = {
    "subject": "Planted secret",
    "start": {"dateTime": "2027-03-10T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2027-03-10T10:00:00", "timeZone": "UTC"},
}
Open = Callable[..., MicrosoftNotifier]


@dataclass
class Inbox:
    """Our side. `deaf`: it does not know how to answer a handshake."""

    url: str = ""
    deaf: bool = False
    items: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        if token := request.query_params.get("validationToken"):
            return PlainTextResponse("<p>Hello</p>" if self.deaf else token)
        self.items += json.loads(await request.body())["value"]
        return Response(status_code=202)


@pytest.fixture(scope="module")
def running() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        yield world


@pytest.fixture
def world(running: MicrosoftWorld) -> Iterator[MicrosoftWorld]:
    running.add_user(OWNER)
    yield running
    running.panel.heal()
    running.subscriptions.clear()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    app = Starlette(routes=[Route("/{which}", made.__call__, methods=["POST"])])
    with serving(app) as url:
        made.url = url
        yield made


@pytest.fixture
async def opened(world: MicrosoftWorld) -> AsyncIterator[Open]:
    made: list[MicrosoftNotifier] = []

    def notifier(mode: Mode = Mode.FULL) -> MicrosoftNotifier:
        vendor = vendors.microsoft(world.url)
        app = world.apps.get("contract") or world.app("contract", "secret", [f"{world.url}/back"])
        tokens = Lent(world.consents.issue(world.consents.consent(app, OWNER, frozenset(vendor.scopes[mode]))))
        made.append(MicrosoftNotifier(tokens, vendor=vendor, mode=mode, policy=LOCAL))
        return made[-1]

    yield notifier
    for each in made:
        await each.release()


async def subscribe(notifier: MicrosoftNotifier, inbox: Inbox, *, which: str = "here", secret: str = SECRET) -> Opened:
    return await notifier.open(None, uid="ours", address=f"{inbox.url}/{which}", secret=secret)


def arrived(inbox: Inbox) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while not inbox.items and time.monotonic() < deadline:
        time.sleep(0.01)
    return inbox.items


async def test_a_change_is_told_with_the_secret_and_the_lasting_id(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    channel = await subscribe(opened(), inbox)
    left = from_instant(channel.expires_at) - utc_now()
    assert timedelta(days=6, hours=23) < left < timedelta(days=7)
    (asked,) = [each for each in world.requests if each.path.endswith("/subscriptions")]
    said = json.loads(asked.body)
    assert said["resource"] == "me/events"
    assert said["lifecycleNotificationUrl"] == said["notificationUrl"] == f"{inbox.url}/here"
    name = world.user(OWNER).calendar().put(EVENT)
    (item,) = arrived(inbox)
    assert (item["subscriptionId"], item["clientState"]) == (channel.remote_id, SECRET)
    assert item["resourceData"]["id"] == name


async def test_what_is_held_is_extended_and_what_is_gone_is_not(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    notifier = opened()
    channel = await subscribe(notifier, inbox)
    world.subscriptions[channel.remote_id].expires = utc_now() + timedelta(hours=1)
    longer = await notifier.extend(channel)
    assert longer is not None
    assert longer.remote_id == channel.remote_id
    assert from_instant(longer.expires_at) > utc_now() + timedelta(days=6)
    await notifier.close(channel)
    assert world.subscriptions == {}
    await notifier.close(channel)
    assert await notifier.extend(channel) is None


async def test_an_outage_is_not_taken_for_an_end(world: MicrosoftWorld, inbox: Inbox, opened: Open) -> None:
    notifier = opened()
    channel = await subscribe(notifier, inbox)
    for status in (404, 503):
        world.panel.fault("*", "/subscriptions/", status=status, body=b"<html>", times=2)
        with pytest.raises(Transient):
            await notifier.extend(channel)
        with pytest.raises(Transient):
            await notifier.close(channel)
    assert list(world.subscriptions) == [channel.remote_id]


async def test_a_subscription_of_which_nobody_heard_is_replaced(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    notifier = opened()
    world.panel.fault("POST", "/subscriptions", drop="after")
    with pytest.raises(Transient):
        await subscribe(notifier, inbox, secret="t" * 43)
    assert len(world.subscriptions) == 1
    channel = await subscribe(notifier, inbox)
    assert list(world.subscriptions) == [channel.remote_id]
    world.user(OWNER).calendar().put(EVENT)
    assert [each["clientState"] for each in arrived(inbox)] == [SECRET]


async def test_the_subscription_of_another_installation_is_left_alone(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    notifier = opened()
    theirs = await subscribe(notifier, inbox, which="there")
    world.refuse(GraphError(409, "ExtensionError"), method="POST", path="/subscriptions$", times=2)
    with pytest.raises(Rejected):
        await subscribe(notifier, inbox)
    assert list(world.subscriptions) == [theirs.remote_id]


async def test_an_address_that_does_not_answer_the_handshake_is_said(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    inbox.deaf = True
    with pytest.raises(Rejected):
        await subscribe(opened(), inbox)
    assert world.subscriptions == {}


async def test_busy_times_only_come_without_pushes_and_ask_for_none(
    world: MicrosoftWorld, inbox: Inbox, opened: Open
) -> None:
    world.panel.requests.clear()
    assert opened().pushes
    assert not opened(Mode.BUSY).pushes
    with pytest.raises(Rejected):
        await subscribe(opened(Mode.BUSY), inbox)
    assert world.requests == []


async def test_one_covers_the_account(inbox: Inbox, opened: Open) -> None:
    assert not MicrosoftNotifier.per_calendar
    with pytest.raises(ValueError, match="account"):
        await opened().open(ref("calendar"), uid="ours", address=f"{inbox.url}/here", secret=SECRET)


async def test_a_subscription_of_somebody_else_with_the_same_mailbox_is_no_leftover(
    world: MicrosoftWorld, opened: Open, inbox: Inbox
) -> None:
    account = opened()  # the simulator tells duplicates by consent, so one stands for both
    first = await subscribe(account, inbox)
    with pytest.raises(Rejected):
        await account.open(
            None, uid="b", address=f"{inbox.url}/here", secret="b" * 43, spared=frozenset({first.remote_id})
        )
    assert list(world.subscriptions) == [first.remote_id]
