"""Whoever follows the simulated Google by sync tokens knows the same as who reads it afresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.google.discovery import Query
from tests.simulators.google.errors import Json
from tests.simulators.google.listing import list_events
from tests.simulators.google.world import CalendarApp, GoogleWorld

ANN = "ann@example.com"
NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
SERIES = ["RRULE:FREQ=DAILY;COUNT=4", "RRULE:FREQ=DAILY;COUNT=6", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3"]
OPERATIONS = ("put", "series", "move", "rule", "delete", "instance", "cancel", "decline", "read")
Steps = list[tuple[str, int, int]]


def times(day: int) -> dict[str, object]:
    start = NOW + timedelta(days=day, hours=day % 5)
    zone = "Europe/Amsterdam"
    return {
        "start": {"dateTime": start.isoformat(), "timeZone": zone},
        "end": {"dateTime": (start + timedelta(hours=1)).isoformat(), "timeZone": zone},
    }


def act(app: CalendarApp, operation: str, which: int, value: int) -> None:
    names = [name for name, item in app.calendar.events.items() if item.master is None]
    if operation == "put" or not names:
        app.put(times(value))
        return
    if operation == "series":
        app.put({**times(value), "recurrence": [SERIES[value % 3]]})
        return
    name = names[which % len(names)]
    stored = app.calendar.events[name]
    if stored.cancelled:
        return
    if operation == "move":
        app.change(name, **times(value))
    elif operation == "rule" and stored.data.get("recurrence"):
        app.change(name, recurrence=[SERIES[value % 3]])
    elif operation == "delete":
        app.delete(name)
    elif operation == "decline":
        app.change(name, attendees=[{"email": ANN, "responseStatus": "declined" if value % 2 else "accepted"}])
    elif operation in ("instance", "cancel") and stored.data.get("recurrence"):
        items = [item for item in app.calendar.instances(stored) if not item.cancelled]
        if items and operation == "cancel":
            app.delete(str(items[value % len(items)].data["id"]))
        elif items:
            app.change(str(items[value % len(items)].data["id"]), **times(value))


class Follower:
    """A client of one kind of listing."""

    def __init__(self, world: GoogleWorld, app: CalendarApp, availability: bool, **values: str) -> None:
        self.world, self.app, self.availability, self.values = world, app, availability, values
        self.known: dict[str, Json] = {}
        self.token: str | None = None
        self.read()

    def pages(self, **more: str) -> tuple[list[Json], str]:
        items: list[Json] = []
        values = {**self.values, **more}
        while True:
            query = Query(values=values, lists={})
            with self.world.lock:
                found = list_events(self.world, ANN, self.app.calendar, query, availability=self.availability)
            items += cast("list[Json]", found["items"])
            if "nextPageToken" not in found:
                return items, str(found["nextSyncToken"])
            values["pageToken"] = str(found["nextPageToken"])

    def read(self) -> None:
        items, self.token = self.pages(**({"syncToken": self.token} if self.token else {}))
        for item in items:
            if item["status"] == "cancelled" and (self.single or "recurringEventId" not in item):
                self.known.pop(str(item["id"]), None)
            else:
                self.known[str(item["id"])] = item
        masters = {str(item["id"]) for item in self.known.values() if "recurringEventId" not in item}
        if not self.single:  # exceptions live as long as their series
            self.known = {
                name: item
                for name, item in self.known.items()
                if "recurringEventId" not in item or item["recurringEventId"] in masters
            }

    @property
    def single(self) -> bool:
        return self.availability or self.values.get("singleEvents") == "true"

    def check(self) -> None:
        self.read()
        fresh = {str(item["id"]): item for item in self.pages()[0]}
        drop = ("etag", "updated")
        assert {name: {k: v for k, v in item.items() if k not in drop} for name, item in self.known.items()} == {
            name: {k: v for k, v in item.items() if k not in drop} for name, item in fresh.items()
        }


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 20), st.integers(0, 20)), max_size=25),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([0, 2, 3]),
)
def test_p09_following_by_sync_tokens_equals_reading_afresh(steps: Steps, cap: int | None, empty: int) -> None:
    world = GoogleWorld(page_cap=cap, empty_every=empty)
    world.panel.clock = lambda: NOW
    app = world.add_user(ANN).calendar()
    followers = [
        Follower(world, app, False),
        Follower(world, app, False, singleEvents="true"),
        Follower(world, app, True),
    ]
    for operation, which, value in steps:
        if operation == "read":
            for follower in followers:
                follower.read()
            continue
        act(app, operation, which, value)
    for follower in followers:
        follower.check()
