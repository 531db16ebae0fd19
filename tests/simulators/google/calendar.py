"""One calendar: its events, their versions, and what changed since when."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from tests.simulators.google.errors import Json, not_found
from tests.simulators.google.recurrence import Instance, expand, read_moment

HORIZON = timedelta(days=730)
"""How far ahead endless series are expanded."""
ROLES = ("freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


@dataclass(kw_only=True)
class Stored:
    """A single event, a series or an exception as stored; `seq` is the change that last touched it. `dropped` are the
    instance ids of a series that a change took away, with the change's number."""

    data: Json
    seq: int
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def cancelled(self) -> bool:
        return self.data.get("status") == "cancelled"

    @property
    def master(self) -> str | None:
        """The series of an exception."""
        return cast("str | None", self.data.get("recurringEventId"))


@dataclass(kw_only=True)
class Calendar:
    """`roles` by mail address; `entries` are the people's own settings of the list entry. `epochs` by mail address:
    sync tokens of an earlier epoch are dead."""

    id: str
    owner: str
    summary: str
    zone: str
    now: Callable[[], datetime]
    created_by: str = ""
    primary: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Json] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    events: dict[str, Stored] = field(default_factory=dict)
    by_master: dict[str, set[str]] = field(default_factory=dict)
    seq: int = 0
    changed: list[Callable[[], None]] = field(default_factory=list)

    @property
    def owner_zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    # Reading

    def etag(self, stored: Stored) -> str:
        return f'"{3_181_161_784_712_000 + stored.seq * 2000}"'

    def find(self, event_id: str) -> Stored:
        """A stored event, or an instance of a series made up on the spot. Raises ApiError 404."""
        if found := self.events.get(event_id):
            return found
        master_id, _, stamp = event_id.rpartition("_")
        series = self.events.get(master_id)
        if series is None or not series.data.get("recurrence"):
            raise not_found()
        for instance in expand(series.data, self.owner_zone, self.horizon()):
            if instance.stamp == stamp:
                return Stored(data=self.instance(series, instance), seq=series.seq)
        raise not_found()

    def horizon(self) -> datetime:
        return self.now() + HORIZON

    def instance(self, series: Stored, instance: Instance) -> Json:
        """An unexceptional instance of a series in Google's JSON."""
        data = {name: value for name, value in series.data.items() if name != "recurrence"}
        begin, finish = instance.start.json(self.owner_zone), instance.end.json(self.owner_zone)
        data |= {"id": f"{series.data['id']}_{instance.stamp}", "recurringEventId": series.data["id"]}
        return data | {"start": begin, "end": finish, "originalStartTime": begin}

    def exceptions(self, master_id: str) -> dict[str, Stored]:
        return {name: self.events[name] for name in sorted(self.by_master.get(master_id, ()))}

    def instances(self, series: Stored, until: datetime | None = None) -> Iterator[Stored]:
        """Every instance, exceptions (cancelled ones too) in their place."""
        own = self.exceptions(str(series.data["id"]))
        for item in expand(series.data, self.owner_zone, until or self.horizon()):
            name = f"{series.data['id']}_{item.stamp}"
            yield own.pop(name) if name in own else Stored(data=self.instance(series, item), seq=series.seq)
        yield from own.values()

    def span(self, data: Mapping[str, object]) -> tuple[datetime, datetime]:
        """Start and end, UTC. An exception without times stands where it was."""
        start = read_moment(data.get("start") or data.get("originalStartTime"), "start", self.owner_zone)
        end = read_moment(data["end"], "end", self.owner_zone) if data.get("end") else start
        return start.instant(self.owner_zone), end.instant(self.owner_zone)

    # Changing

    def store(self, data: Json, *, quiet: bool = False) -> Stored:
        """Keep `data` (with its id) as the event's new state; number the change and tell the watchers."""
        self.seq += 1
        before = self.events.get(str(data["id"]))
        stored = Stored(data=copy.deepcopy(data), seq=self.seq, dropped=dict(before.dropped) if before else {})
        stamp = self.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stored.data.setdefault("created", stamp)
        stored.data["updated"] = stamp
        if before is not None and before.data.get("recurrence"):
            self._drop(before, stored)
        self.events[str(data["id"])] = stored
        if master := stored.master:
            self.by_master.setdefault(master, set()).add(str(data["id"]))
        if not quiet:
            self.tell()
        return stored

    def _drop(self, before: Stored, after: Stored) -> None:
        def names(series: Stored) -> set[str]:
            if series.cancelled or not series.data.get("recurrence"):
                return set()
            found = expand(series.data, self.owner_zone, self.horizon())
            return {f"{series.data['id']}_{item.stamp}" for item in found}

        left = names(after)
        after.dropped |= dict.fromkeys(names(before) - left, self.seq)
        for name in left:
            after.dropped.pop(name, None)
        if not after.cancelled:  # exceptions of what the series no longer has end with it
            for name, stored in self.exceptions(str(after.data["id"])).items():
                if name not in left and not stored.cancelled:
                    self.events[name] = Stored(data=stored.data | {"status": "cancelled"}, seq=self.seq)

    def cancel(self, stored: Stored, *, quiet: bool = False) -> None:
        """What deleting does: the id stays, the event is cancelled."""
        self.store(stored.data | {"status": "cancelled"}, quiet=quiet)

    def purge(self) -> None:
        """Forget deleted events for good, as Google does some day; their ids are free again."""
        for name in [name for name, item in self.events.items() if item.cancelled and not item.master]:
            del self.events[name]
            for exception in self.by_master.pop(name, set()):
                del self.events[exception]

    def tell(self) -> None:
        for watcher in list(self.changed):
            watcher()


def new_id() -> str:
    """An id as Google makes them."""
    return "".join(secrets.choice("0123456789abcdefghijklmnopqrstuv") for _ in range(26))
